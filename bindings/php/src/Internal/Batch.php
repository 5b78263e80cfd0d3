<?php

declare(strict_types=1);

namespace Wsc\Internal;

/**
 * Events copied out of the library, in their order, with a cursor.
 *
 * @internal
 */
final class Batch
{
    private int $next = 0;

    /**
     * @param list<Event|Messages> $items
     */
    public function __construct(private array $items = [])
    {
    }

    /**
     * What waits first. Messages stay there until each was taken from them.
     */
    public function front(): Event|Messages|null
    {
        while (isset($this->items[$this->next])) {
            $item = $this->items[$this->next];
            if ($item instanceof Event || isset($item->payloads[$item->next])) {
                return $item;
            }
            ++$this->next;
        }
        return null;
    }

    /**
     * As `front`, but takes it if it is an event.
     */
    public function take(): Event|Messages|null
    {
        $item = $this->front();
        if ($item instanceof Event) {
            ++$this->next;
        }
        return $item;
    }

    /**
     * Whether more than one event or message may be waiting.
     */
    public function hasSeveral(): bool
    {
        $item = $this->front();
        return isset($this->items[$this->next + 1])
            || ($item instanceof Messages && isset($item->payloads[$item->next + 1]));
    }

    /**
     * @param \Closure(Event|Messages): bool $wanted
     */
    public function contains(\Closure $wanted): bool
    {
        foreach (\array_slice($this->items, $this->next) as $item) {
            if ($wanted($item)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Moves the wanted among the waiting to a batch of their own.
     *
     * @param \Closure(Event|Messages): bool $wanted
     */
    public function extract(\Closure $wanted): self
    {
        $taken = $left = [];
        foreach (\array_slice($this->items, $this->next) as $item) {
            if (!$wanted($item)) {
                $left[] = $item;
            } else {
                // Somebody may be in the middle of these messages.
                $taken[] = $item instanceof Messages ? $item->split() : $item;
            }
        }
        $this->items = $left;
        $this->next = 0;
        return new self($taken);
    }

    /**
     * Puts the other batch's items in front of those waiting here.
     */
    public function prepend(self $other): void
    {
        $this->items = [...$other->items, ...\array_slice($this->items, $this->next)];
        $this->next = 0;
    }

    public function clear(): void
    {
        $this->items = [];
        $this->next = 0;
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Internal;

/**
 * The events between the library and the users' callbacks, and who receives
 * them. A receiver gets one event, or messages, all of which it takes.
 *
 * A callback may throw, suspend its Fiber, or deliver further events itself: the
 * cursors, here and in Messages, move before it runs and are read anew after it.
 *
 * Being registered is what keeps a connection alive when the user has dropped
 * every reference to it.
 *
 * @internal
 */
final class EventQueue
{
    /** @var list<Event|Messages> */
    private array $items = [];

    /** The item that waits first. Messages wait until each was taken from them. */
    private int $next = 0;

    private bool $interrupted = false;

    /** @var array<int, \Closure(Event|Messages): void> */
    private array $receivers = [];

    /** @var array<int, list<Event|Messages>> what paused connections would have been given already */
    private array $held = [];

    /** @var (\Closure(bool): void)|null */
    private ?\Closure $watcher = null;

    private ?bool $activityTold = null;

    /**
     * @param \Closure(Event|Messages): void $receiver
     */
    public function register(int $id, \Closure $receiver): void
    {
        $this->receivers[$id] = $receiver;
        $this->tellActivity();
    }

    public function unregister(int $id): void
    {
        unset($this->receivers[$id], $this->held[$id]);
        $this->tellActivity();
    }

    /**
     * Tells, now and when it changes, whether a connection may have an event yet.
     *
     * @param \Closure(bool): void $watcher
     */
    public function watchActivity(\Closure $watcher): void
    {
        $this->watcher = $watcher;
        $this->activityTold = null;
        $this->tellActivity();
    }

    private function tellActivity(): void
    {
        $active = $this->receivers !== [];
        if ($this->watcher !== null && $this->activityTold !== $active) {
            $this->activityTold = $active;
            ($this->watcher)($active);
        }
    }

    public function isEmpty(): bool
    {
        while (isset($this->items[$this->next])) {
            $item = $this->items[$this->next];
            if ($item instanceof Event || isset($item->payloads[$item->next])) {
                return false;
            }
            ++$this->next;
        }
        return true;
    }

    /**
     * Whether there is an event to deliver, or a connection that may have one yet.
     */
    public function isActive(): bool
    {
        return $this->receivers !== [] || !$this->isEmpty();
    }

    /**
     * Whether something may be left when the first callback has been called.
     */
    public function hasSeveral(): bool
    {
        $item = $this->items[$this->next] ?? null;
        return isset($this->items[$this->next + 1])
            || ($item instanceof Messages && isset($item->payloads[$item->next + 1]));
    }

    /**
     * Takes over what was polled. The queue must be empty.
     *
     * @param list<Event|Messages> $items
     */
    public function load(array $items): void
    {
        $this->items = $items;
        $this->next = 0;
        foreach ($this->held as $id => $held) {
            // The library holds back what a paused connection receives until
            // the pause ends, which the connection's own end does as well.
            if ($this->contains(self::receivedBy($id))) {
                unset($this->held[$id]);
                $this->prepend($held);
            }
        }
    }

    /**
     * Hands out what waits, until nothing does or `interrupt` is called.
     *
     * @return bool whether nothing is left
     */
    public function deliver(): bool
    {
        $this->interrupted = false;
        while (($item = $this->items[$this->next] ?? null) !== null) {
            if ($item instanceof Event) {
                ++$this->next;
            } elseif (!isset($item->payloads[$item->next])) {
                ++$this->next;
                continue;
            }
            $receiver = $this->receivers[$item->id] ?? null;
            if ($receiver !== null) {
                $receiver($item);
            } elseif ($item instanceof Messages) {
                $item->split();
            }
            if ($this->interrupted) {
                return false;
            }
        }
        // They would stay in memory until the next poll.
        $this->items = [];
        $this->next = 0;
        return true;
    }

    /**
     * Makes every running `deliver` return when its callback does. What waits stays.
     */
    public function interrupt(): void
    {
        $this->interrupted = true;
        $this->items = $this->extract(static fn (): bool => true);
    }

    /**
     * Drops what the connection has received; only the end of its attempt is still told.
     */
    public function discard(int $id): void
    {
        unset($this->held[$id]);
        $this->extract(static fn (Event|Messages $item): bool
            => $item->id === $id && !($item instanceof Event && $item->type === EventType::Close));
    }

    /**
     * Keeps what the connection has received until `release`, unless its end waits too.
     */
    public function hold(int $id): void
    {
        if (isset($this->receivers[$id]) && !isset($this->held[$id]) && !$this->holdsEndOf($id)) {
            $this->held[$id] = $this->extract(self::receivedBy($id));
        }
    }

    public function release(int $id): void
    {
        $this->prepend($this->held[$id] ?? []);
        unset($this->held[$id]);
    }

    public function holdsEndOf(int $id): bool
    {
        return $this->contains(static fn (Event|Messages $item): bool
            => $item->id === $id && $item instanceof Event && $item->isEnd());
    }

    /**
     * @return \Closure(Event|Messages): bool
     */
    private static function receivedBy(int $id): \Closure
    {
        return static fn (Event|Messages $item): bool
            => $item->id === $id && !($item instanceof Event && $item->isAboutSending());
    }

    /**
     * @param \Closure(Event|Messages): bool $wanted
     */
    private function contains(\Closure $wanted): bool
    {
        foreach (\array_slice($this->items, $this->next) as $item) {
            if ($wanted($item)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Takes the wanted out of what waits.
     *
     * @param \Closure(Event|Messages): bool $wanted
     *
     * @return list<Event|Messages>
     */
    private function extract(\Closure $wanted): array
    {
        $taken = $left = [];
        foreach (\array_slice($this->items, $this->next) as $item) {
            if (!$wanted($item)) {
                $left[] = $item;
            } else {
                // A receiver that is in the middle of these messages finds no more of them.
                $taken[] = $item instanceof Messages ? $item->split() : $item;
            }
        }
        $this->items = $left;
        $this->next = 0;
        return $taken;
    }

    /**
     * @param list<Event|Messages> $items
     */
    private function prepend(array $items): void
    {
        $this->items = [...$items, ...\array_slice($this->items, $this->next)];
        $this->next = 0;
    }
}

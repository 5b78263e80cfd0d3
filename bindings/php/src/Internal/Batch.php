<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\MessageType;

/**
 * Events copied out of the library, with a cursor: those from the cursor on are
 * waiting. The three lists run in parallel, because one list of arrays would
 * cost an allocation more per message.
 *
 * Whoever takes an event moves the cursor before the user's callback runs, and
 * reads it anew afterwards: the callback may throw, suspend its Fiber, take
 * further events itself, or have waiting ones removed.
 *
 * @internal
 */
final class Batch
{
    public int $next = 0;

    /**
     * @param list<int> $ids the connections
     * @param list<MessageType|null> $types null: no message, the payload is an Event
     * @param list<string|Event> $payloads
     */
    public function __construct(
        public array $ids = [],
        public array $types = [],
        public array $payloads = []
    ) {
    }

    public function isEmpty(): bool
    {
        return !isset($this->ids[$this->next]);
    }

    /**
     * @param \Closure(int, string|Event): bool $wanted
     */
    public function contains(\Closure $wanted): bool
    {
        for ($i = $this->next; isset($this->ids[$i]); ++$i) {
            if ($wanted($this->ids[$i], $this->payloads[$i])) {
                return true;
            }
        }
        return false;
    }

    /**
     * Moves the wanted among the waiting events to a batch of their own.
     *
     * @param \Closure(int, string|Event): bool $wanted
     */
    public function extract(\Closure $wanted): self
    {
        $taken = new self();
        $left = new self();
        for ($i = $this->next; isset($this->ids[$i]); ++$i) {
            $side = $wanted($this->ids[$i], $this->payloads[$i]) ? $taken : $left;
            $side->ids[] = $this->ids[$i];
            $side->types[] = $this->types[$i];
            $side->payloads[] = $this->payloads[$i];
        }
        $this->become($left->ids, $left->types, $left->payloads);
        return $taken;
    }

    /**
     * Puts the other batch's waiting events in front of this one's.
     */
    public function prepend(self $other): void
    {
        $this->become(
            [...\array_slice($other->ids, $other->next), ...\array_slice($this->ids, $this->next)],
            [...\array_slice($other->types, $other->next), ...\array_slice($this->types, $this->next)],
            [...\array_slice($other->payloads, $other->next), ...\array_slice($this->payloads, $this->next)]
        );
    }

    public function clear(): void
    {
        $this->become([], [], []);
    }

    /**
     * @param list<int> $ids
     * @param list<MessageType|null> $types
     * @param list<string|Event> $payloads
     */
    private function become(array $ids, array $types, array $payloads): void
    {
        $this->ids = $ids;
        $this->types = $types;
        $this->payloads = $payloads;
        $this->next = 0;
    }
}

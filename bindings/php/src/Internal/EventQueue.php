<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\MessageType;
use Wsc\Part;

/**
 * The events between the library and the users' callbacks, and who receives them.
 *
 * Most are handed out while they are in the library's memory, each in its turn. What has to wait for longer, or
 * to be looked for, is copied out of it.
 *
 * A callback may throw, suspend its Fiber, or deliver further events itself: the
 * cursors, here, in Batch and in Run, move before it runs and are read anew after it.
 *
 * A handler of asynchronous signals may run at every call and jump, and discard, hold
 * or copy what waits. An event is therefore taken first, without either in between, and
 * looked at then; what is not done so keeps the handlers out. A handler that delivers
 * events itself is not provided for.
 *
 * Being registered is what keeps a connection alive when the user has dropped
 * every reference to it.
 *
 * @internal
 */
final class EventQueue
{
    /** @var list<Event|Message> what was copied; it comes before the run's rest and the batch's */
    private array $items = [];

    /** The item that waits first. */
    private int $next = 0;

    /** The messages that are being handed out; what waits of them comes before what waits of the batch. */
    private Run $run;

    /** Whether there may be items, or messages of the run, that wait. */
    private bool $hasRest = false;

    /** Whether `interrupt` was called since this was reset. */
    public bool $interrupted = false;

    /** @var array<int, object> connections, by id */
    private array $receivers = [];

    /** @var array<int, Handlers> */
    private array $handlers = [];

    /** @var array<int, list<Event|Message>> what paused connections would have been given already */
    private array $held = [];

    /** @var (\Closure(bool): void)|null */
    private ?\Closure $watcher = null;

    private ?bool $activityTold = null;

    public function __construct(private readonly Batch $batch)
    {
        $this->run = new Run([], [], 0, 0, 0, MessageType::Text);
    }

    public function register(int $id, object $receiver, Handlers $handlers): void
    {
        $this->receivers[$id] = $receiver;
        $this->handlers[$id] = $handlers;
        $this->tellActivity();
    }

    public function unregister(int $id): void
    {
        unset($this->receivers[$id], $this->handlers[$id], $this->held[$id]);
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
        if ($this->watcher === null) {
            return;
        }
        $active = $this->receivers !== [];
        if ($this->activityTold !== $active) {
            $this->activityTold = $active;
            ($this->watcher)($active);
        }
    }

    public function isEmpty(): bool
    {
        return $this->batch->next >= $this->batch->count && (!$this->hasRest || $this->isRestOver());
    }

    private function isRestOver(): bool
    {
        return $this->items === [] && $this->run->next >= $this->run->end;
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
        return $this->hasRest || $this->batch->count - $this->batch->next > 1;
    }

    /**
     * Hands out what waits, until nothing does or `interrupt` is called.
     *
     * @return bool whether nothing is left
     */
    public function deliver(): bool
    {
        $batch = $this->batch;
        while (!$this->interrupted) {
            if ($this->hasRest) {
                $this->deliverRest();
                continue;
            }
            $at = $batch->next++;
            if ($at >= $batch->count) {
                return !$this->hasRest;
            }
            $slot = $batch->slots[$at];
            $id = $slot->conn_id;
            $receiver = $this->receivers[$id] ?? null;
            $handlers = $this->handlers[$id] ?? null;
            if ($receiver === null || $handlers === null) {
                continue;
            }
            $type = $slot->message_type;
            if ($type === 0) {
                $event = Batch::event($slot);
                if ($event !== null) {
                    ($handlers->event)($receiver, $event);
                }
                continue;
            }
            $type = $type === 1 ? MessageType::Text : MessageType::Binary;
            if ($at + 1 < $batch->count && ($length = $slot->run) > 1) {
                $run = new Run($batch->slots, $batch->data, $at, $at + 1, $id, $type);
                // Unless a signal handler has had the others copied.
                if ($batch->next === $at + 1) {
                    $batch->next = $run->end = $at + $length;
                    $this->run = $run;
                    $this->hasRest = true;
                }
                ($handlers->run)($receiver, $run);
                continue;
            }
            ($handlers->message)(
                $receiver,
                \FFI::string($batch->data[$at] ?? null, $slot->len),
                $type,
                $batch->hasParts ? Part::from($slot->part) : Part::Whole
            );
        }
        return false;
    }

    /**
     * Hands out the next copied item, or what a callback that did not return has left of a run.
     */
    private function deliverRest(): void
    {
        $this->hasRest = false;
        if ($this->isRestOver()) {
            return;
        }
        $this->hasRest = true;
        $item = $this->items[$this->next++] ?? $this->run;
        if ($this->next >= \count($this->items)) {
            $this->items = [];
            $this->next = 0;
        }
        $receiver = $this->receivers[$item->id] ?? null;
        $handlers = $this->handlers[$item->id] ?? null;
        if ($receiver === null || $handlers === null) {
            if ($item instanceof Run) {
                $item->next = $item->end;
            }
            return;
        }
        match (true) {
            $item instanceof Message => ($handlers->message)($receiver, $item->data, $item->type, $item->part),
            $item instanceof Run => ($handlers->run)($receiver, $item),
            default => ($handlers->event)($receiver, $item),
        };
    }

    /**
     * Makes every running `deliver` return when its callback does. What waits stays.
     */
    public function interrupt(): void
    {
        $signals = SignalPause::begin();
        $this->interrupted = true;
        // Ends the run, which asks nobody.
        $this->copy();
    }

    /**
     * Drops what the connection has received; only the end of its attempt is still told.
     */
    public function discard(int $id): void
    {
        $signals = SignalPause::begin();
        unset($this->held[$id]);
        $this->extract(static fn (Event|Message $item): bool
            => $item->id === $id && !($item instanceof Event && $item->type === EventType::Close));
    }

    /**
     * Keeps what the connection has received until `release`, unless its end waits too.
     */
    public function hold(int $id): void
    {
        $signals = SignalPause::begin();
        if (isset($this->receivers[$id]) && !isset($this->held[$id]) && !$this->holdsEndOf($id)) {
            $this->held[$id] = $this->extract(self::receivedBy($id));
        }
    }

    public function release(int $id): void
    {
        $signals = SignalPause::begin();
        $this->prepend($this->held[$id] ?? []);
        unset($this->held[$id]);
    }

    public function holdsEndOf(int $id): bool
    {
        $signals = SignalPause::begin();
        return $this->contains(static fn (Event|Message $item): bool
            => $item->id === $id && $item instanceof Event && $item->isEnd());
    }

    /**
     * To be called when a batch has come. The library holds back what a paused connection receives until the pause
     * ends, which the connection's own end does as well: then what was held comes first.
     */
    public function endPauses(): void
    {
        if ($this->held === []) {
            return;
        }
        $batch = $this->batch;
        $ended = [];
        for ($at = $batch->next; $at < $batch->count; ++$at) {
            $id = $batch->slots[$at]->conn_id;
            if (isset($this->held[$id]) && !$batch->isAboutSending($at)) {
                $ended[$id] = $id;
            }
        }
        foreach ($ended as $id) {
            $this->release($id);
        }
    }

    /**
     * @return \Closure(Event|Message): bool
     */
    private static function receivedBy(int $id): \Closure
    {
        return static fn (Event|Message $item): bool
            => $item->id === $id && ($item instanceof Message || $item->isControlFrame());
    }

    /**
     * Copies what waits out of the library's memory.
     *
     * @return list<Event|Message> all that waits
     */
    private function copy(): array
    {
        $items = \array_slice($this->items, $this->next);
        $run = $this->run;
        while (($at = $run->next++) < $run->end) {
            // A receiver that is in the middle of these messages finds no more of them.
            $items[] = new Message($run->id, $this->batch->string($at), $run->type, Part::Whole);
        }
        while ($this->batch->next < $this->batch->count) {
            $item = $this->batch->take();
            if ($item !== null) {
                $items[] = $item;
            }
        }
        $this->next = 0;
        $this->hasRest = true;
        return $this->items = $items;
    }

    /**
     * @param \Closure(Event|Message): bool $wanted
     */
    private function contains(\Closure $wanted): bool
    {
        foreach ($this->copy() as $item) {
            if ($wanted($item)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Takes the wanted out of what waits.
     *
     * @param \Closure(Event|Message): bool $wanted
     *
     * @return list<Event|Message>
     */
    private function extract(\Closure $wanted): array
    {
        $taken = $left = [];
        foreach ($this->copy() as $item) {
            if ($wanted($item)) {
                $taken[] = $item;
            } else {
                $left[] = $item;
            }
        }
        $this->items = $left;
        return $taken;
    }

    /**
     * @param list<Event|Message> $items
     */
    private function prepend(array $items): void
    {
        $this->items = [...$items, ...$this->copy()];
        $this->hasRest = true;
    }
}

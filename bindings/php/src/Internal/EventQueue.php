<?php

declare(strict_types=1);

namespace Wsc\Internal;

/**
 * The events between the library and the users' callbacks, and who receives
 * them. A receiver gets one event, or messages, all of which it takes.
 *
 * Being registered is what keeps a connection alive when the user has dropped
 * every reference to it.
 *
 * @internal
 */
final class EventQueue
{
    private Batch $batch;

    /** @var array<int, \Closure(Event|Messages): void> */
    private array $receivers = [];

    /** @var array<int, Batch> what paused connections had already been sent */
    private array $held = [];

    public function __construct()
    {
        $this->batch = new Batch();
    }

    /**
     * @param \Closure(Event|Messages): void $receiver
     */
    public function register(int $id, \Closure $receiver): void
    {
        $this->receivers[$id] = $receiver;
    }

    public function unregister(int $id): void
    {
        unset($this->receivers[$id], $this->held[$id]);
    }

    public function isEmpty(): bool
    {
        return $this->batch->front() === null;
    }

    /**
     * Whether there is an event to deliver, or a connection that may have one yet.
     */
    public function isActive(): bool
    {
        return $this->receivers !== [] || $this->batch->front() !== null;
    }

    public function hasSeveral(): bool
    {
        return $this->batch->hasSeveral();
    }

    /**
     * Takes over what was polled. The queue must be empty.
     */
    public function load(Batch $batch): void
    {
        $this->batch = $batch;
        foreach ($this->held as $id => $held) {
            // The library holds back what a paused connection receives until
            // the pause ends, which the connection's own end does as well.
            if ($batch->contains(self::received($id))) {
                unset($this->held[$id]);
                $batch->prepend($held);
            }
        }
    }

    /**
     * Hands out the waiting events, one at a time, until none is left or `interrupt` was called.
     */
    public function deliver(): void
    {
        $batch = $this->batch;
        while (($item = $batch->take()) !== null) {
            if (isset($this->receivers[$item->id])) {
                ($this->receivers[$item->id])($item);
            } elseif ($item instanceof Messages) {
                $item->split();
            }
        }
        // The delivered messages would stay in memory until the next poll.
        $batch->clear();
    }

    /**
     * Makes every running `deliver` return once its callback has returned. What waits stays in the queue.
     */
    public function interrupt(): void
    {
        $this->batch = $this->batch->extract(static fn (): bool => true);
    }

    /**
     * Drops what the connection has received; only the end of its attempt is still told.
     */
    public function discard(int $id): void
    {
        unset($this->held[$id]);
        $this->batch->extract(static fn (Event|Messages $item): bool
            => $item->id === $id && !($item instanceof Event && $item->type === EventType::Close));
    }

    /**
     * Keeps what the connection has received until `release`, unless its end waits too.
     */
    public function hold(int $id): void
    {
        if (!isset($this->held[$id]) && !$this->holdsEndOf($id)) {
            $this->held[$id] = $this->batch->extract(self::received($id));
        }
    }

    public function release(int $id): void
    {
        if (isset($this->held[$id])) {
            $this->batch->prepend($this->held[$id]);
            unset($this->held[$id]);
        }
    }

    public function holdsEndOf(int $id): bool
    {
        return $this->batch->contains(static fn (Event|Messages $item): bool
            => $item->id === $id && $item instanceof Event && $item->isEnd());
    }

    /**
     * @return \Closure(Event|Messages): bool
     */
    private static function received(int $id): \Closure
    {
        return static fn (Event|Messages $item): bool
            => $item->id === $id && !($item instanceof Event && $item->isAboutSending());
    }
}

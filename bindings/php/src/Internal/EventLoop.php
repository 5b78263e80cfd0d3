<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\Counter;
use Wsc\Exception\WscException;
use Wsc\MessageType;
use Wsc\Part;
use Wsc\Phase;
use Wsc\Response;
use Wsc\State;
use Wsc\Status;

/**
 * The process's one loop: moves events from the library to the connections.
 *
 * @internal
 */
final class EventLoop
{
    /**
     * The longest wait if there may be signal handlers. A signal that arrives
     * just before the wait begins does not end it.
     */
    private const SIGNAL_LATENCY_MS = 1000;

    /**
     * How many polls a turn makes at most. An answer that comes while a callback runs need not wait for the other
     * event loop to ask all that it watches.
     */
    public const POLLS = 8;

    /** After a further poll that found nothing so many turns at most make none. */
    private const MOST_SKIPPED = 63;

    /**
     * What is used from a poll to the callback. Loading a class may suspend a coroutine of Swoole; another one
     * would write over the events, or overtake it.
     */
    private const LOADED_BEFORE = [
        NativeLoop::class, EventQueue::class, Batch::class, Event::class, EventType::class, Message::class,
        Run::class, SignalPause::class, Handlers::class, Failure::class, Duration::class, HttpHead::class, Counter::class, MessageType::class, Part::class, Phase::class,
        Response::class, State::class, Status::class,
    ];

    private static ?self $current = null;

    public readonly NativeLoop $native;

    public readonly EventQueue $queue;

    private bool $stopped = false;

    /** How many turns make no further poll: the last number of them, and what is left of it. */
    private int $skipped = 0;

    private int $toSkip = 0;

    /** Whether there are coroutines that are no Fibers. */
    private readonly bool $hasCoroutines;

    private function __construct()
    {
        $this->hasCoroutines = \extension_loaded('swoole') || \extension_loaded('swow');
        $this->native = new NativeLoop();
        $this->queue = new EventQueue($this->native->batch);
    }

    /**
     * The loop for new connections. A forked child gets one of its own.
     *
     * @throws WscException
     */
    public static function get(): self
    {
        if (self::$current === null) {
            Library::get();
            \array_map(\class_exists(...), self::LOADED_BEFORE);
        }
        if (self::$current === null) {
            // Objects are not destroyed after a fatal error, but this runs.
            \register_shutdown_function(static fn () => self::$current?->native->flush());
            self::$current = new self();
        } elseif (self::$current->native->isForked()) {
            self::$current = new self();
        }
        return self::$current;
    }

    /**
     * The loop of the connections there are, be it an inherited one; null if none was ever made.
     */
    public static function existing(): ?self
    {
        return self::$current;
    }

    /**
     * @throws \Throwable what a callback or signal handler throws
     */
    public function run(): void
    {
        $this->stopped = $this->queue->interrupted = false;
        $signals = \function_exists('pcntl_signal_dispatch');
        while (!$this->stopped && $this->queue->isActive()) {
            $this->step($signals ? self::SIGNAL_LATENCY_MS : Duration::FOREVER);
            if ($signals) {
                \pcntl_signal_dispatch();
            }
        }
    }

    public function stop(): void
    {
        $this->stopped = true;
        $this->queue->interrupt();
        $this->native->wake();
    }

    /**
     * @return bool whether anything is left to wait for
     *
     * @throws \Throwable what a callback throws
     */
    public function dispatch(?float $timeout): bool
    {
        $this->queue->interrupted = false;
        $milliseconds = $timeout === null ? Duration::FOREVER : Duration::milliseconds($timeout, 'dispatch()');
        // A wait for nothing could have no end. The poll takes place all the same, for it lowers the stream's
        // readiness.
        $this->step($this->queue->isActive() ? $milliseconds : 0);
        return $this->queue->isActive();
    }

    /**
     * Does what there is to do, without waiting: what another event loop calls when the stream is readable.
     *
     * @throws \Throwable what a callback throws
     */
    public function turn(): void
    {
        $this->queue->interrupted = false;
        if (!$this->step(0) || $this->hasCoroutines) {
            return;
        }
        if ($this->toSkip > 0) {
            --$this->toSkip;
            return;
        }
        for ($polls = 1; $polls < self::POLLS; ++$polls) {
            if (!$this->step(0)) {
                return;
            }
            if ($this->native->batch->count === 0) {
                $this->skipped = $polls > 1 ? 0 : \min($this->skipped * 2 + 1, self::MOST_SKIPPED);
                $this->toSkip = $this->skipped;
                return;
            }
        }
        $this->skipped = 0;
    }

    /**
     * Delivers what the pause of a connection has held back, next time.
     */
    public function release(int $id): void
    {
        $this->queue->release($id);
        $this->wakeForTheRest();
    }

    /**
     * @return bool whether nothing is left to deliver
     */
    private function step(int $milliseconds): bool
    {
        $queue = $this->queue;
        $done = false;
        try {
            if ($queue->isEmpty()) {
                $this->receive($milliseconds);
            } else {
                $this->native->requireOwner();
            }
            if ($queue->hasSeveral() && (\Fiber::getCurrent() !== null || $this->hasCoroutines)) {
                // A callback that suspends leaves here without the `finally`.
                $this->native->wake();
            }
            $done = $queue->deliver();
        } finally {
            if (!$done) {
                $this->wakeForTheRest();
            }
        }
        return $done;
    }

    /**
     * Waits for a batch. It is often a signal that ends the wait, and its handler must not see half of the batch.
     */
    private function receive(int $milliseconds): void
    {
        $signals = SignalPause::begin();
        $this->native->poll($milliseconds);
        $this->queue->endPauses();
    }

    private function wakeForTheRest(): void
    {
        if (!$this->queue->isEmpty()) {
            $this->native->wake();
        }
    }
}

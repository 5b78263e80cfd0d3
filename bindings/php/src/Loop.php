<?php

declare(strict_types=1);

namespace Wsc;

use Wsc\Exception\WscException;
use Wsc\Internal\EventLoop;
use Wsc\Internal\Library;

/**
 * The process's one loop, which calls the callbacks of all connections. The
 * first connection brings it into being.
 *
 * An exception that a callback throws comes out of `run` or `dispatch`. The next
 * call goes on with the event after it.
 *
 * After a fork the loop and its connections stay with the parent process: in
 * the child every use of them throws a ForkedException. A connection made
 * in the child gets a new loop.
 */
final class Loop
{
    private function __construct()
    {
    }

    /**
     * Runs until no connection is open, opening, or waiting to reconnect, or until `stop` is called.
     * Handlers of pcntl_signal run between events, and asynchronous ones anywhere: they must not call `run` or
     * `dispatch`.
     *
     * @throws WscException
     * @throws \Throwable what a callback throws
     */
    public static function run(): void
    {
        EventLoop::existing()?->run();
    }

    /**
     * Makes `run` return after the callback that is running. Undelivered events stay for the next call.
     */
    public static function stop(): void
    {
        EventLoop::existing()?->stop();
    }

    /**
     * Waits for events, delivers those that are there, and returns. For programs with a loop of their own.
     *
     * @param float|null $timeout the longest wait in seconds; 0 does not wait, null waits for the first event
     *
     * @return bool whether anything is left to wait for
     *
     * @throws WscException
     * @throws \Throwable what a callback throws
     */
    public static function dispatch(?float $timeout = null): bool
    {
        return EventLoop::existing()?->dispatch($timeout) ?? false;
    }

    /**
     * How long the program may compute or sleep outside the loop before a thread of the library answers pings,
     * keeps deadlines and reads. What it reads waits for the program.
     *
     * @param float $seconds at first 0.01; INF: the thread never steps in
     *
     * @throws WscException
     */
    public static function setStandbyGrace(float $seconds): void
    {
        EventLoop::get()->native->setStandbyGrace($seconds);
    }

    /**
     * How long `run` and `dispatch` look for events again and again before they sleep. That saves the time to wake
     * up and takes a processor meanwhile. It is nothing for other event loops, which wait themselves.
     *
     * @param float $seconds at first 0: they sleep at once
     *
     * @throws WscException an InvalidArgumentException for a negative or an endless time
     */
    public static function setBusyPoll(float $seconds): void
    {
        EventLoop::get()->native->setBusyPoll($seconds);
    }

    /**
     * The version of the shared library that is in use.
     *
     * @throws WscException a LibraryException if there is none
     */
    public static function libraryVersion(): string
    {
        return Library::get()->wsc_version();
    }

    /**
     * A stream that is readable whenever `dispatch(0)` has something to do, for stream_select or another
     * event loop. It stands for all connections. Neither read nor close it. Command line only.
     *
     * @return resource
     *
     * @throws WscException
     */
    public static function stream()
    {
        return EventLoop::get()->native->stream();
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Adapter;

use React\EventLoop\Loop;
use React\EventLoop\LoopInterface;
use Wsc\Exception\WscException;
use Wsc\Internal\EventLoop;

/**
 * Lets ReactPHP's event loop deliver the events of all connections of the process.
 *
 * The loop's run() then also waits for connections, and returns when there is none left.
 */
final class React
{
    private static ?EventLoop $loop = null;

    private function __construct()
    {
    }

    /**
     * Calling it again in the same process does nothing.
     *
     * @param LoopInterface|null $host null for React's global loop
     *
     * @throws WscException
     */
    public static function attach(?LoopInterface $host = null): void
    {
        $loop = EventLoop::get();
        if (self::$loop === $loop) {
            return;
        }
        $host ??= Loop::get();
        $stream = $loop->native->stream();
        $dispatch = $loop->turn(...);
        $loop->queue->watchActivity(static function (bool $active) use ($host, $stream, $dispatch): void {
            $active ? $host->addReadStream($stream, $dispatch) : $host->removeReadStream($stream);
        });
        self::$loop = $loop;
    }
}

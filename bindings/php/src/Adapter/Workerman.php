<?php

declare(strict_types=1);

namespace Wsc\Adapter;

use Workerman\Worker;
use Wsc\Exception\StateException;
use Wsc\Exception\WscException;
use Wsc\Internal\EventLoop;
use Wsc\Status;

/**
 * Lets Workerman's event loop deliver the events of all connections of the process.
 *
 * Wsc\Workerman\AsyncTcpConnection does it unasked. Call it yourself in onWorkerStart to use
 * Wsc\Connection in a worker, or in a worker of a thousand and more connections, whose select loop
 * cannot watch a stream that is opened later.
 */
final class Workerman
{
    /** Workerman 4's EventInterface::EV_READ. */
    private const EV_READ = 1;

    private static ?object $host = null;

    private static ?EventLoop $loop = null;

    private function __construct()
    {
    }

    /**
     * Calling it again in the same process does nothing.
     *
     * @throws WscException a StateException outside a worker
     */
    public static function attach(): void
    {
        $host = Worker::$globalEvent;
        if ($host === null) {
            throw new StateException(
                'Workerman\'s event loop is not there yet: connect in onWorkerStart or later.',
                Status::State
            );
        }
        $loop = EventLoop::get();
        if (self::$host === $host && self::$loop === $loop) {
            return;
        }
        $stream = $loop->native->stream();
        $dispatch = $loop->turn(...);
        if (\method_exists($host, 'onReadable')) {
            $host->onReadable($stream, $dispatch);
        } else {
            $host->add($stream, self::EV_READ, $dispatch);
        }
        self::$host = $host;
        self::$loop = $loop;
    }
}

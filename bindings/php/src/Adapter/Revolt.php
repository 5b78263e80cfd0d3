<?php

declare(strict_types=1);

namespace Wsc\Adapter;

use Revolt\EventLoop as Host;
use Wsc\Exception\WscException;
use Wsc\Internal\EventLoop;

/**
 * Lets Revolt's event loop, and with it Amp, deliver the events of all connections of the process.
 *
 * Revolt\EventLoop::run() then also waits for connections, and returns when there is none left.
 */
final class Revolt
{
    private static ?EventLoop $loop = null;

    private function __construct()
    {
    }

    /**
     * Calling it again in the same process does nothing.
     *
     * @throws WscException
     */
    public static function attach(): void
    {
        $loop = EventLoop::get();
        if (self::$loop === $loop) {
            return;
        }
        $watcher = Host::onReadable($loop->native->stream(), static fn () => $loop->turn());
        $loop->queue->watchActivity(static function (bool $active) use ($watcher): void {
            $active ? Host::enable($watcher) : Host::disable($watcher);
        });
        self::$loop = $loop;
    }
}

<?php

/**
 * As much of Revolt's and ReactPHP's event loops as the adapters and their examples need.
 */

declare(strict_types=1);

namespace Wsc\Tests\Adapter {
    final class Watchers
    {
        /** @var array<int|string, array{resource, callable, bool}> */
        public static array $all = [];

        /**
         * Runs until nothing is watched any more.
         */
        public static function run(): void
        {
            while (($enabled = array_filter(self::$all, static fn (array $watcher): bool => $watcher[2])) !== []) {
                $read = array_column($enabled, 0);
                $write = $except = null;
                if (stream_select($read, $write, $except, 10) !== 1) {
                    throw new \RuntimeException('Nothing happens');
                }
                foreach ($enabled as [$stream, $callback]) {
                    $callback($stream);
                }
            }
        }
    }
}

namespace Revolt {
    use Wsc\Tests\Adapter\Watchers;

    final class EventLoop
    {
        public static function onReadable(mixed $stream, \Closure $closure): string
        {
            Watchers::$all['a'] = [$stream, $closure, true];
            return 'a';
        }

        public static function enable(string $callbackId): string
        {
            Watchers::$all[$callbackId][2] = true;
            return $callbackId;
        }

        public static function disable(string $callbackId): string
        {
            Watchers::$all[$callbackId][2] = false;
            return $callbackId;
        }

        public static function run(): void
        {
            Watchers::run();
        }
    }
}

namespace React\EventLoop {
    use Wsc\Tests\Adapter\Watchers;

    interface LoopInterface
    {
        public function addReadStream($stream, $listener);

        public function removeReadStream($stream);
    }

    final class Loop implements LoopInterface
    {
        public static function get(): LoopInterface
        {
            return new self();
        }

        public static function run(): void
        {
            Watchers::run();
        }

        public function addReadStream($stream, $listener)
        {
            Watchers::$all[(int) $stream] = [$stream, $listener, true];
        }

        public function removeReadStream($stream)
        {
            unset(Watchers::$all[(int) $stream]);
        }
    }
}

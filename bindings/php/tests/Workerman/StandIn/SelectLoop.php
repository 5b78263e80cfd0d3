<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman\StandIn;

/**
 * What both stand-ins for Workerman's select loop do.
 */
class SelectLoop
{
    /** @var array<int, array{resource, callable}> */
    private array $readers = [];

    /** @var array<int, array{float, float|null, callable, array<mixed>}> when, interval, what */
    private array $timers = [];

    private int $lastTimer = 0;

    /**
     * @param resource $stream
     */
    protected function watch($stream, callable $callback): void
    {
        $this->readers[(int) $stream] = [$stream, $callback];
    }

    /**
     * @param resource $stream
     */
    protected function unwatch($stream): bool
    {
        $known = isset($this->readers[(int) $stream]);
        unset($this->readers[(int) $stream]);
        return $known;
    }

    /**
     * @param array<mixed> $arguments
     */
    protected function schedule(float $seconds, ?float $interval, callable $callback, array $arguments): int
    {
        $this->timers[++$this->lastTimer] = [microtime(true) + $seconds, $interval, $callback, $arguments];
        return $this->lastTimer;
    }

    protected function unschedule(int $timer): bool
    {
        $known = isset($this->timers[$timer]);
        unset($this->timers[$timer]);
        return $known;
    }

    protected function turn(): void
    {
        $next = $this->timers === [] ? microtime(true) + 1 : min(array_column($this->timers, 0));
        $wait = (int) max(0, ($next - microtime(true)) * 1e6);
        $read = array_column($this->readers, 0);
        $write = $except = null;
        if ($read === []) {
            usleep($wait);
        } elseif (@stream_select($read, $write, $except, 0, $wait) > 0) {
            foreach ($read as $stream) {
                ($this->readers[(int) $stream][1])($stream);
            }
        }
        foreach ($this->timers as $id => [$when, $interval, $callback, $arguments]) {
            if ($when <= microtime(true)) {
                unset($this->timers[$id]);
                if ($interval !== null) {
                    $this->timers[$id] = [microtime(true) + $interval, $interval, $callback, $arguments];
                }
                $callback(...$arguments);
            }
        }
    }
}

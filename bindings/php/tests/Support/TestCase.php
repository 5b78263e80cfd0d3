<?php

declare(strict_types=1);

namespace Wsc\Tests\Support;

use Wsc\Connection;
use Wsc\Loop;

abstract class TestCase extends \PHPUnit\Framework\TestCase
{
    /** @var list<Connection> */
    private array $connections = [];

    /** @var list<Server|string> they end with their objects */
    private array $servers = [];

    protected function tearDown(): void
    {
        foreach ($this->connections as $connection) {
            $connection->onClose = null;
            $connection->abort();
        }
        $this->forgetConnections();
        $this->until(static fn (): bool => !Loop::dispatch(0.05), 'the connections to end');
        $this->servers = [];
    }

    protected function forgetConnections(): void
    {
        $this->connections = [];
    }

    /**
     * A connection that does not outlive the test.
     */
    protected function connection(Server|string $server): Connection
    {
        $this->servers[] = $server;
        return $this->connections[] = new Connection($server instanceof Server ? $server->url : $server);
    }

    /**
     * A connection to the server that is open.
     */
    protected function open(Server $server): Connection
    {
        $connection = $this->connection($server);
        $open = false;
        $connection->onWebSocketConnect = static function () use (&$open): void {
            $open = true;
        };
        $connection->connect();
        $this->dispatchUntil(static function () use (&$open): bool {
            return $open;
        }, 'the handshake');
        $connection->onWebSocketConnect = null;
        return $connection;
    }

    /**
     * @param \Closure(): bool $done
     */
    protected function dispatchUntil(\Closure $done, string $what): void
    {
        $this->until(static function () use ($done): bool {
            if ($done()) {
                return true;
            }
            Loop::dispatch(0.1);
            return $done();
        }, $what);
    }

    protected static function streamIsReadable(float $timeout = 0): bool
    {
        $read = [Loop::stream()];
        $write = $except = null;
        return stream_select($read, $write, $except, 0, (int) ($timeout * 1e6)) === 1;
    }

    /**
     * Lets every callback of the connection write down its name and what it was given, before it does
     * what it did so far.
     *
     * @return \ArrayObject<int, list<mixed>> filled as events come
     */
    protected function record(Connection $connection): \ArrayObject
    {
        $events = new \ArrayObject();
        foreach (
            [
                'onConnect', 'onWebSocketConnect', 'onMessage', 'onWebSocketPing', 'onWebSocketPong',
                'onError', 'onClose', 'onBufferFull', 'onBufferDrain', 'onReconnect',
            ] as $name
        ) {
            $before = $connection->$name;
            $connection->$name = static function (...$arguments) use ($events, $name, $before): void {
                $events[] = [$name, ...array_slice($arguments, 1)];
                if ($before !== null) {
                    $before(...$arguments);
                }
            };
        }
        return $events;
    }

    /**
     * Records from `connect` to onClose.
     *
     * @return array<string, list<mixed>> the arguments by callback, of the last call of each, in order
     */
    protected function attempt(Connection $connection): array
    {
        $events = $this->record($connection);
        $connection->connect();
        $this->dispatchUntil(static fn (): bool => ($events[count($events) - 1][0] ?? '') === 'onClose', 'onClose');
        $byName = [];
        foreach ($events as $event) {
            $byName[array_shift($event)] = $event;
        }
        return $byName;
    }

    /**
     * @param \Closure(): bool $done
     */
    private function until(\Closure $done, string $what): void
    {
        $end = microtime(true) + Server::PATIENCE;
        while (!$done()) {
            if (microtime(true) > $end) {
                self::fail("Waited in vain for $what");
            }
        }
    }
}

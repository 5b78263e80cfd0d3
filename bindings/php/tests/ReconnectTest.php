<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Connection;
use Wsc\Exception\StateException;
use Wsc\Loop;
use Wsc\State;
use Wsc\Status;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

final class ReconnectTest extends TestCase
{
    /**
     * @testWith ["reConnect"]
     *           ["reconnect"]
     */
    public function testReconnectInOnCloseKeepsCallbacksAndReadsTheSettingsAgain(string $reconnect): void
    {
        $server = Server::start(static function (Listener $listener): void {
            for ($i = 0; $i < 3; ++$i) {
                $peer = $listener->acceptUpgraded();
                preg_match('/^Token: (\S+)/m', $peer->request, $match);
                $peer->text($match[1]);
                $peer->write(Peer::closeFrame(1001));
                $peer->readUntil(Peer::CLOSE);
                $peer->end();
            }
        });
        $ws = $this->connection($server);
        $ws->headers = ['Token' => 'no-1'];
        $received = [];
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received[] = $data;
        };
        $closes = 0;
        $ws->onClose = static function (Connection $c) use (&$closes, $reconnect): void {
            if (++$closes < 3) {
                $c->headers = ['Token' => 'no-' . ($closes + 1)];
                $c->$reconnect(0.01);
            }
        };
        $ws->connect();
        Loop::run();

        self::assertSame(['no-1', 'no-2', 'no-3'], $received);
        self::assertSame(3, $closes);
        $server->join();
    }

    public function testReconnectWaitsItsTime(): void
    {
        $ws = $this->open(Server::echo());
        $closed = $connected = 0.0;
        $ws->onClose = static function (Connection $c) use (&$closed): void {
            $closed = microtime(true);
            $c->reConnect(0.2);
        };
        $state = null;
        $ws->onConnect = static function () use (&$connected): void {
            $connected = microtime(true);
            Loop::stop();
        };
        $ws->send('close me');
        $this->dispatchUntil(static function () use (&$closed): bool {
            return $closed > 0;
        }, 'onClose');
        $state = $ws->getState();
        Loop::run();

        self::assertSame(State::Waiting, $state);
        self::assertGreaterThan(0.19, $connected - $closed);
    }

    public function testReconnectOfALiveConnectionTellsItsCloseFirst(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $first = $listener->acceptUpgraded();
            $listener->await();
            $first->write(Peer::frame(Peer::TEXT, 'one') . Peer::frame(Peer::TEXT, 'two'));
            $listener->report('sent');
            $second = $listener->acceptUpgraded();
            $second->text('three');
            $second->write(Peer::closeFrame(1000));
            $second->readUntil(Peer::CLOSE);
        });
        $ws = $this->open($server);
        $server->proceed();
        $server->report();
        $ws->onMessage = static function (Connection $c, string $data): void {
            if ($data === 'one') {
                $c->reConnect();
                $c->send('for the new one');
            }
        };
        $events = $this->record($ws);
        Loop::run();

        self::assertSame(
            ['onMessage one', 'onClose 1006', 'onConnect', 'onWebSocketConnect', 'onMessage three', 'onClose 1000'],
            array_map(static fn (array $event): string => match ($event[0]) {
                'onMessage', 'onClose' => "$event[0] $event[1]",
                default => $event[0],
            }, (array) $events)
        );
    }

    /**
     * @testWith ["cancelReconnect"]
     *           ["close"]
     *           ["abort"]
     */
    public function testAScheduledReconnectCanBeTakenBack(string $cancel): void
    {
        $ws = $this->open(Server::echo());
        $ws->onClose = static fn (Connection $c) => $c->reConnect(3600);
        $ws->send('close me');
        $this->dispatchUntil(static fn (): bool => $ws->getState() === State::Waiting, 'the wait');
        self::assertTrue(Loop::dispatch(0));
        $ws->$cancel();

        self::assertSame(State::Closed, $ws->getState());
        self::assertFalse(Loop::dispatch(0), 'Nothing is left to wait for');
    }

    public function testConnectEndsTheWait(): void
    {
        $ws = $this->open(Server::echo());
        $ws->onClose = static fn (Connection $c) => $c->reConnect(3600);
        $ws->send('close me');
        $this->dispatchUntil(static fn (): bool => $ws->getState() === State::Waiting, 'the wait');
        $ws->connect();
        $this->dispatchUntil(static fn (): bool => $ws->getState() === State::Open, 'the connection');

        self::assertSame(State::Open, $ws->getState());
    }

    public function testReconnectMayOpenForTheFirstTime(): void
    {
        $ws = $this->connection(Server::echo());
        $ws->reConnect();
        $this->dispatchUntil(static fn (): bool => $ws->getState() === State::Open, 'the connection');

        self::assertSame(State::Open, $ws->getState());
    }

    public function testReconnectInOnError(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $refused = $listener->accept();
            $refused->readRequest();
            $refused->write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
            $refused->end();
            $listener->acceptUpgraded();
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->onError = static fn (Connection $c) => $c->reConnect();
        $events = $this->record($ws);
        $ws->connect();
        $this->dispatchUntil(static fn (): bool => $ws->getState() === State::Open, 'the second attempt');

        self::assertSame(
            ['onConnect', 'onError', 'onClose', 'onConnect', 'onWebSocketConnect'],
            array_column((array) $events, 0)
        );
    }

    public function testConnectTwice(): void
    {
        $ws = $this->open(Server::echo());
        try {
            $ws->connect();
            self::fail('No exception');
        } catch (StateException $fault) {
            self::assertSame(Status::State, $fault->getStatus());
            self::assertStringStartsWith('connect(): ', $fault->getMessage());
        }
        self::assertSame(State::Open, $ws->getState());
    }

    public function testTheUrlMayChange(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $listener->report(strtok($listener->acceptUpgraded()->request, "\r"));
            $listener->await();
        });
        $ws = $this->connection('ws://127.0.0.1:1/old');
        $ws->setUrl($server->url . '/new?token=1');
        $ws->connect();
        $this->dispatchUntil(static fn (): bool => $ws->getState() === State::Open, 'the connection');

        self::assertSame('GET /new?token=1 HTTP/1.1', $server->report());
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Connection;
use Wsc\Loop;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

final class PauseTest extends TestCase
{
    public function testAPauseHoldsEvenWhatTheLoopHasTakenAlready(): void
    {
        $received = [];
        $ws = $this->receiver(['one', 'two', 'three']);
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received[] = $data;
            $c->pauseRecv();
        };
        $this->dispatchUntil(static function () use (&$received): bool {
            return $received !== [];
        }, 'the first message');
        Loop::dispatch(0);
        Loop::dispatch(0);
        self::assertSame(['one'], $received);

        $ws->pauseRecv();
        $ws->resumeRecv();
        Loop::dispatch(0);
        self::assertSame(['one', 'two'], $received);
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received[] = $data;
        };
        $ws->resumeRecv();
        Loop::dispatch(0);
        self::assertSame(['one', 'two', 'three'], $received);
    }

    public function testResumingMakesTheStreamReadable(): void
    {
        $received = [];
        $ws = $this->receiver(['one', 'two']);
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received[] = $data;
            $c->pauseRecv();
        };
        $this->dispatchUntil(static function () use (&$received): bool {
            return $received !== [];
        }, 'the first message');
        while (self::streamIsReadable()) {
            Loop::dispatch(0);
        }
        $ws->resumeRecv();
        // Long enough for the library's thread to do whatever there is to do without the host.
        usleep(50_000);

        self::assertTrue(self::streamIsReadable());
        Loop::dispatch(0);
        self::assertSame(['one', 'two'], $received);
    }

    public function testOtherConnectionsGoOn(): void
    {
        $received = [];
        $paused = $this->receiver(['one', 'two']);
        $paused->onMessage = static fn (Connection $c) => $c->pauseRecv();
        $other = $this->open(Server::echo());
        $echoes = 0;
        $other->onMessage = static function (Connection $c) use (&$echoes): void {
            ++$echoes < 100 ? $c->send('again') : Loop::stop();
        };
        $other->send('begin');
        Loop::run();

        self::assertSame(100, $echoes);
    }

    public function testTheEndOfTheConnectionEndsThePause(): void
    {
        $received = [];
        $ws = $this->receiver(['one', 'two', 'close me']);
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received[] = $data;
            $c->pauseRecv();
        };
        $ws->onClose = static function () use (&$received): void {
            $received[] = 'closed';
        };
        Loop::run();

        self::assertSame(['one', 'two', 'close me', 'closed'], $received);
    }

    public function testAPauseInOnWebSocketConnectHoldsAMessageThatCameWithTheAnswer(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $listener->accept()->upgrade([], Peer::frame(Peer::TEXT, 'one'));
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->onWebSocketConnect = static fn (Connection $c) => $c->pauseRecv();
        $events = $this->record($ws);
        $ws->connect();
        $this->dispatchUntil(static fn (): bool => count($events) >= 2, 'the handshake');
        Loop::dispatch(0.02);
        self::assertSame(['onConnect', 'onWebSocketConnect'], array_column((array) $events, 0));
        $ws->resumeRecv();
        $this->dispatchUntil(static fn (): bool => count($events) === 3, 'the message');

        self::assertSame(['onMessage', 'one'], array_slice($events[2], 0, 2));
    }

    public function testAPauseInOnConnectHoldsNoEventOfTheOpening(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $peer->upgrade([], Peer::frame(Peer::TEXT, 'one') . Peer::frame(Peer::PING));
            $peer->readUntil(Peer::PONG);
            $listener->report('all has arrived');
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->onConnect = static fn (Connection $c) => $c->pauseRecv();
        $events = $this->record($ws);
        $ws->connect();
        $server->report();
        $this->dispatchUntil(static fn (): bool => count($events) >= 2, 'the handshake');
        Loop::dispatch(0);
        self::assertSame(['onConnect', 'onWebSocketConnect'], array_column((array) $events, 0));
        $ws->resumeRecv();
        $this->dispatchUntil(static fn (): bool => count($events) === 4, 'message and ping');

        self::assertSame(['onMessage', 'onWebSocketPing'], array_column(array_slice((array) $events, 2), 0));
    }

    public function testAbortAndReconnectDropWhatIsHeld(): void
    {
        $received = [];
        $ws = $this->receiver(['one', 'two']);
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received[] = $data;
            $c->pauseRecv();
        };
        $this->dispatchUntil(static function () use (&$received): bool {
            return $received !== [];
        }, 'the first message');
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received[] = $data;
        };
        $ws->onWebSocketConnect = static fn (Connection $c) => $c->send('close me');
        $ws->reConnect();
        Loop::run();

        self::assertSame(['one'], $received);
    }

    /**
     * An open connection whose messages have all arrived and wait to be polled.
     *
     * @param list<string> $messages "close me" is followed by a close
     */
    private function receiver(array $messages): Connection
    {
        $server = Server::start(static function (Listener $listener) use ($messages): void {
            $peer = $listener->acceptUpgraded();
            $listener->await();
            $peer->write(implode('', array_map(
                static fn (string $message): string => Peer::frame(Peer::TEXT, $message)
                    . ($message === 'close me' ? Peer::closeFrame(1000) : ''),
                $messages
            )) . Peer::frame(Peer::PING));
            $peer->readUntil(end($messages) === 'close me' ? Peer::CLOSE : Peer::PONG);
            if (end($messages) === 'close me') {
                $peer->end();
            }
            $listener->report('arrived');
            $listener->acceptUpgraded()->echo();
        });
        $ws = $this->open($server);
        $server->proceed();
        // The standby thread has answered the ping, so that everything before it was read.
        $server->report();
        return $ws;
    }
}

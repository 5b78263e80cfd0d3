<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Connection;
use Wsc\Counter;
use Wsc\Exception\StateException;
use Wsc\Loop;
use Wsc\MessageType;
use Wsc\Phase;
use Wsc\State;
use Wsc\Status;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

final class MessageTest extends TestCase
{
    public function testMessagesComeBackAsTheyWere(): void
    {
        $ws = $this->open(Server::echo());
        $received = [];
        $ws->onMessage = static function (Connection $c, string $data, MessageType $type) use (&$received): void {
            $received[] = [$type, $data];
        };
        $binary = random_bytes(70000) . "\0\r\n";
        self::assertTrue($ws->send('grüße'));
        $ws->websocketType = Connection::BINARY_TYPE_ARRAYBUFFER;
        self::assertTrue($ws->send("a\0b\xff"));
        self::assertTrue($ws->sendText("with\0NUL"));
        self::assertTrue($ws->sendBinary($binary));
        self::assertTrue($ws->sendText(''));
        $this->dispatchUntil(static function () use (&$received): bool {
            return count($received) === 5;
        }, 'the echoes');

        self::assertSame([
            [MessageType::Text, 'grüße'],
            [MessageType::Binary, "a\0b\xff"],
            [MessageType::Text, "with\0NUL"],
            [MessageType::Binary, $binary],
            [MessageType::Text, ''],
        ], $received);
    }

    public function testWhatIsSentEarlyGoesOutFirstAndInOrder(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->report([$peer->read()[1], $peer->read()[1], $peer->read()[1]]);
        });
        $ws = $this->connection($server);
        $ws->onWebSocketConnect = static fn (Connection $c) => $c->send('third');
        self::assertTrue($ws->send('first'));
        $ws->connect();
        self::assertTrue($ws->send('second'));
        Loop::run();

        self::assertSame(['first', 'second', 'third'], $server->report());
    }

    public function testAPingBetweenFragmentsDoesNoHarm(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $peer->write(
                Peer::frame(Peer::TEXT, 'AAAA', false)
                . Peer::frame(Peer::PING, 'pp')
                . Peer::frame(Peer::CONTINUATION, 'BBBB')
            );
            $listener->report($peer->readUntil(Peer::PONG));
            $peer->write(Peer::closeFrame(1000));
        });
        $ws = $this->connection($server);
        $events = $this->record($ws);
        $ws->connect();
        Loop::run();

        self::assertSame('pp', $server->report());
        self::assertSame(
            ['onConnect', 'onWebSocketConnect', 'onWebSocketPing', 'onMessage', 'onClose'],
            array_column((array) $events, 0)
        );
        self::assertSame('pp', $events[2][1]);
        self::assertSame('AAAABBBB', $events[3][1]);
    }

    public function testTheLibraryPingsAndMeasures(): void
    {
        $ws = $this->connection(Server::echo());
        $ws->websocketPingInterval = 0.05;
        $pongs = 0;
        $ws->onWebSocketPong = static function () use (&$pongs): void {
            ++$pongs;
        };
        $ws->connect();
        $this->dispatchUntil(static function () use (&$pongs): bool {
            return $pongs === 3;
        }, 'pongs');

        self::assertGreaterThanOrEqual(3, $ws->counter(Counter::PingsSent));
        self::assertGreaterThanOrEqual(3, $ws->counter(Counter::PongsReceived));
        self::assertGreaterThan(0, $ws->counter(Counter::RoundTripUs));
    }

    public function testPingAndPongByHand(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->report($peer->readUntil(Peer::PING));
            $peer->write(Peer::frame(Peer::PING, 'there?'));
            $listener->report($peer->readUntil(Peer::PONG));
            $peer->write(Peer::closeFrame(1000));
        });
        $ws = $this->connection($server);
        $ws->automaticPong = false;
        $ws->onWebSocketConnect = static fn (Connection $c) => $c->ping('here?');
        $ws->onWebSocketPing = static fn (Connection $c, string $payload) => $c->pong("$payload yes");
        $ws->connect();
        Loop::run();

        self::assertSame('here?', $server->report());
        self::assertSame('there? yes', $server->report());
    }

    public function testAServerThatNoLongerAnswersPings(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $listener->acceptUpgraded();
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->websocketPingInterval = 0.05;
        $ws->pongTimeout = 0.1;
        $events = $this->attempt($ws);

        self::assertSame(Connection::SESSION_FAIL, $events['onError'][0]);
        self::assertSame(Status::Timeout, $events['onError'][2]);
        self::assertSame(Phase::Open, $events['onError'][3]);
        self::assertSame(1006, $events['onClose'][0]);
    }

    public function testAMessageAboveTheLimit(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $peer->write(Peer::frame(Peer::BINARY, str_repeat('x', 1001)));
            $listener->report(unpack('n', $peer->readUntil(Peer::CLOSE))[1]);
        });
        $ws = $this->connection($server);
        $ws->maxPackageSize = 1000;
        $events = $this->attempt($ws);

        self::assertArrayNotHasKey('onMessage', $events);
        self::assertSame(Connection::SESSION_FAIL, $events['onError'][0]);
        self::assertSame(Status::MessageTooBig, $events['onError'][2]);
        self::assertSame(1009, $server->report());
    }

    public function testTheLimitIsNoneOfWhatIsSent(): void
    {
        $size = 20 * 1024 * 1024;
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->report(strlen($peer->read()[1]));
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->maxPackageSize = 10;
        $ws->onWebSocketConnect = static fn (Connection $c) => $c->sendBinary(str_repeat('x', $size));
        $ws->connect();
        $this->dispatchUntil(static fn (): bool => $ws->bytesWritten() > $size, 'the message');

        self::assertSame($size, $server->report());
    }

    public function testMaxPackageSizeAloneAllowsABigFrame(): void
    {
        $ws = $this->connection(Server::echo());
        $ws->maxPackageSize = 1 << 26;
        $size = 20 * 1024 * 1024;
        $received = 0;
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received = strlen($data);
        };
        $ws->connect();
        $ws->sendBinary(str_repeat('x', $size));
        $this->dispatchUntil(static function () use (&$received): bool {
            return $received > 0;
        }, 'the echo');

        self::assertSame($size, $received);
    }

    public function testTextThatIsNotUtf8EndsTheConnection(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $peer->text("bad \xc3\x28");
            $listener->report(unpack('n', $peer->readUntil(Peer::CLOSE))[1]);
        });
        $events = $this->attempt($this->connection($server));

        self::assertSame(Status::PeerUtf8, $events['onError'][2]);
        self::assertSame(1007, $server->report());
    }

    public function testTheSendBufferFillsAndDrains(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->await();
            for ($count = 0; $peer->readUntil(Peer::BINARY) !== 'last'; ++$count) {
            }
            $listener->report($count);
        });
        $ws = $this->connection($server);
        $ws->maxSendBufferSize = 100_000;
        $events = $this->record($ws);
        $ws->connect();
        $this->dispatchUntil(static fn (): bool => count($events) === 2, 'the handshake');
        $accepted = 0;
        while ($ws->sendBinary(str_repeat('x', 50_000))) {
            ++$accepted;
        }

        self::assertSame(Status::QueueFull, $events[2][3], 'onError is called inside send');
        self::assertSame(['onError', Connection::SEND_FAIL], array_slice($events[2], 0, 2));
        self::assertSame(State::Open, $ws->getState());
        self::assertGreaterThanOrEqual(100_000, $ws->getSendBufferQueueSize());

        $server->proceed();
        $this->dispatchUntil(
            static fn (): bool => in_array('onBufferDrain', array_column((array) $events, 0), true),
            'the buffer to drain'
        );
        self::assertSame(
            ['onConnect', 'onWebSocketConnect', 'onError', 'onBufferFull', 'onBufferDrain'],
            array_column((array) $events, 0)
        );
        self::assertSame(0, $ws->getSendBufferQueueSize());
        self::assertTrue($ws->sendBinary('last'));
        $ws->flush();
        self::assertSame($accepted, $server->report());
    }

    public function testSendOnAConnectionThatIsLostButNotYetClosed(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->await();
            $peer->write(Peer::frame(Peer::TEXT, 'last words') . Peer::closeFrame(1000));
            $peer->readUntil(Peer::CLOSE);
            $peer->end();
            $listener->report('gone');
            $listener->await();
        });
        $ws = $this->open($server);
        $server->proceed();
        $server->report();
        $events = $this->record($ws);
        $result = null;
        $after = null;
        $ws->onMessage = static function (Connection $c) use (&$result): void {
            $result = $c->send('too late');
        };
        $ws->onClose = static function (Connection $c) use (&$after): void {
            try {
                $c->send('far too late');
            } catch (StateException $fault) {
                $after = $fault->getStatus();
            }
        };
        Loop::run();

        self::assertFalse($result);
        self::assertSame(
            ['onError', Connection::SEND_FAIL, 'client closed', Status::State],
            array_slice($events[0], 0, 4)
        );
        self::assertSame(Status::State, $after);
    }

    public function testCountersAndAddresses(): void
    {
        $server = Server::echo();
        $ws = $this->connection($server);
        self::assertSame(
            ['', '', 0, '', '', 0],
            [
                $ws->getRemoteAddress(), $ws->getRemoteIp(), $ws->getRemotePort(),
                $ws->getLocalAddress(), $ws->getLocalIp(), $ws->getLocalPort(),
            ]
        );
        $received = false;
        $ws->onMessage = static function () use (&$received): void {
            $received = true;
        };
        $ws->send('four');
        $ws->connect();
        $this->dispatchUntil(static function () use (&$received): bool {
            return $received;
        }, 'the echo');

        self::assertSame("127.0.0.1:{$server->port}", $ws->getRemoteAddress());
        self::assertSame('127.0.0.1', $ws->getRemoteIp());
        self::assertSame($server->port, $ws->getRemotePort());
        self::assertSame('127.0.0.1', $ws->getLocalIp());
        self::assertSame($ws->getLocalAddress(), '127.0.0.1:' . $ws->getLocalPort());
        self::assertSame(1, $ws->counter(Counter::MessagesSent));
        self::assertSame(1, $ws->counter(Counter::MessagesReceived));
        self::assertGreaterThan(4, $ws->bytesRead());
        self::assertGreaterThan($ws->bytesRead(), $ws->bytesWritten());
    }
}

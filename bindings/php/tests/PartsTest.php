<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\AutoReconnect;
use Wsc\Connection;
use Wsc\Exception\StateException;
use Wsc\MessageType;
use Wsc\Part;
use Wsc\QueuePolicy;
use Wsc\State;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

/**
 * Messages in parts, sent and received, and those that go first on every opening.
 */
final class PartsTest extends TestCase
{
    public function testReceivingParts(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $peer->text('before');
            foreach ([[Peer::BINARY, 'one', false], [Peer::CONTINUATION, 'two', false]] as [$type, $data, $last]) {
                $peer->write(Peer::frame($type, $data, $last));
                $listener->await();
            }
            $peer->write(Peer::frame(Peer::CONTINUATION, 'three'));
            $peer->text('after');
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->streaming = true;
        $seen = [];
        $ws->onMessage = static function (
            Connection $c,
            string $data,
            MessageType $type,
            Part $part
        ) use (
            &$seen,
            $server
        ): void {
            $seen[] = [$data, $type, $part];
            if ($part === Part::First || $part === Part::More) {
                $server->proceed();
            }
        };
        $ws->connect();
        $this->dispatchUntil(static function () use (&$seen): bool {
            return end($seen) !== false && end($seen)[0] === 'after';
        }, 'the last message');

        self::assertSame([
            ['before', MessageType::Text, Part::Whole],
            ['one', MessageType::Binary, Part::First],
            ['two', MessageType::Binary, Part::More],
            ['three', MessageType::Binary, Part::Last],
            ['after', MessageType::Text, Part::Whole],
        ], $seen);
    }

    public function testSendingParts(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            for ($i = 0; $i < 4; ++$i) {
                $listener->report($peer->read());
            }
            $listener->await();
        });
        $ws = $this->open($server);
        self::assertTrue($ws->sendMessage('one', MessageType::Binary, Part::First));
        try {
            $ws->sendText('in between');
            self::fail('No exception');
        } catch (StateException $fault) {
            self::assertStringStartsWith('sendText(): ', $fault->getMessage());
        }
        $ws->sendMessage('two', MessageType::Binary, Part::More);
        $ws->sendMessage('three', MessageType::Binary, Part::Last);
        $ws->sendMessage('whole');

        self::assertSame([Peer::BINARY, 'one'], $server->report());
        self::assertSame([Peer::CONTINUATION, 'two'], $server->report());
        self::assertSame([Peer::CONTINUATION, 'three'], $server->report());
        self::assertSame([Peer::TEXT, 'whole'], $server->report());
    }

    public function testAMessageBegunBeforeTheConnectionIsFinishedOnIt(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->report($peer->read());
            $listener->report($peer->read());
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->sendMessage('one', MessageType::Text, Part::First);
        $ws->connect();
        $this->dispatchUntil(static fn (): bool => $ws->getState() === State::Open, 'the handshake');
        try {
            $ws->sendText('in between');
            self::fail('No exception');
        } catch (StateException $fault) {
            self::assertStringStartsWith('sendText(): ', $fault->getMessage());
        }
        $ws->sendMessage('two', MessageType::Text, Part::Last);
        self::assertSame([Peer::TEXT, 'one'], $server->report());
        self::assertSame([Peer::CONTINUATION, 'two'], $server->report());
    }

    public function testAMessageThatIsKeptOverALossIsFinishedOnTheNextConnection(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $peer->readUntil(Peer::TEXT);
            $peer->reset();
            $peer = $listener->acceptUpgraded();
            for ($i = 0; $i < 3; ++$i) {
                $listener->report($peer->read());
            }
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->autoReconnect = new AutoReconnect(minDelay: 0.01, queued: QueuePolicy::Keep);
        $openings = 0;
        $ws->onWebSocketConnect = static function (Connection $c) use (&$openings): void {
            if (++$openings === 1) {
                $c->sendMessage('one', MessageType::Text, Part::First);
            }
        };
        $ws->connect();
        $this->dispatchUntil(static function () use (&$openings): bool {
            return $openings === 2;
        }, 'the second connection');
        try {
            $ws->send('in between');
            self::fail('No exception');
        } catch (StateException $fault) {
            self::assertStringStartsWith('send(): ', $fault->getMessage());
        }
        $ws->sendMessage('two', MessageType::Text, Part::Last);
        self::assertTrue($ws->send('whole'));

        self::assertSame([Peer::TEXT, 'one'], $server->report());
        self::assertSame([Peer::CONTINUATION, 'two'], $server->report());
        self::assertSame([Peer::TEXT, 'whole'], $server->report());
    }

    public function testAPrologueIsSentFirstOnEveryOpening(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            for ($i = 0; $i < 2; ++$i) {
                $peer = $listener->acceptUpgraded();
                $listener->report([$peer->read(), $peer->read(), $peer->read()]);
                $peer->end();
            }
            $peer = $listener->acceptUpgraded();
            $listener->report($peer->read());
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->addPrologue('login');
        $ws->addPrologue("\xff", MessageType::Binary);
        $expected = [[Peer::TEXT, 'login'], [Peer::BINARY, "\xff"], [Peer::TEXT, 'queued before']];
        for ($i = 0; $i < 2; ++$i) {
            $ws->connect();
            $ws->send('queued before');
            self::assertSame($expected, $server->report());
            $this->dispatchUntil(static fn (): bool => $ws->getState() === \Wsc\State::Closed, 'the end');
        }
        $ws->clearPrologue();
        $ws->connect();
        $ws->send('first');

        self::assertSame([Peer::TEXT, 'first'], $server->report());
    }
}

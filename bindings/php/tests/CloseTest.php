<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Connection;
use Wsc\Loop;
use Wsc\Phase;
use Wsc\State;
use Wsc\Status;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

final class CloseTest extends TestCase
{
    public function testCloseSendsItsCodeAndReasonAndWaitsForTheAnswer(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->report($peer->read());
            $listener->report($payload = $peer->readUntil(Peer::CLOSE));
            $peer->write(Peer::frame(Peer::CLOSE, $payload));
        });
        $ws = $this->open($server);
        $events = $this->record($ws);
        $ws->send('before');
        $ws->close(4000, 'genug');
        $ws->close();
        Loop::run();

        self::assertSame([Peer::TEXT, 'before'], $server->report());
        self::assertSame(pack('n', 4000) . 'genug', $server->report());
        self::assertSame([['onClose', 4000, 'genug', true, 0, false]], (array) $events);
    }

    public function testTheServersCloseIsAnsweredAndTold(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $peer->write(Peer::closeFrame(1001, 'going away'));
            $listener->report(unpack('n', $peer->readUntil(Peer::CLOSE))[1]);
        });
        $events = $this->attempt($this->connection($server));

        self::assertArrayNotHasKey('onError', $events);
        self::assertSame([1001, 'going away', true, 0, true], $events['onClose']);
        self::assertSame(1001, $server->report());
    }

    /**
     * @dataProvider losses
     *
     * @param \Closure(Peer): void $lose
     * @param list<Status> $expected
     */
    public function testAConnectionLostWithoutClose(\Closure $lose, array $expected): void
    {
        $server = Server::start(static function (Listener $listener) use ($lose): void {
            $lose($listener->acceptUpgraded());
        });
        $events = $this->attempt($this->connection($server));

        self::assertSame(Connection::SESSION_FAIL, $events['onError'][0]);
        self::assertContains($events['onError'][2], $expected);
        self::assertSame(Phase::Open, $events['onError'][3]);
        self::assertSame([1006, '', false, 0, false], $events['onClose']);
    }

    /**
     * @return iterable<string, array{\Closure(Peer): void, list<Status>}>
     */
    public static function losses(): iterable
    {
        yield 'end' => [static fn (Peer $peer) => $peer->end(), [Status::Closed]];
        yield 'reset' => [static fn (Peer $peer) => $peer->reset(), [Status::Reset]];
    }

    public function testAServerThatDoesNotAnswerTheClose(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $listener->acceptUpgraded();
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->closeTimeout = 0.1;
        $ws->onWebSocketConnect = static fn (Connection $c) => $c->close();
        $events = $this->attempt($ws);

        self::assertSame(1006, $events['onClose'][0]);
        self::assertFalse($events['onClose'][2]);
    }

    public function testMessagesThatDidNotGoOutAreCounted(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->await();
            $peer->reset();
        });
        $ws = $this->open($server);
        $events = $this->record($ws);
        while ($ws->sendBinary(str_repeat('x', 100_000))) {
        }
        $server->proceed();
        $this->dispatchUntil(static fn (): bool => $events[count($events) - 1][0] === 'onClose', 'onClose');

        self::assertGreaterThan(0, $events[count($events) - 1][4]);
    }

    public function testCloseWhileConnectingEndsTheAttempt(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $listener->accept();
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->onConnect = static fn (Connection $c) => $c->close();
        $events = $this->attempt($ws);

        self::assertSame(['onConnect', 'onClose'], array_keys($events));
        self::assertSame(1006, $events['onClose'][0]);
    }

    public function testCloseAndAbortWithoutAnAttemptDoNothing(): void
    {
        $ws = $this->connection('ws://127.0.0.1:1');
        $ws->close();
        $ws->abort();
        $ws->destroy();
        $ws->cancelReconnect();
        $ws->flush();

        self::assertSame(State::Initial, $ws->getState());
        self::assertFalse(Loop::dispatch(0));
    }

    /**
     * @testWith ["abort"]
     *           ["destroy"]
     */
    public function testAbortDropsWhatWasReceived(string $abort): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->await();
            $peer->write(Peer::frame(Peer::TEXT, 'one') . Peer::frame(Peer::PING) . Peer::frame(Peer::TEXT, 'two'));
            $listener->report('sent');
            $listener->await();
        });
        $ws = $this->open($server);
        $server->proceed();
        $server->report();
        $ws->onMessage = static fn (Connection $c) => $c->$abort();
        $events = $this->record($ws);
        Loop::run();

        self::assertSame(
            [['onMessage', 'one'], ['onClose', 1006]],
            array_map(static fn (array $event): array => array_slice($event, 0, 2), (array) $events)
        );
    }

    public function testAbortKeepsACloseThatIsOnItsWay(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->await();
            $peer->write(
                Peer::frame(Peer::TEXT, 'one') . Peer::frame(Peer::TEXT, 'two') . Peer::closeFrame(1000, 'end')
            );
            $peer->readUntil(Peer::CLOSE);
            $peer->end();
            $listener->report('gone');
            $listener->await();
        });
        $ws = $this->open($server);
        $server->proceed();
        $server->report();
        $ws->onMessage = static fn (Connection $c) => $c->abort();
        $events = $this->record($ws);
        Loop::run();

        self::assertSame(['onMessage', 'onClose'], array_column((array) $events, 0));
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Connection;
use Wsc\Internal\EventLoop;
use Wsc\Loop;
use Wsc\State;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

final class LoopTest extends TestCase
{
    public function testATurnForAnotherLoopEndsThoughAnswersKeepComing(): void
    {
        $ws = $this->open(Server::echo());
        $received = 0;
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            ++$received;
            $c->send($data);
        };
        $ws->send('again');
        $most = 0;
        for ($turns = 0; $turns < 500; ++$turns) {
            [$read, $write, $except] = [[Loop::stream()], null, null];
            self::assertSame(1, stream_select($read, $write, $except, 5));
            $before = $received;
            EventLoop::get()->turn();
            $most = max($most, $received - $before);
        }

        self::assertGreaterThan(0, $received);
        self::assertLessThanOrEqual(EventLoop::POLLS, $most);
    }

    public function testWithoutConnectionsThereIsNothingToWaitFor(): void
    {
        Loop::run();
        Loop::stop();

        self::assertFalse(Loop::dispatch());
    }

    public function testDispatchWaitsNoLongerThanToldTo(): void
    {
        $this->open(Server::echo());
        $begin = microtime(true);
        self::assertTrue(Loop::dispatch(0.05));
        $waited = microtime(true) - $begin;

        self::assertGreaterThan(0.045, $waited);
        self::assertLessThan(1, $waited);
    }

    public function testAnExceptionReachesTheCallerAndBreaksNothing(): void
    {
        $received = [];
        $ws = $this->receiver(600, $received);
        $note = $ws->onMessage;
        $ws->onMessage = static function (Connection $c, string $data) use ($note): void {
            $note($c, $data);
            if ((int) $data % 7 === 0) {
                throw new \DomainException($data);
            } elseif ($data === '599') {
                Loop::stop();
            }
        };
        $thrown = [];
        while (count($received) < 600) {
            try {
                Loop::run();
            } catch (\DomainException $fault) {
                $thrown[] = (int) $fault->getMessage();
                self::assertTrue(self::streamIsReadable(1), 'What waits must wake a loop that watches the stream');
            }
        }

        self::assertSame(range(0, 599), $received);
        self::assertSame(range(0, 599, 7), $thrown);
    }

    public function testAnExceptionInEachOtherCallback(): void
    {
        $thrown = [];
        $ws = $this->connection(Server::echo());
        $events = $this->record($ws);
        foreach (['onConnect', 'onWebSocketConnect', 'onMessage', 'onWebSocketPong', 'onClose'] as $name) {
            $record = $ws->$name;
            $ws->$name = static function (Connection $c, ...$arguments) use ($record, $name): void {
                $record($c, ...$arguments);
                throw new \DomainException($name);
            };
        }
        $ws->connect();
        $ws->send('hello');
        while ($ws->getState() !== State::Closed) {
            try {
                Loop::run();
            } catch (\DomainException $fault) {
                $thrown[] = $fault->getMessage();
                match ($fault->getMessage()) {
                    'onMessage' => $ws->ping(),
                    'onWebSocketPong' => $ws->send('close me'),
                    default => null,
                };
            }
        }

        self::assertSame(['onConnect', 'onWebSocketConnect', 'onMessage', 'onWebSocketPong', 'onClose'], $thrown);
        self::assertSame($thrown, array_column((array) $events, 0));
    }

    public function testStopLeavesTheRestForTheNextRun(): void
    {
        $received = [];
        $ws = $this->receiver(600, $received);
        $note = $ws->onMessage;
        $ws->onMessage = static function (Connection $c, string $data) use ($note): void {
            $note($c, $data);
            Loop::stop();
        };
        for ($i = 1; $i <= 300; ++$i) {
            Loop::run();
            self::assertCount($i, $received);
        }
        $ws->onMessage = static function (Connection $c, string $data) use ($note): void {
            $note($c, $data);
            if ($data === '599') {
                Loop::stop();
            }
        };
        Loop::run();

        self::assertSame(range(0, 599), $received);
    }

    public function testDispatchInsideACallbackGoesOnWithTheNextEvent(): void
    {
        $received = [];
        $ws = $this->receiver(600, $received);
        $note = $ws->onMessage;
        $depth = 0;
        $ws->onMessage = static function (Connection $c, string $data) use ($note, &$depth): void {
            $note($c, $data);
            if (++$depth < 5) {
                Loop::dispatch(0);
            }
            --$depth;
        };
        $this->dispatchUntil(static function () use (&$received): bool {
            return count($received) === 600;
        }, 'all messages');

        self::assertSame(range(0, 599), $received);
    }

    public function testCallbacksMayBeAnyCallableAndChangeAnyTime(): void
    {
        $ws = $this->open(Server::echo());
        $this->noted = [];
        $ws->onMessage = [$this, 'note'];
        $ws->sendText('array');
        $this->dispatchUntil(fn (): bool => count($this->noted) === 1, 'the echo');
        $ws->onMessage = new class ($this) {
            public function __construct(private LoopTest $test)
            {
            }

            public function __invoke(Connection $c, string $data): void
            {
                $this->test->note($c, $data);
                $c->onMessage = null;
            }
        };
        $ws->sendText('object');
        $ws->sendText('nobody');
        $ws->onWebSocketPong = fn () => $this->noted[] = 'pong';
        $this->dispatchUntil(fn (): bool => count($this->noted) === 2, 'the echo');
        $ws->ping();
        $this->dispatchUntil(fn (): bool => count($this->noted) === 3, 'the pong');

        self::assertSame(['array', 'object', 'pong'], $this->noted);
    }

    /** @var list<string> */
    private array $noted = [];

    public function note(Connection $connection, string $data): void
    {
        $this->noted[] = $data;
    }

    public function testTheStreamDrivesAnotherLoop(): void
    {
        $ws = $this->open(Server::echo());
        $rounds = 0;
        $ws->onMessage = static function (Connection $c) use (&$rounds): void {
            if (++$rounds < 200) {
                $c->send('again');
            }
        };
        while (self::streamIsReadable()) {
            Loop::dispatch(0);
        }
        self::assertFalse(self::streamIsReadable(0.02), 'An idle loop must let select sleep');
        $ws->send('begin');
        while ($rounds < 200) {
            self::assertTrue(self::streamIsReadable(5));
            Loop::dispatch(0);
        }

        self::assertSame(Loop::stream(), Loop::stream());
        self::assertSame(200, $rounds);
    }

    public function testTheStreamToldOfNothingNew(): void
    {
        $this->open(Server::echo());
        while (self::streamIsReadable()) {
            Loop::dispatch(0);
        }
        for ($i = 0; $i < 100; ++$i) {
            Loop::dispatch(0);
        }

        self::assertFalse(self::streamIsReadable());
    }

    /**
     * @testWith [false]
     *           [true]
     */
    public function testSignalHandlersRunWhileTheLoopWaits(bool $asynchronous): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $peer->readUntil(Peer::TEXT);
            posix_kill(posix_getppid(), SIGUSR1);
            $listener->await();
        });
        $ws = $this->open($server);
        $before = pcntl_async_signals($asynchronous);
        $handled = false;
        pcntl_signal(SIGUSR1, static function () use (&$handled): void {
            $handled = true;
            Loop::stop();
        });
        try {
            $ws->send('now');
            Loop::run();
        } finally {
            pcntl_signal(SIGUSR1, SIG_DFL);
            pcntl_async_signals($before);
        }

        self::assertTrue($handled);
    }

    /**
     * PHP runs them in the middle of the loop, too.
     *
     * @dataProvider handlers
     *
     * @param \Closure(Connection, Connection): void $handler is given the receiving connection and another one
     */
    public function testAsynchronousSignalHandlersLoseAndRepeatNothing(\Closure $handler): void
    {
        $received = [];
        $ws = $this->receiver(100_000, $received);
        $other = $this->connection('ws://127.0.0.1:1');
        $before = pcntl_async_signals(true);
        pcntl_signal(SIGUSR1, static fn () => $handler($ws, $other));
        $test = posix_getpid();
        $bombardier = pcntl_fork();
        if ($bombardier === 0) {
            while (posix_getppid() === $test) {
                posix_kill($test, SIGUSR1);
                usleep(100);
            }
            posix_kill(posix_getpid(), SIGKILL);
        }
        try {
            $this->dispatchUntil(static function () use (&$received): bool {
                return count($received) === 100_000;
            }, 'all messages');
        } finally {
            posix_kill($bombardier, SIGKILL);
            pcntl_waitpid($bombardier, $status);
            pcntl_signal(SIGUSR1, SIG_DFL);
            pcntl_async_signals($before);
        }

        self::assertTrue($received === range(0, 99_999), 'A message is missing, or there twice, or in another place');
    }

    /**
     * @return iterable<string, array{\Closure(Connection, Connection): void}>
     */
    public static function handlers(): iterable
    {
        yield 'stop' => [static fn () => Loop::stop()];
        yield 'abort of another' => [static fn (Connection $ws, Connection $other) => $other->abort()];
        yield 'pause' => [static function (Connection $ws): void {
            $ws->pauseRecv();
            $ws->resumeRecv();
        }];
    }

    public function testAHostThatSleepsKeepsItsConnection(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $peer->readUntil(Peer::TEXT);
            $delays = [];
            for ($i = 0; $i < 15; ++$i) {
                $sent = microtime(true);
                $peer->write(Peer::frame(Peer::TEXT, "message $i") . Peer::frame(Peer::PING, "ping $i"));
                if ($peer->readUntil(Peer::PONG) !== "ping $i") {
                    throw new \RuntimeException("A pong of another ping than $i");
                }
                $delays[] = microtime(true) - $sent;
                // The pings are to be spread over the sleep.
                usleep(100_000);
            }
            $listener->report($delays);
            $listener->await();
        });
        $ws = $this->open($server);
        $events = $this->record($ws);
        $ws->send('I am going to sleep');
        sleep(2);
        $delays = $server->report();
        $this->dispatchUntil(static fn (): bool => count($events) === 30, 'messages and pings');

        self::assertLessThan(0.5, max($delays), 'A pong waited for the host');
        $expected = [];
        for ($i = 0; $i < 15; ++$i) {
            array_push($expected, "onMessage message $i", "onWebSocketPing ping $i");
        }
        self::assertSame(
            $expected,
            array_map(static fn (array $event): string => "$event[0] $event[1]", (array) $events)
        );
    }

    /**
     * An open connection to which that many numbers were sent; onMessage notes them.
     *
     * @param list<int> $received
     */
    private function receiver(int $count, array &$received): Connection
    {
        $server = Server::start(static function (Listener $listener) use ($count): void {
            $peer = $listener->acceptUpgraded();
            $peer->readUntil(Peer::TEXT);
            for ($i = 0; $i < $count; ++$i) {
                $peer->text((string) $i);
            }
            $listener->await();
        });
        $ws = $this->open($server);
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received[] = (int) $data;
        };
        $ws->send('go');
        return $ws;
    }
}

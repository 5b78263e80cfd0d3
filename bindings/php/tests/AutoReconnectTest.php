<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\AutoReconnect;
use Wsc\Connection;
use Wsc\Exception\InvalidArgumentException;
use Wsc\Loop;
use Wsc\QueuePolicy;
use Wsc\State;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

/**
 * Reconnects that come by themselves.
 */
final class AutoReconnectTest extends TestCase
{
    public function testFreshCredentialsForEveryAttempt(): void
    {
        $server = self::serverThatHangsUp(3);
        $ws = $this->connection($server);
        $ws->autoReconnect = new AutoReconnect(minDelay: 0.01, maxDelay: 0.02);
        $ws->headers = ['Token' => '1'];
        $seen = [];
        $ws->onReconnect = static function (Connection $c, int $attempt, float $delay) use (&$seen, $server): void {
            $c->headers = ['Token' => "$attempt"];
            $seen[] = [$attempt, $delay > 0 && $delay < Server::PATIENCE];
            if ($attempt === 3) {
                $c->setUrl("$server->url/last");
                $c->onWebSocketConnect = static fn (Connection $c) => $c->close();
            }
        };
        $events = $this->record($ws);
        $ws->connect();
        Loop::run();
        $names = array_column((array) $events, 0);

        self::assertSame([[2, true], [3, true]], $seen);
        self::assertSame(['onError', 'onClose', 'onReconnect', 'onConnect'], array_slice($names, 2, 4));
        self::assertSame(3, count(array_keys($names, 'onClose', true)));
        self::assertSame(3, $ws->getReport()->attempt);
        self::assertSame(['/ 1', '/ 2', '/last 3'], [$server->report(), $server->report(), $server->report()]);
    }

    public function testWhileItWaitsTheConnectionIsWaiting(): void
    {
        $ws = $this->connection(self::serverThatHangsUp(1));
        $ws->autoReconnect = new AutoReconnect(minDelay: 3600.0, maxDelay: 3600.0);
        $this->attempt($ws);

        self::assertSame(State::Waiting, $ws->getState());
        self::assertTrue(Loop::dispatch(0));
        $ws->cancelReconnect();
        self::assertFalse(Loop::dispatch(0));
    }

    public function testItCanBeTakenBackWhenItIsDue(): void
    {
        $ws = $this->connection(self::serverThatHangsUp(1));
        $ws->autoReconnect = new AutoReconnect(minDelay: 0.01, maxDelay: 0.01);
        $ws->onReconnect = static fn (Connection $c) => $c->cancelReconnect();
        $ws->connect();
        Loop::run();

        self::assertSame(1, $ws->getReport()->attempt);
        self::assertSame(State::Closed, $ws->getState());
    }

    public function testABadSettingTakesItBack(): void
    {
        $ws = $this->connection(self::serverThatHangsUp(1));
        $ws->autoReconnect = new AutoReconnect(minDelay: 0.01, maxDelay: 0.01);
        $ws->onReconnect = static function (Connection $c): void {
            $c->headers = ['Bad' => "a\nb"];
        };
        $ws->connect();
        try {
            Loop::run();
            self::fail('No exception');
        } catch (InvalidArgumentException $fault) {
            self::assertStringStartsWith("headers['Bad']: ", $fault->getMessage());
        }
        Loop::run();

        self::assertSame(State::Closed, $ws->getState());
    }

    public function testTheNumberOfAttemptsMayBeLimited(): void
    {
        $ws = $this->connection('ws://127.0.0.1:' . Server::unusedPort());
        $ws->autoReconnect = new AutoReconnect(minDelay: 0.01, maxDelay: 0.01, limit: 2);
        $ws->connect();
        Loop::run();

        self::assertSame(3, $ws->getReport()->attempt);
    }

    public function testNoneAfterACauseThatStays(): void
    {
        foreach ([[false, 1], [true, 2]] as [$afterFatal, $attempts]) {
            $server = Server::start(static function (Listener $listener): void {
                while (true) {
                    $peer = $listener->accept();
                    $peer->readRequest();
                    $peer->write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
                    $peer->end();
                }
            });
            $ws = $this->connection($server);
            $ws->autoReconnect = new AutoReconnect(
                minDelay: 0.01,
                maxDelay: 0.01,
                limit: 1,
                afterFatal: $afterFatal
            );
            $ws->connect();
            Loop::run();

            self::assertSame($attempts, $ws->getReport()->attempt);
        }
    }

    /**
     * @testWith ["Drop", 1]
     *           ["Keep", 0]
     *           ["Expire", 0]
     */
    public function testMessagesThatWait(string $policy, int $unsent): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $peer->readRequest();
            $peer->write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
            $peer->end();
            $listener->report($listener->acceptUpgraded()->readUntil(Peer::TEXT));
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->autoReconnect = new AutoReconnect(
            minDelay: 0.01,
            maxDelay: 0.01,
            queued: constant(QueuePolicy::class . "::$policy"),
            expireAfter: $policy === 'Expire' ? 3600.0 : null
        );
        $ws->onWebSocketConnect = static fn (Connection $c) => $c->send('later');
        $events = $this->record($ws);
        $ws->connect();
        $ws->send('early');
        $this->dispatchUntil(static fn (): bool => $ws->getState() === State::Open, 'the second attempt');
        $closes = array_filter((array) $events, static fn (array $event): bool => $event[0] === 'onClose');

        self::assertSame($unsent, array_values($closes)[0][4]);
        self::assertSame($unsent === 0 ? 'early' : 'later', $server->report());
    }

    /**
     * Accepts so many, reports path and token of each and hangs up on it.
     */
    private static function serverThatHangsUp(int $count): Server
    {
        return Server::start(static function (Listener $listener) use ($count): void {
            for ($i = 0; $i < $count; ++$i) {
                $peer = $listener->acceptUpgraded();
                preg_match('~^GET (\S+).*?^Token: (\S+)~ms', $peer->request . "Token: none\r\n", $found);
                $listener->report("$found[1] $found[2]");
                if ($i === $count - 1 && $count > 1) {
                    $peer->readUntil(Peer::CLOSE);
                }
                $peer->end();
            }
            $listener->await();
        });
    }
}

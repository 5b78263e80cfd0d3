<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Connection;
use Wsc\Loop;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Script;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

final class LifetimeTest extends TestCase
{
    public function testALiveConnectionNeedsNoReference(): void
    {
        $server = Server::echo();
        $received = [];
        $ws = new Connection($server->url);
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received[] = $data;
            $c->send('close me');
        };
        $ws->onClose = static function (Connection $c) use (&$received): void {
            if (count($received) < 6) {
                $c->reConnect(0.001);
                $c->send('hello');
            }
        };
        $ws->connect();
        $ws->send('hello');
        $reference = \WeakReference::create($ws);
        unset($ws);
        gc_collect_cycles();
        Loop::run();

        self::assertSame(['hello', 'hello', 'hello', 'hello', 'hello', 'hello'], $received);
        self::assertNull($reference->get(), 'Closed and without a reference, yet still there');
    }

    public function testAConnectionThatWasNeverOpenedGoesAtOnce(): void
    {
        $ws = new Connection('ws://127.0.0.1:1');
        $ws->send('queued');
        $reference = \WeakReference::create($ws);
        unset($ws);

        self::assertNull($reference->get());
    }

    public function testAScheduledReconnectThatIsTakenBackLetsGo(): void
    {
        $ws = new Connection('ws://127.0.0.1:1');
        $ws->reConnect(3600);
        $reference = \WeakReference::create($ws);
        unset($ws);
        self::assertNotNull($reference->get());
        $reference->get()->cancelReconnect();

        self::assertNull($reference->get());
    }

    public function testTheConnectionMayBeDroppedInItsOwnCallback(): void
    {
        $server = Server::echo();
        $ws = new Connection($server->url);
        $ws->onWebSocketConnect = static function (Connection $c) use (&$ws): void {
            $ws = null;
            $c->abort();
        };
        $ws->connect();
        Loop::run();

        self::assertNull($ws);
    }

    public function testAnIdleConnectionCostsLittleMemory(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peers = [];
            while (count($peers) < 101) {
                $peers[] = $peer = $listener->accept();
                $peer->upgrade();
            }
            $listener->await();
        });
        $connections = array_fill(0, 101, null);
        $count = 0;
        $onOpen = static function () use (&$count): void {
            ++$count;
        };
        $before = 0;
        foreach ($connections as $i => &$ws) {
            $ws = $this->connection($server);
            $ws->onWebSocketConnect = $onOpen;
            $ws->connectTimeout = 5;
            $ws->headers = ['X-Same' => 'for all'];
            $ws->connect();
            $this->dispatchUntil(static function () use (&$count, $i): bool {
                return $count > $i;
            }, 'the connection');
            // The first one loads classes.
            $before = $before === 0 ? memory_get_usage() : $before;
        }

        self::assertLessThan(1800, (memory_get_usage() - $before) / 100);
    }

    public function testMemoryIsFlatOverManyConnections(): void
    {
        $server = Server::echo();
        $cycle = static function () use ($server): void {
            $ws = new Connection($server->url);
            $ws->onMessage = static function () use ($ws): void {
                $ws->send('close me');
            };
            $ws->connect();
            $ws->send('hello');
            Loop::run();
        };
        // Each is a cycle of references, and they are collected by the thousand.
        self::assertFlat($cycle, 5_000, 10_000);
    }

    public function testMemoryIsFlatOverManyReconnects(): void
    {
        $ws = $this->connection(Server::echo());
        $ws->onMessage = static fn (Connection $c) => $c->send('close me');
        $left = 0;
        $ws->onClose = static function (Connection $c) use (&$left): void {
            if (--$left > 0) {
                $c->reConnect();
                $c->send('hello');
            }
        };
        self::assertFlat(static function () use ($ws, &$left): void {
            $left = 100;
            $ws->connect();
            $ws->send('hello');
            Loop::run();
        }, 5, 50);
    }

    public function testMemoryIsFlatOverManyMessages(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $flood = str_repeat(Peer::frame(Peer::TEXT, str_repeat('x', 64)), 10_000);
            while ($peer->readUntil(Peer::TEXT) === 'more') {
                $peer->write($flood);
            }
        });
        $ws = $this->open($server);
        $received = 0;
        $ws->onMessage = static function () use (&$received): void {
            if (++$received % 10_000 === 0) {
                Loop::stop();
            }
        };
        self::assertFlat(static function () use ($ws): void {
            $ws->send('more');
            Loop::run();
        }, 20, 100);
        self::assertSame(1_200_000, $received);
    }

    public function testWhatIsSentJustBeforeTheEndGoesOut(): void
    {
        foreach (['', 'exit(0);', 'throw new Exception("the end");', '$f = "undefined"; $f();'] as $end) {
            $server = Server::start(static function (Listener $listener): void {
                $peer = $listener->acceptUpgraded();
                for ($count = 0; $peer->readUntil(Peer::TEXT) !== 'last'; ++$count) {
                }
                $listener->report($count);
            });
            $script = Script::code('
                $ws = new Wsc\Connection($argv[1]);
                $ws->onWebSocketConnect = fn () => Wsc\Loop::stop();
                $ws->connect();
                Wsc\Loop::run();
                for ($i = 0; $i < 100; ++$i) {
                    $ws->send("message $i");
                }
                $ws->send("last");
                ' . $end, [$server->url]);

            self::assertSame(100, $server->report(), $script->output);
            self::assertContains($script->status, [0, 255], $script->output);
        }
    }

    /**
     * @dataProvider endings
     */
    public function testTheProcessEndsInOrderInTheMiddleOfThings(string $code, int $status): void
    {
        $server = Server::echo();
        $script = Script::code('
            $ws = new Wsc\Connection($argv[1]);
            $other = new Wsc\Connection($argv[1]);
            Wsc\Loop::stream();
            $ws->onMessage = function ($c) use (&$ws) { ' . $code . ' };
            $ws->connect();
            $ws->send("hello");
            Wsc\Loop::run();
        ', [$server->url]);

        self::assertSame($status, $script->status, $script->output);
        self::assertStringNotContainsString('Segmentation', $script->output);
    }

    /**
     * @return iterable<string, array{string, int}>
     */
    public static function endings(): iterable
    {
        yield 'exit' => ['exit(7);', 7];
        yield 'uncaught' => ['throw new RuntimeException("uncaught");', 255];
        yield 'fatal error' => ['undefined_function();', 255];
        yield 'out of memory' => ['ini_set("memory_limit", "8M"); str_repeat("x", 1 << 28);', 255];
        yield 'stop' => ['Wsc\Loop::stop();', 0];
        yield 'gone' => ['$ws = null; Wsc\Loop::stop();', 0];
        yield 'in a suspended fiber' => [
            '(new Fiber(function () use ($c) { $c->send("x"); Fiber::suspend(); }))->start(); exit(3);',
            3,
        ];
    }

    /**
     * The end of the process destroys objects in the order in which they were made.
     */
    public function testADestructorOfTheProgramMayStillUseTheConnection(): void
    {
        $server = Server::echo();
        $script = Script::code('
            class Feed
            {
                public function __construct(public Wsc\Connection $ws)
                {
                }

                public function __destruct()
                {
                    foreach (["send", "sendBinary", "ping", "connect"] as $call) {
                        try {
                            $this->ws->$call("bye");
                        } catch (Wsc\Exception\StateException $fault) {
                            echo $fault->getMessage(), "\n";
                        }
                    }
                    $this->ws->pauseRecv();
                    $this->ws->close();
                    $this->ws->abort();
                    Wsc\Loop::stop();
                    echo $this->ws->getState()->name;
                }
            }
            $ws = new Wsc\Connection($argv[1]);
            $feed = new Feed($ws);
            $ws->onMessage = fn () => Wsc\Loop::stop() ?? $feed;
            $ws->connect();
            $ws->send("hello");
            Wsc\Loop::run();
        ', [$server->url]);
        $text = 'PHP has destroyed the object, at the end of the process or as garbage';

        self::assertSame("send(): $text\nsendBinary(): $text\nping(): $text\nconnect(): $text\nClosed", $script->output);
        self::assertSame(0, $script->status);
    }

    /**
     * @param \Closure(): void $cycle
     */
    private static function assertFlat(\Closure $cycle, int $warmUp, int $cycles): void
    {
        for ($i = 0; $i < $warmUp; ++$i) {
            $cycle();
        }
        gc_collect_cycles();
        $php = memory_get_usage();
        $process = self::residentSize();
        for ($i = 0; $i < $cycles; ++$i) {
            $cycle();
        }
        gc_collect_cycles();

        self::assertLessThan(64 * 1024, memory_get_usage() - $php, 'Memory of PHP');
        self::assertLessThan(4 * 1024 * 1024, self::residentSize() - $process, 'Memory of the process');
    }

    private static function residentSize(): int
    {
        preg_match('/^VmRSS:\s+(\d+) kB/m', file_get_contents('/proc/self/status'), $match);
        return 1024 * (int) $match[1];
    }
}

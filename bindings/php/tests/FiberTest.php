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

/**
 * Loops such as Revolt's run every callback in a Fiber, which may suspend in the middle.
 */
final class FiberTest extends TestCase
{
    private const COUNT = 1000;

    public function testCallbacksThatSuspendLoseAndRepeatNothing(): void
    {
        $ws = $this->receiver();
        $suspended = [];
        $begun = $ended = [];
        $ws->onMessage = static function (Connection $c, string $data) use (&$begun, &$ended, &$suspended): void {
            $begun[] = (int) $data;
            if ((int) $data % 3 === 0) {
                $suspended[] = \Fiber::getCurrent();
                \Fiber::suspend();
            }
            $ended[] = (int) $data;
        };
        $ws->send('go');
        $this->dispatchInFibers(static function () use (&$begun, &$suspended): bool {
            // Some are resumed late, some at once, and not in the order in which they suspended.
            while (count($suspended) > 20) {
                array_splice($suspended, crc32((string) count($begun)) % 20, 1)[0]->resume();
            }
            return count($begun) === self::COUNT;
        });
        while ($suspended !== []) {
            array_pop($suspended)->resume();
        }

        self::assertSame(range(0, self::COUNT - 1), $begun);
        sort($ended);
        self::assertSame(range(0, self::COUNT - 1), $ended);
    }

    public function testWhatWaitsBehindASuspendedCallbackWakesTheHost(): void
    {
        $ws = $this->receiver();
        $received = 0;
        $ws->onMessage = static function () use (&$received): void {
            ++$received;
            \Fiber::suspend();
        };
        $ws->send('go');
        $fibers = [];
        while ($received < self::COUNT) {
            self::assertTrue(self::streamIsReadable(5));
            $fibers[] = $fiber = new \Fiber(static fn () => Loop::dispatch(0));
            $fiber->start();
        }
        $ws->onMessage = null;
        while ($fibers !== []) {
            $fiber = array_pop($fibers);
            if (!$fiber->isTerminated()) {
                $fiber->resume();
            }
        }

        self::assertSame(self::COUNT, $received);
    }

    public function testAnIdleLoopInFibersLetsSelectSleep(): void
    {
        $ws = $this->receiver();
        $received = 0;
        $ws->onMessage = static function () use (&$received): void {
            ++$received;
        };
        $ws->send('go');
        $this->dispatchInFibers(static function () use (&$received): bool {
            return $received === self::COUNT;
        });
        for ($i = 0; self::streamIsReadable(); ++$i) {
            self::assertLessThan(10, $i, 'The stream stays readable');
            $fiber = new \Fiber(static fn () => Loop::dispatch(0));
            $fiber->start();
        }

        self::assertSame(self::COUNT, $received);
    }

    /**
     * A connection may end, and be opened again, while a callback of it is suspended.
     */
    public function testReconnectWhileACallbackIsSuspended(): void
    {
        $ws = $this->open(Server::echo());
        $suspended = null;
        $events = [];
        $ws->onMessage = static function (Connection $c, string $data) use (&$suspended, &$events): void {
            $events[] = $data;
            if ($data === 'one') {
                $suspended = \Fiber::getCurrent();
                \Fiber::suspend();
                $events[] = 'one resumed';
            }
        };
        $ws->onClose = static function (Connection $c) use (&$events): void {
            $events[] = 'closed';
        };
        $ws->send('one');
        $this->dispatchInFibers(static function () use (&$suspended): bool {
            return $suspended !== null;
        });
        $ws->reConnect();
        $ws->send('two');
        $this->dispatchInFibers(static function () use (&$events): bool {
            return in_array('two', $events, true);
        });
        $suspended->resume();

        self::assertSame(['one', 'closed', 'two', 'one resumed'], $events);
    }

    /**
     * @param \Closure(): bool $done
     */
    private function dispatchInFibers(\Closure $done): void
    {
        $end = microtime(true) + Server::PATIENCE;
        while (!$done()) {
            self::assertLessThan($end, microtime(true));
            $fiber = new \Fiber(static fn () => Loop::dispatch(0.1));
            $fiber->start();
        }
    }

    private function receiver(): Connection
    {
        return $this->open(Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $peer->readUntil(Peer::TEXT);
            for ($i = 0; $i < self::COUNT; ++$i) {
                $peer->text((string) $i);
            }
            $listener->await();
        }));
    }

    /**
     * Loading a class may suspend a coroutine, so that the next event would overtake the one that needs it.
     */
    public function testNoClassIsLoadedBetweenAnEventAndItsCallback(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $peer->upgrade([], Peer::frame(Peer::PING) . Peer::frame(Peer::TEXT, 'message'));
            $peer->read();
            $peer->write("\xff\0");
            $peer->read();
            $peer->end();
        });
        $script = Script::code(
            <<<'PHP'
            $watch = false;
            spl_autoload_register(function (string $class) use (&$watch): void {
                echo $watch ? "$class is loaded late\n" : '';
            }, true, true);
            $c = new Wsc\Connection($argv[1]);
            foreach (
                ['onConnect', 'onWebSocketConnect', 'onMessage', 'onWebSocketPing', 'onError', 'onClose'] as $name
            ) {
                $c->$name = fn () => print("$name\n");
            }
            $c->connect();
            $watch = class_exists(Wsc\Loop::class);
            Wsc\Loop::run();
            PHP,
            [$server->url]
        );

        self::assertSame(
            "onConnect\nonWebSocketConnect\nonWebSocketPing\nonMessage\nonError\nonClose\n",
            $script->output
        );
    }
}

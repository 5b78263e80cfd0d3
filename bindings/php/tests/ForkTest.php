<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Connection;
use Wsc\Exception\ForkedException;
use Wsc\Loop;
use Wsc\State;
use Wsc\Status;
use Wsc\Tests\Support\Channel;
use Wsc\Tests\Support\Script;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

final class ForkTest extends TestCase
{
    public function testAnInheritedConnectionSaysSoAndTheParentsGoesOn(): void
    {
        $ws = $this->open(Server::echo());
        $faults = $this->inChild(static function () use ($ws): array {
            $faults = [];
            foreach (
                [
                    'send' => static fn () => $ws->send('x'),
                    'ping' => static fn () => $ws->ping(),
                    'connect' => static fn () => $ws->connect(),
                    'reConnect' => static fn () => $ws->reConnect(),
                    'close' => static fn () => $ws->close(),
                    'abort' => static fn () => $ws->abort(),
                    'pauseRecv' => static fn () => $ws->pauseRecv(),
                    'run' => static fn () => Loop::run(),
                    'dispatch' => static fn () => Loop::dispatch(),
                ] as $name => $call
            ) {
                try {
                    $call();
                    $faults[$name] = 'no exception';
                } catch (ForkedException $fault) {
                    $faults[$name] = $fault->getStatus() === Status::Forked;
                }
            }
            return $faults;
        });

        self::assertSame(array_fill_keys(array_keys($faults), true), $faults);
        self::assertCount(9, $faults);
        $this->assertEchoes($ws);
    }

    public function testAConnectionMadeInTheChildWorks(): void
    {
        $server = Server::echo();
        $parents = $this->open(Server::echo());
        Loop::stream();
        $received = $this->inChild(static function () use ($server): string {
            $received = '';
            $ws = new Connection($server->url);
            $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
                $received = $data;
                $c->close();
            };
            $ws->connect();
            $ws->send('from the child');
            while (self::streamIsReadable(5)) {
                if (!Loop::dispatch(0)) {
                    break;
                }
            }
            return $received . ' ' . $ws->getState()->name;
        });

        self::assertSame('from the child ' . State::Closed->name, $received);
        $this->assertEchoes($parents);
    }

    public function testAForkBeforeTheFirstConnection(): void
    {
        $server = Server::echo();
        $script = Script::code('
            $ws = new Wsc\Connection($argv[1]);
            $pid = pcntl_fork();
            if ($pid === 0) {
                $ws = new Wsc\Connection($argv[1]);
            } else {
                pcntl_waitpid($pid, $status);
                echo "the child ended with $status, ";
            }
            $ws->onMessage = static function (Wsc\Connection $c, string $data): void {
                echo "received $data, ";
                $c->close();
            };
            $ws->connect();
            $ws->send($pid === 0 ? "child" : "parent");
            Wsc\Loop::run();
        ', [$server->url]);

        self::assertSame('received child, the child ended with 0, received parent, ', $script->output);
        self::assertSame(0, $script->status);
    }

    public function testAChildThatEndsInOrderDisturbsNothing(): void
    {
        $ws = $this->open(Server::echo());
        Loop::stream();
        [$ours, $theirs] = Channel::pair();
        $pid = pcntl_fork();
        if ($pid === 0) {
            unset($ws);
            $this->forgetConnections();
            gc_collect_cycles();
            $theirs->send('destroyed');
            posix_kill(posix_getpid(), SIGKILL);
        }
        $theirs->close();
        self::assertSame('destroyed', $ours->receive());
        pcntl_waitpid($pid, $status);

        $this->assertEchoes($ws);
    }

    public function testTheChildOfACallbackThatForksSendsNothing(): void
    {
        $ws = $this->open(Server::echo());
        [$ours, $theirs] = Channel::pair();
        $test = posix_getpid();
        $received = [];
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received[] = $data;
            if ($data === 'fork') {
                // Is queued, and sent when the loop goes on.
                $c->send('one');
                $c->send('two');
                pcntl_fork();
            }
        };
        $ws->send('fork');
        try {
            $this->dispatchUntil(static function () use (&$received): bool {
                return count($received) === 3;
            }, 'the echoes');
        } catch (\Throwable $fault) {
            if (posix_getpid() === $test) {
                throw $fault;
            }
            $theirs->send([$fault instanceof ForkedException, $received]);
        }
        if (posix_getpid() !== $test) {
            posix_kill(posix_getpid(), SIGKILL);
        }
        $theirs->close();

        self::assertSame([true, ['fork']], $ours->receive());
        self::assertSame(['fork', 'one', 'two'], $received);
        $this->assertEchoes($ws);
    }

    private function assertEchoes(Connection $ws): void
    {
        $received = null;
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received = $data;
        };
        $ws->send('from the parent');
        $this->dispatchUntil(static function () use (&$received): bool {
            return $received !== null;
        }, 'the echo');

        self::assertSame('from the parent', $received);
    }

    /**
     * @param \Closure(): mixed $code
     *
     * @return mixed what it returns
     */
    private function inChild(\Closure $code): mixed
    {
        [$ours, $theirs] = Channel::pair();
        $pid = pcntl_fork();
        if ($pid === 0) {
            try {
                $theirs->send($code());
            } catch (\Throwable $fault) {
                $theirs->send((string) $fault);
            }
            // PHPUnit's own ending must not run twice.
            posix_kill(posix_getpid(), SIGKILL);
        }
        $theirs->close();
        $result = $ours->receive();
        pcntl_waitpid($pid, $status);
        return $result;
    }
}

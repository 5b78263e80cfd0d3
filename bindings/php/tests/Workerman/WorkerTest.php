<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

use PHPUnit\Framework\TestCase;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Script;
use Wsc\Tests\Support\Server;

/**
 * Workers that are reloaded or stopped with messages under way, and what a long life costs. Reload and stop need
 * the processes of the real thing.
 */
final class WorkerTest extends TestCase
{
    /** Messages, beside the one with the process number. */
    private const COUNT = 2000;

    /**
     * @dataProvider ends
     */
    public function testNoAcceptedMessageIsLostWithoutAWord(?Flavour $flavour, int $signal, int $size, bool $again): void
    {
        if ($flavour === null) {
            self::markTestSkipped('WORKERMAN_DIR is not set');
        }
        $server = Server::start(static function (Listener $listener) use ($size): void {
            $peer = $listener->acceptUpgraded();
            $listener->report((int) $peer->read()[1]);
            $listener->await();
            $received = $code = 0;
            while (($frame = $peer->read()) !== null) {
                if ($frame[0] === Peer::CLOSE) {
                    $code = unpack('n', $frame[1])[1];
                    break;
                }
                // Of the last one the end may be missing.
                $received += (int) (strlen($frame[1]) === $size);
            }
            $listener->report([$received, $code]);
            $listener->report((int) $listener->acceptUpgraded()->read()[1]);
            $listener->await();
        });
        $example = new Example('tests/Workerman/inflight', $flavour, $server->url, [
            'COUNT' => (string) self::COUNT,
            'SIZE' => (string) $size,
        ]);
        $pid = $server->report();
        $example->signal($signal);
        $isGone = static fn (): bool => !file_exists("/proc/$pid") || self::state($pid) === 'Z';
        self::assertTrue(Server::wait($isGone), 'The worker does not end');
        $server->proceed();
        [$received, $code] = $server->report();

        preg_match('/(\d+) accepted message\(s\) to \S+ were not sent/', $example->log(), $told);
        $unsent = (int) ($told[1] ?? 0);
        self::assertSame(self::COUNT, $received + $unsent, $example->log());
        self::assertSame($unsent === 0 ? 1000 : 0, $code);
        self::assertSame($size < 1000, $unsent === 0);
        if ($again) {
            self::assertNotSame($pid, $server->report(), 'The new worker');
        }
        $example->stop();
    }

    /**
     * @return iterable<string, array{Flavour|null, int, int, bool}>
     */
    public static function ends(): iterable
    {
        foreach (Flavour::installed() ?: ['none' => null] as $name => $flavour) {
            foreach ([100 => 'few', 100_000 => 'many'] as $size => $much) {
                yield "reload, $much bytes, $name" => [$flavour, SIGUSR1, $size, true];
                yield "stop, $much bytes, $name" => [$flavour, SIGINT, $size, false];
                yield "SIGTERM, $much bytes, $name" => [$flavour, SIGTERM, $size, false];
            }
        }
    }

    /**
     * A graceful reload waits until the connections are closed, as it does for Workerman's own.
     *
     * @dataProvider gracefulEnds
     */
    public function testGracefully(?Flavour $flavour, int $signal, bool $again): void
    {
        if ($flavour === null) {
            self::markTestSkipped('WORKERMAN_DIR is not set');
        }
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->report((int) $peer->read()[1]);
            $listener->await();
            for ($received = 0; $received < self::COUNT; ++$received) {
                $peer->readUntil(Peer::TEXT);
            }
            $peer->write(Peer::closeFrame(1001));
            $listener->report($received);
            $listener->report($peer->read()[0]);
            $listener->report((int) $listener->acceptUpgraded()->read()[1]);
            $listener->await();
        });
        $example = new Example('tests/Workerman/inflight', $flavour, $server->url, [
            'COUNT' => (string) self::COUNT,
            'SIZE' => '5000',
        ]);
        $pid = $server->report();
        $example->signal($signal);
        $server->proceed();

        self::assertSame(self::COUNT, $server->report());
        self::assertSame(Peer::CLOSE, $server->report());
        $isGone = static fn (): bool => !file_exists("/proc/$pid") || self::state($pid) === 'Z';
        self::assertTrue(Server::wait($isGone), 'The worker does not end');
        if ($again) {
            self::assertNotSame($pid, $server->report(), 'The new worker');
        }
        self::assertStringNotContainsString('not sent', $example->log());
        $example->stop();
    }

    /**
     * @return iterable<string, array{Flavour|null, int, bool}>
     */
    public static function gracefulEnds(): iterable
    {
        foreach (Flavour::installed() ?: ['none' => null] as $name => $flavour) {
            yield "reload, $name" => [$flavour, SIGUSR2, true];
            yield "stop, $name" => [$flavour, SIGQUIT, false];
        }
    }

    /**
     * @dataProvider flavours
     */
    public function testALongLifeCostsNothing(Flavour $flavour): void
    {
        $script = new Script([__DIR__ . '/endurance.php', 'start'], [
            'MESSAGES' => '20000', 'RECONNECTS' => '200', 'WSC_TEST_FLAVOUR' => $flavour->name,
        ]);

        self::assertStringContainsString("20000 messages", $script->output);
        self::assertStringContainsString("200 reconnects", $script->output);
        self::assertMatchesRegularExpression('/^flat$/m', $script->output);
    }

    /**
     * @return array<string, array{Flavour}>
     */
    public static function flavours(): array
    {
        return array_map(
            static fn (Flavour $flavour): array => [$flavour],
            Flavour::standIns() + Flavour::installed()
        );
    }

    private static function state(int $pid): string
    {
        return explode(' ', substr((string) strrchr((string) @file_get_contents("/proc/$pid/stat"), ')'), 2))[0];
    }
}

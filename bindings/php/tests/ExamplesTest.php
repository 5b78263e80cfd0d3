<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Script;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

final class ExamplesTest extends TestCase
{
    private const HEAD = '(?:\S.*\r\n)+\r\n';

    public function testFirst(): void
    {
        $server = Server::echo();
        $script = self::example('first', $server->url);

        self::assertSame("recv: hello\nclosed: 1000 \n", $script->output);
        self::assertSame(0, $script->status);
    }

    public function testFirstWithoutAServer(): void
    {
        $script = self::example('first', 'ws://127.0.0.1:' . Server::unusedPort());

        self::assertMatchesRegularExpression('/^error 1: .+\nclosed: 1006 \n$/D', $script->output);
    }

    public function testEchoIsClosedByTheServerAndComesBack(): void
    {
        $server = Server::echo();
        $script = self::example('echo', $server->url);

        self::assertMatchesRegularExpression(
            "/^tcp connected\n" . self::HEAD . "recv: hello\nheartbeat: pong after \\d+ us\n"
            . "closed: 1001 going away\nreconnecting in 0.3 s\n"
            . "tcp connected\n" . self::HEAD . "recv: hello\nclosed: 1000 bye\n$/D",
            $script->output
        );
        self::assertSame(0, $script->status);
    }

    public function testEchoWithAServerThatOnlyEchoes(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            for ($i = 0; $i < 2; ++$i) {
                $peer = $listener->acceptUpgraded();
                while (([$opcode, $payload] = $peer->read())[0] !== Peer::CLOSE) {
                    $peer->write(Peer::frame($opcode === Peer::PING ? Peer::PONG : $opcode, $payload));
                }
                $peer->write(Peer::frame(Peer::CLOSE, $payload));
                $peer->end();
            }
        });
        $script = self::example('echo', $server->url);

        self::assertStringContainsString("recv: close me\nclosed: 1000 bye\nreconnecting", $script->output);
        self::assertStringEndsWith("recv: hello\nclosed: 1000 bye\n", $script->output);
        self::assertSame(0, $script->status);
        $server->join();
    }

    public function testEchoWithoutAServer(): void
    {
        $script = self::example('echo', 'ws://127.0.0.1:' . Server::unusedPort());

        self::assertMatchesRegularExpression('/^error 1: .+\nclosed: 1006 \n$/D', $script->output);
        self::assertSame(1, $script->status);
    }

    public function testSelectSendsTheLinesOfItsInput(): void
    {
        $server = Server::echo();
        $script = self::example('select', $server->url, "one\ntwo\n");

        self::assertSame("recv: one\nrecv: two\n", $script->output);
        self::assertSame(0, $script->status);
    }

    public function testSelectIsClosedByTheServer(): void
    {
        $server = Server::echo();
        $script = self::example('select', $server->url, "close me\n");

        self::assertSame('', $script->output);
        self::assertSame(0, $script->status);
    }

    private static function example(string $name, string $url, string $input = ''): Script
    {
        return new Script([dirname(__DIR__) . "/examples/$name.php", $url], [], $input);
    }
}

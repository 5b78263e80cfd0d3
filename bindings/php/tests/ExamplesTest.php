<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Tests\Support\Certificate;
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

    public function testSettings(): void
    {
        Certificate::file();
        $server = Server::start(static function (Listener $listener): void {
            $refused = $listener->accept();
            $refused->secure();
            $refused->readRequest();
            $refused->write("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
            $refused->end();
            $peer = $listener->accept();
            $peer->secure();
            $peer->upgrade();
            $peer->text($peer->read()[1]);
            $listener->report($refused->request . $peer->request);
            $peer->write(Peer::closeFrame(1000));
            $peer->read();
            $peer->end();
        });
        $script = new Script([
            dirname(__DIR__) . '/examples/settings.php',
            'wss' . substr($server->url, 2), Certificate::file(), Certificate::NAME,
        ]);
        preg_match_all('/^Authorization: Bearer (\S+)/m', $server->report(), $tokens);

        self::assertSame(['token-1', 'token-2'], $tokens[1]);
        self::assertMatchesRegularExpression(
            "/^closed: 1006 HttpStatus in Upgrade, HTTP 503, Tls13\nattempt 2, after \d\.\d s\n"
            . "recv: subscribe\nclosed: 1000 Ok in Closing, HTTP 101, Tls13\n/",
            $script->output
        );
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

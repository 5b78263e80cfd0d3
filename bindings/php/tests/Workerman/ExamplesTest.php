<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

use PHPUnit\Framework\TestCase;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Script;
use Wsc\Tests\Support\Server;

/**
 * The examples for Workerman, on the stand-ins and on what WORKERMAN_DIR names. Each runs until its server
 * has seen enough.
 */
final class ExamplesTest extends TestCase
{
    /**
     * @dataProvider flavours
     */
    public function testTheDocumentedExample(Flavour $flavour): void
    {
        $server = Server::start(static function (Listener $listener): void {
            for ($i = 0; $i < 2; ++$i) {
                $peer = $listener->acceptUpgraded();
                $listener->report($peer->readUntil(Peer::TEXT));
                $peer->text("answer $i");
                $peer->end();
            }
            $listener->accept();
            $listener->report($peer->request);
        });
        $example = new Example('examples/workerman', $flavour, $server->url);

        self::assertSame('hello', $server->report());
        self::assertSame('hello', $server->report());
        $request = $server->report();
        $output = $example->stop();
        self::assertStringContainsString(
            "Cookie: PHPSID=82u98fjhakfusuanfnahfi; token=2hf9a929jhfihaf9i\r\nOtherKey: values\r\n",
            $request
        );
        self::assertMatchesRegularExpression(
            "/tcp connected\nHTTP\/1.1 101 (?:.*\r\n)+\r\nrecv: answer 0\n"
            . "tcp connected\nHTTP\/1.1 101 (?:.*\r\n)+\r\nrecv: answer 1\n/",
            $output
        );
    }

    /**
     * @dataProvider flavours
     */
    public function testTheSubscriberComesBackWithFreshCredentials(Flavour $flavour): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $peer->readRequest();
            $peer->write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
            $peer->end();
            $listener->report($peer->request);
            for ($i = 0; $i < 2; ++$i) {
                $peer = $listener->acceptUpgraded();
                $listener->report($peer->request);
                $peer->readUntil(Peer::TEXT);
                $peer->text("news $i");
                $peer->write(Peer::closeFrame(1001, 'moving'));
                $peer->read();
                $peer->end();
            }
            $listener->accept();
            $listener->report('enough');
        });
        $example = new Example('examples/subscriber', $flavour, $server->url);

        for ($attempt = 1; $attempt <= 3; ++$attempt) {
            self::assertStringContainsString("Authorization: Bearer token-$attempt\r\n", $server->report());
        }
        self::assertSame('enough', $server->report());
        self::assertMatchesRegularExpression(
            "/error 4: .*\nclosed: 1006 \nrecv: news 0\nclosed: 1001 moving\nrecv: news 1\nclosed: 1001 moving\n/",
            $example->stop()
        );
    }

    public function testManyConnections(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peers = [];
            for ($i = 0; $i < 50; ++$i) {
                $peers[] = $listener->acceptUpgraded();
            }
            foreach ($peers as $peer) {
                $peer->echo();
            }
        });
        $script = new Script([dirname(__DIR__, 2) . '/examples/many.php', $server->url, '50']);

        self::assertSame("50 connections are open\n50 answers, 0 failures\n", $script->output);
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
}

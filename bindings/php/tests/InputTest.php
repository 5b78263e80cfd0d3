<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Connection;
use Wsc\Exception\InvalidArgumentException;
use Wsc\Exception\StateException;
use Wsc\Exception\WscException;
use Wsc\Loop;
use Wsc\State;
use Wsc\Status;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

final class InputTest extends TestCase
{
    /**
     * @dataProvider badUrls
     */
    public function testBadUrl(string $url, Status $expected): void
    {
        self::assertFault($expected, 'URL', static fn () => new Connection($url));
        $ws = $this->connection('ws://127.0.0.1:1');
        self::assertFault($expected, 'URL', static fn () => $ws->setUrl($url));
    }

    /**
     * @return iterable<array{string, Status}>
     */
    public static function badUrls(): iterable
    {
        yield ['', Status::Url];
        yield ['nonsense', Status::Url];
        yield ['ws://', Status::Url];
        yield ["ws://host/\r\nX: y", Status::Url];
        yield ["ws://host/\0", Status::Url];
        yield ["ws://127.0.0.1\0.example.org/", Status::Url];
        yield ['http://host/', Status::UrlScheme];
        yield ['tcp://host:1', Status::UrlScheme];
        yield ['ws://host:0/', Status::UrlPort];
        yield ['ws://host:65536/', Status::UrlPort];
        yield ['ws://host:port/', Status::UrlPort];
    }

    /**
     * @dataProvider badSettings
     */
    public function testBadSetting(string $property, mixed $value, Status $expected, string $subject): void
    {
        $ws = $this->connection('ws://127.0.0.1:1');
        $ws->$property = $value;
        self::assertFault($expected, $subject, static fn () => $ws->connect());
        self::assertFault($expected, $subject, static fn () => $ws->reConnect());

        self::assertSame(State::Initial, $ws->getState());
        self::assertFalse(Loop::dispatch(0));
    }

    /**
     * @return iterable<array{string, mixed, Status, string}>
     */
    public static function badSettings(): iterable
    {
        foreach (['', 'a b', 'a:b', "a\r\n", "a\0", 'ä'] as $name) {
            yield ['headers', [$name => 'x'], Status::HeaderName, "headers['$name']"];
        }
        foreach (["x\r\nEvil: y", "x\n", "x\r", "x\0y"] as $value) {
            yield ['headers', ['Name' => $value], Status::HeaderValue, "headers['Name']"];
            yield ['headers', ['Name' => ['good', $value]], Status::HeaderValue, "headers['Name']"];
        }
        yield ['headers', ['Name' => null], Status::HeaderValue, "headers['Name']"];
        yield ['headers', ['Name' => new \stdClass()], Status::HeaderValue, "headers['Name']"];
        foreach (['a b', 'a,,b', "a\r\n", "a\0"] as $value) {
            yield ['websocketClientProtocol', $value, Status::Subprotocol, 'websocketClientProtocol'];
        }
        foreach (["http://a\r\n", "http://a\0"] as $value) {
            yield ['websocketOrigin', $value, Status::Origin, 'websocketOrigin'];
        }
        foreach (['websocketPingInterval', 'pongTimeout', 'connectTimeout', 'handshakeTimeout'] as $property) {
            yield [$property, -1.0, Status::Invalid, $property];
            yield [$property, NAN, Status::Invalid, $property];
        }
        yield ['closeTimeout', 0.0, Status::Invalid, 'closeTimeout'];
        foreach (['maxSendBufferSize', 'maxReceiveBufferSize', 'maxPackageSize', 'maxHeaderSize'] as $property) {
            yield [$property, 0, Status::Invalid, $property];
            yield [$property, -1, Status::Invalid, $property];
        }
    }

    public function testBadArgumentsLeaveTheConnectionAlone(): void
    {
        $ws = $this->open(Server::echo());
        $long = str_repeat('x', 126);

        self::assertFault(Status::Utf8, 'send()', static fn () => $ws->send("\xff"));
        self::assertFault(Status::Utf8, 'sendText()', static fn () => $ws->sendText("cut \xc3"));
        self::assertFault(Status::TooBig, 'ping()', static fn () => $ws->ping($long));
        self::assertFault(Status::TooBig, 'pong()', static fn () => $ws->pong($long));
        foreach ([-1, 1, 999, 1001, 1005, 1006, 2999, 5000, 65536 + 1000] as $code) {
            self::assertFault(Status::CloseCode, 'close()', static fn () => $ws->close($code));
        }
        self::assertFault(Status::CloseReason, 'close()', static fn () => $ws->close(1000, substr($long, 2)));
        self::assertFault(Status::CloseReason, 'close()', static fn () => $ws->close(1000, "\xff"));
        self::assertFault(Status::Invalid, 'reConnect()', static fn () => $ws->reConnect(-0.1));
        self::assertFault(Status::Invalid, 'reConnect()', static fn () => $ws->reConnect(INF));
        $ws->websocketType = 'text';
        self::assertFault(Status::Invalid, 'websocketType', static fn () => $ws->send('x'));
        self::assertSame(State::Open, $ws->getState());

        $received = null;
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received = $data;
        };
        $ws->sendText('still well');
        $this->dispatchUntil(static function () use (&$received): bool {
            return $received !== null;
        }, 'the echo');
        self::assertSame('still well', $received);
    }

    public function testBusyPoll(): void
    {
        $ws = $this->open(Server::echo());
        Loop::setBusyPoll(0.05);
        try {
            $received = null;
            $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
                $received = $data;
            };
            $ws->sendText('awake');
            $this->dispatchUntil(static function () use (&$received): bool {
                return $received !== null;
            }, 'the echo');
            self::assertSame('awake', $received);
        } finally {
            Loop::setBusyPoll(0);
        }
        foreach ([-1.0, NAN, INF, 4295.0] as $seconds) {
            self::assertFault(Status::Invalid, 'setBusyPoll()', static fn () => Loop::setBusyPoll($seconds));
        }
    }

    public function testTheWrongMoment(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $listener->await();
            $peer->upgrade();
            $peer->echo();
        });
        $ws = $this->connection($server);
        $wrong = static function (string $subject, \Closure $call): void {
            self::assertFault(Status::State, $subject, $call, StateException::class);
        };
        $wrong('ping()', static fn () => $ws->ping());
        $wrong('pong()', static fn () => $ws->pong());
        $ws->connect();
        $wrong('ping()', static fn () => $ws->ping());
        $server->proceed();
        $ws->onWebSocketConnect = static function (Connection $c) use ($wrong): void {
            $c->close();
            $wrong('send()', static fn () => $c->send('after close()'));
        };
        Loop::run();

        self::assertSame(State::Closed, $ws->getState());
        $wrong('send()', static fn () => $ws->send('after onClose'));
    }

    public function testATimeoutOfTheLoopThatIsNone(): void
    {
        $this->open(Server::echo());

        self::assertFault(Status::Invalid, 'dispatch()', static fn () => Loop::dispatch(-1));
    }

    /**
     * @param class-string<WscException> $class
     */
    private static function assertFault(
        Status $status,
        string $subject,
        \Closure $call,
        string $class = InvalidArgumentException::class
    ): void {
        try {
            $call();
        } catch (WscException $fault) {
            self::assertInstanceOf($class, $fault);
            self::assertSame($status, $fault->getStatus());
            self::assertSame($status->value, $fault->getCode());
            self::assertStringStartsWith("$subject: ", $fault->getMessage());
            return;
        }
        self::fail("$subject took it");
    }
}

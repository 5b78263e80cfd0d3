<?php

declare(strict_types=1);

namespace Wsc\Tests;

use FFI;
use Wsc\Connection;
use Wsc\Internal\HttpHead;
use Wsc\Internal\Library;
use Wsc\Loop;
use Wsc\MessageType;
use Wsc\Part;
use Wsc\Phase;
use Wsc\Response;
use Wsc\State;
use Wsc\Status;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

final class HandshakeTest extends TestCase
{
    public function testTheDocumentedExample(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->report($peer->request);
            $peer->text($peer->readUntil(Peer::TEXT));
            $peer->write(Peer::closeFrame(1001, 'going away'));
            $peer->readUntil(Peer::CLOSE);
        });
        $events = [];
        $ws = $this->connection($server->url . '/chat?room=1');
        $ws->websocketPingInterval = 55;
        $ws->headers = ['Cookie' => 'PHPSID=82u98fjhakfusuanfnahfi; token=2hf9a929jhfihaf9i', 'OtherKey' => 'values'];
        $ws->websocketType = Connection::BINARY_TYPE_BLOB;
        $ws->onConnect = function (Connection $c) use (&$events): void {
            $events[] = 'tcp connected';
        };
        $ws->onWebSocketConnect = function (Connection $c, $response) use (&$events): void {
            $events[] = strtok((string) $response, "\r\n");
            $c->send('hello');
        };
        $ws->onMessage = function ($c, $data) use (&$events): void {
            $events[] = "recv: $data";
        };
        $ws->onError = function ($c, $code, $message) use (&$events): void {
            $events[] = "error: $message";
        };
        $ws->onClose = function ($c) use (&$events): void {
            $events[] = 'closed';
        };
        $ws->connect();
        Loop::run();

        self::assertSame(
            ['tcp connected', 'HTTP/1.1 101 Switching Protocols', 'recv: hello', 'closed'],
            $events
        );
        $request = $server->report();
        self::assertStringStartsWith("GET /chat?room=1 HTTP/1.1\r\n", $request);
        self::assertStringContainsString("\r\nHost: 127.0.0.1:{$server->port}\r\n", $request);
        self::assertStringContainsString(
            "\r\nCookie: PHPSID=82u98fjhakfusuanfnahfi; token=2hf9a929jhfihaf9i\r\n",
            $request
        );
        self::assertStringContainsString("\r\nOtherKey: values\r\n", $request);
        $server->join();
    }

    public function testSettingsReachTheRequest(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $peer->upgrade(['Sec-WebSocket-Protocol: mqtt']);
            $listener->report($peer->request);
            $peer->readUntil(Peer::CLOSE);
        });
        $ws = $this->connection($server);
        $ws->websocketOrigin = 'https://example.org';
        $ws->websocketClientProtocol = 'mqtt, stomp';
        $ws->headers = ['X-Number' => 7, 'X-Many' => ['a', 'b']];
        $ws->onWebSocketConnect = static fn (Connection $c) => $c->close();
        $this->attempt($ws);

        $request = $server->report();
        self::assertStringContainsString("\r\nOrigin: https://example.org\r\n", $request);
        self::assertMatchesRegularExpression('/\r\nSec-WebSocket-Protocol: mqtt, ?stomp\r\n/', $request);
        self::assertStringContainsString("\r\nX-Number: 7\r\n", $request);
        self::assertStringContainsString("\r\nX-Many: a\r\n", $request);
        self::assertStringContainsString("\r\nX-Many: b\r\n", $request);
    }

    public function testTheResponseIsReadable(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $listener->accept()->upgrade(['Set-Cookie: a=1', 'X-Empty:', 'set-cookie:  b=2 ']);
            $listener->await();
        });
        $ws = $this->connection($server);
        $response = null;
        $ws->onWebSocketConnect = static function (Connection $c, Response $r) use (&$response): void {
            $response = $r;
        };
        $ws->connect();
        $this->dispatchUntil(static function () use (&$response): bool {
            return $response !== null;
        }, 'the response');

        self::assertSame(101, $response->getStatusCode());
        self::assertSame('Switching Protocols', $response->getReasonPhrase());
        self::assertSame('websocket', $response->getHeader('upgrade'));
        self::assertNull($response->getHeader('X-Absent'));
        self::assertSame('', $response->getHeader('X-Empty'));
        self::assertSame('a=1', $response->getHeader('Set-Cookie'));
        self::assertSame(['a=1', 'b=2'], $response->getHeaderLines('SET-COOKIE'));
        self::assertSame([], $response->getHeaderLines('X-Absent'));
        self::assertSame(
            ['Upgrade', 'Connection', 'Sec-WebSocket-Accept', 'Set-Cookie', 'X-Empty'],
            array_keys($response->getHeaders())
        );
        self::assertSame(['a=1', 'b=2'], $response->getHeaders()['Set-Cookie']);
        self::assertStringEndsWith("set-cookie:  b=2 \r\n\r\n", (string) $response);
    }

    /**
     * @dataProvider heads
     */
    public function testAHeadIsTakenApartAsTheLibraryDoes(string $head): void
    {
        $ffi = Library::get();
        [$name, $value] = [$ffi->new('const void *[1]'), $ffi->new('const void *[1]')];
        [$nameLength, $valueLength] = [$ffi->new('size_t[1]'), $ffi->new('size_t[1]')];
        $length = strlen($head);
        $fields = [];
        while (
            $ffi->wsc_http_header_at($head, $length, count($fields), $name, $nameLength, $value, $valueLength) === 0
        ) {
            $fields[] = [FFI::string($name[0], $nameLength[0]), FFI::string($value[0], $valueLength[0])];
        }
        self::assertNotSame([], $fields);
        self::assertSame($fields, HttpHead::fields($head));

        self::assertSame(0, $ffi->wsc_http_status_line($head, $length, $value, $valueLength));
        self::assertSame(FFI::string($value[0], $valueLength[0]), HttpHead::statusLine($head));
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function heads(): iterable
    {
        yield 'usual' => ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSet-Cookie: a=b; c=\"d:e\"\r\n\r\n"];
        yield 'space around' => ["HTTP/1.1 101 OK\r\nA: \t b \t\r\nB:c\r\nC: \r\nD:\r\n\r\n"];
        yield 'no reason' => ["HTTP/1.1 101\r\nA: b\r\n\r\n"];
        yield 'a colon in the reason' => ["HTTP/1.1 101 a: b\r\nA: b\r\n\r\n"];
        yield 'line feeds alone' => ["HTTP/1.1 101 OK\nA: b\nC: d\n\n"];
        yield 'any bytes' => ["HTTP/1.1 101 OK\r\n!#$%&'*+-.^_`|~0a: \x80\xff\tz\r\n\r\n"];
        yield 'the same name' => ["HTTP/1.1 101 OK\r\nA: 1\r\na: 2\r\nA: 3\r\n\r\n"];
        yield 'long' => ["HTTP/1.1 101 OK\r\nA: " . str_repeat('b ', 30000) . "\r\n\r\n"];
    }

    public function testAFrameInThePacketOfTheAnswerIsDeliveredAtOnce(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $listener->accept()->upgrade([], Peer::frame(Peer::TEXT, 'early'));
            $listener->await();
        });
        $ws = $this->connection($server);
        $events = $this->record($ws);
        $ws->connect();
        $this->dispatchUntil(static fn (): bool => count($events) >= 3, 'the message');

        self::assertSame(['onConnect', 'onWebSocketConnect', 'onMessage'], array_column((array) $events, 0));
        self::assertSame(['onMessage', 'early', MessageType::Text, Part::Whole], $events[2]);
    }

    public function testEveryByteMayComeByItself(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $peer->trickle($peer->answer());
            $peer->trickle(Peer::frame(Peer::TEXT, 'häppchen') . Peer::frame(Peer::BINARY, str_repeat("\0", 300)));
            $peer->trickle(Peer::closeFrame(1000));
            $peer->readUntil(Peer::CLOSE);
        });
        $ws = $this->connection($server);
        $messages = [];
        $ws->onMessage = static function (Connection $c, string $data, MessageType $type) use (&$messages): void {
            $messages[] = [$type, $data];
        };
        $ws->connect();
        Loop::run();

        self::assertSame(
            [[MessageType::Text, 'häppchen'], [MessageType::Binary, str_repeat("\0", 300)]],
            $messages
        );
        $server->join();
    }

    public function testNobodyListening(): void
    {
        $ws = $this->connection('ws://127.0.0.1:' . Server::unusedPort());
        $events = $this->attempt($ws);

        self::assertSame(['onError', 'onClose'], array_keys($events));
        [$code, $message, $status, $phase, $http] = $events['onError'];
        self::assertSame(Connection::CONNECT_FAIL, $code);
        self::assertNotSame('', $message);
        self::assertSame(Status::Refused, $status);
        self::assertSame(Phase::Tcp, $phase);
        self::assertSame(0, $http);
        self::assertSame([1006, '', false, 0, false], $events['onClose']);
        self::assertSame(State::Closed, $ws->getState());
    }

    public function testANameThatDoesNotExist(): void
    {
        $ws = $this->connection('ws://no-such-host.invalid');
        $ws->connectTimeout = 3;
        [$code, , $status, $phase] = $this->attempt($ws)['onError'];

        self::assertSame(Connection::CONNECT_FAIL, $code);
        self::assertContains($status, [Status::Dns, Status::Timeout]);
        self::assertSame(Phase::Dns, $phase);
    }

    public function testAServerWithoutTls(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $peer->write("HTTP/1.1 400 Bad Request\r\n\r\n");
            $listener->await();
        });
        $ws = $this->connection('wss://127.0.0.1:' . $server->port);
        $events = $this->attempt($ws);

        self::assertSame(['onConnect', 'onError', 'onClose'], array_keys($events));
        self::assertSame(Connection::TLS_FAIL, $events['onError'][0]);
        self::assertSame(Status::Tls, $events['onError'][2]);
        self::assertSame(Phase::Tls, $events['onError'][3]);
    }

    /**
     * @dataProvider refusals
     */
    public function testARefusedHandshake(string $answer, Status $expected, int $expectedHttp): void
    {
        $server = Server::start(static function (Listener $listener) use ($answer): void {
            $peer = $listener->accept();
            $peer->readRequest();
            $peer->write($answer);
            $peer->end();
        });
        $events = $this->attempt($this->connection($server));

        self::assertSame(['onConnect', 'onError', 'onClose'], array_keys($events));
        [$code, $message, $status, $phase, $http] = $events['onError'];
        self::assertSame(Connection::HANDSHAKE_FAIL, $code);
        self::assertNotSame('', $message);
        self::assertSame($expected, $status);
        self::assertSame(Phase::Upgrade, $phase);
        self::assertSame($expectedHttp, $http);
        self::assertSame(1006, $events['onClose'][0]);
        self::assertFalse($events['onClose'][2]);
        $server->join();
    }

    /**
     * @return iterable<string, array{string, Status, int}>
     */
    public static function refusals(): iterable
    {
        $upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        yield '403' => ["HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno!\n", Status::HttpStatus, 403];
        yield '302' => ["HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", Status::HttpStatus, 302];
        yield '200' => ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Status::HttpStatus, 200];
        yield 'no upgrade' => ["HTTP/1.1 101 Switching Protocols\r\n\r\n", Status::Upgrade, 0];
        yield 'wrong accept' => [$upgrade . "Sec-WebSocket-Accept: d3Jvbmc=\r\n\r\n", Status::Accept, 0];
        yield 'garbage' => ["\x16\x03\x01 not HTTP\r\n\r\n", Status::Http, 0];
        yield 'endless' => [
            "HTTP/1.1 101 Switching Protocols\r\n" . str_repeat("X-Filler: x\r\n", 7000),
            Status::HeaderTooBig,
            0,
        ];
    }

    public function testAnAnswerThatNeverComes(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $listener->accept();
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->handshakeTimeout = 0.1;
        [$code, , $status, $phase] = $this->attempt($ws)['onError'];

        self::assertSame(
            [Connection::HANDSHAKE_FAIL, Status::Timeout, Phase::Upgrade],
            [$code, $status, $phase]
        );
    }

    public function testTheStateFollowsTheConnection(): void
    {
        $ws = $this->connection(Server::echo());
        $states = [$ws->getState()];
        $note = static function (Connection $c) use (&$states): void {
            $states[] = $c->getState();
        };
        $ws->onWebSocketConnect = static function (Connection $c) use ($note): void {
            $note($c);
            $c->close();
            $note($c);
        };
        $ws->onClose = $note;
        $ws->connect();
        $note($ws);
        Loop::run();

        self::assertSame([State::Initial, State::Connecting, State::Open, State::Closing, State::Closed], $states);
    }
}

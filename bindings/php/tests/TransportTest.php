<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Connection;
use Wsc\Deflate;
use Wsc\Phase;
use Wsc\Proxy;
use Wsc\Report;
use Wsc\Retry;
use Wsc\Status;
use Wsc\Tests\Support\Certificate;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;
use Wsc\Tls;
use Wsc\TlsVersion;

/**
 * TLS, proxies, sockets, deadlines, compression and redirects, and what the report tells of them.
 */
final class TransportTest extends TestCase
{
    public function testTls(): void
    {
        $ws = $this->secureConnection(self::tlsServer(['alpn_protocols' => 'http/1.1']));
        $ws->tls = new Tls(
            ca: [Certificate::pem()],
            systemRoots: false,
            minVersion: TlsVersion::Tls13,
            alpn: ['h2', 'http/1.1'],
            verifyName: Certificate::NAME,
            certificatePins: [openssl_x509_fingerprint(Certificate::pem(), 'sha256')]
        );
        $report = $this->report($ws);

        self::assertSame(Status::Ok, $report->status);
        self::assertSame(Phase::Closing, $report->phase);
        self::assertSame(TlsVersion::Tls13, $report->tlsVersion);
        self::assertSame('http/1.1', $report->alpn);
        self::assertSame(
            openssl_x509_fingerprint(Certificate::pem(), 'sha256'),
            openssl_x509_fingerprint($report->peerCertificatePem(), 'sha256')
        );
        self::assertGreaterThan(0, $report->tlsTime);
    }

    /**
     * @dataProvider tlsFaults
     */
    public function testTlsThatFailsSaysWhy(Tls $tls, Status $status): void
    {
        $ws = $this->secureConnection(self::tlsServer());
        $ws->tls = $tls;
        $events = $this->attempt($ws);
        $report = $ws->getReport();

        self::assertSame([Connection::TLS_FAIL, $report->reason, $status, Phase::Tls, 0], $events['onError']);
        self::assertSame($status, $report->status);
        self::assertSame(Phase::Tls, $report->phase);
        self::assertNotSame('', $report->reason);
        self::assertSame(Retry::Never, $report->retry);
        self::assertNull($report->response);
    }

    /**
     * @return iterable<string, array{Tls, Status}>
     */
    public static function tlsFaults(): iterable
    {
        $ca = [Certificate::file()];
        yield 'nobody vouches for it' => [new Tls(), Status::CertificateSelfSigned];
        yield 'another name' => [new Tls(caFiles: $ca), Status::CertificateName];
        yield 'another pin' => [
            new Tls(caFiles: $ca, verifyName: Certificate::NAME, publicKeyPins: [str_repeat('ab:', 31) . 'ab']),
            Status::Pin,
        ];
        yield 'pins are checked even then' => [
            new Tls(certificatePins: [str_repeat('00', 32)], dangerAcceptAnything: true),
            Status::Pin,
        ];
    }

    public function testAnythingIsAcceptedOnRequestOnly(): void
    {
        $ws = $this->secureConnection(self::tlsServer());
        $ws->tls = new Tls(dangerAcceptAnything: true);

        self::assertSame(Status::Ok, $this->report($ws)->status);
    }

    /**
     * @dataProvider identities
     */
    public function testTheClientShowsItsCertificate(\Closure $tls): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $peer->secure(options: [
                'verify_peer' => true, 'verify_peer_name' => false,
                'cafile' => Certificate::file(), 'capture_peer_cert' => true,
            ]);
            $listener->report($peer->clientName());
            $peer->upgrade();
            $peer->end();
        });
        $ws = $this->secureConnection($server);
        $ws->tls = $tls();
        $this->attempt($ws);

        self::assertSame(Certificate::NAME, $server->report());
    }

    /**
     * @return iterable<string, array{\Closure(): Tls}>
     */
    public static function identities(): iterable
    {
        $pem = static fn (string $file): string => file_get_contents($file);
        yield 'files' => [static fn () => new Tls(
            certificateFile: Certificate::file(),
            dangerAcceptAnything: true
        )];
        yield 'an encrypted file' => [static fn () => new Tls(
            certificateFile: Certificate::file(),
            keyFile: Certificate::encryptedFile(),
            passphrase: Certificate::PASSPHRASE,
            dangerAcceptAnything: true
        )];
        yield 'memory' => [static fn () => new Tls(
            certificate: $pem(Certificate::encryptedFile()),
            passphrase: Certificate::PASSPHRASE,
            dangerAcceptAnything: true
        )];
        yield 'PKCS#12' => [static fn () => new Tls(
            pkcs12: Certificate::pkcs12(),
            passphrase: Certificate::PASSPHRASE,
            dangerAcceptAnything: true
        )];
    }

    public function testAWrongPassphraseIsKnownBeforeConnecting(): void
    {
        $ws = $this->connection('wss://127.0.0.1:1');
        $ws->tls = new Tls(certificateFile: Certificate::encryptedFile(), passphrase: 'wrong');

        $this->expectExceptionMessage('tls->certificateFile, keyFile: ');
        $this->expectExceptionCode(Status::Passphrase->value);
        $ws->connect();
    }

    public function testAProxy(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $listener->report($peer->readRequest());
            $peer->write("HTTP/1.1 200 Connection established\r\n\r\n");
            $peer->request = '';
            $peer->upgrade();
            $peer->end();
        });
        $ws = $this->connection('ws://example.org:8000/path');
        $ws->proxy = new Proxy('http://u:p@' . substr($server->url, 5), ['X-Proxy' => ['a', 'b']]);
        $report = $this->report($ws);
        $request = $server->report();

        self::assertStringStartsWith("CONNECT example.org:8000 HTTP/1.1\r\n", $request);
        self::assertStringContainsString('Proxy-Authorization: Basic ' . base64_encode('u:p') . "\r\n", $request);
        self::assertStringContainsString("X-Proxy: a\r\nX-Proxy: b\r\n", $request);
        self::assertSame(101, $report->httpStatus);
    }

    public function testAProxyThatRefuses(): void
    {
        $ws = $this->connection('ws://example.org:8000');
        $server = self::answering("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        $ws->proxy = new Proxy('http://' . substr($server->url, 5));
        $events = $this->attempt($ws);
        $report = $ws->getReport();

        self::assertSame(Connection::CONNECT_FAIL, $events['onError'][0]);
        self::assertSame(Status::ProxyAuth, $report->status);
        self::assertSame(Phase::Proxy, $report->phase);
        self::assertSame(407, $report->proxyStatus);
    }

    public function testTheProxyOfTheEnvironment(): void
    {
        $ws = $this->connection('ws://example.org:8000');
        $server = self::answering("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        putenv('http_proxy=http://' . substr($server->url, 5));
        try {
            $ws->proxy = Proxy::fromEnvironment();
            self::assertSame(Status::ProxyAuth, $this->report($ws)->status);
        } finally {
            putenv('http_proxy');
        }
    }

    public function testASocketOfOnesOwn(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $listener->report($peer->address());
            $peer->upgrade();
            $peer->end();
        });
        $stream = stream_socket_client('tcp' . substr($server->url, 2));
        $name = stream_socket_get_name($stream, false);
        // The address is not the one that is connected to.
        $ws = $this->connection('ws://127.0.0.1:1');
        $ws->useSocket($stream);
        fclose($stream);
        $report = $this->report($ws);

        self::assertSame($name, $server->report());
        self::assertSame(101, $report->httpStatus);
    }

    public function testAUnixSocket(): void
    {
        $path = sys_get_temp_dir() . '/wsc-' . getmypid() . '.sock';
        $socket = stream_socket_server("unix://$path");
        $ws = $this->connection("ws+unix://$path:/chat");
        $ws->connect();
        $peer = stream_socket_accept($socket, Server::PATIENCE);
        $line = fgets($peer);
        unlink($path);

        self::assertSame("GET /chat HTTP/1.1\r\n", $line);
    }

    /**
     * @dataProvider stalls
     */
    public function testADeadlineOfOnePhase(string $property, string $scheme, Phase $phase): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $listener->accept();
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->setUrl($scheme . substr($server->url, 2));
        if ($phase === Phase::Proxy) {
            $ws->proxy = new Proxy('http' . substr($server->url, 2));
        }
        $ws->$property = 0.05;
        $report = $this->report($ws);

        self::assertSame(Status::Timeout, $report->status);
        self::assertSame($phase, $report->phase);
        self::assertSame(Retry::Later, $report->retry);
    }

    /**
     * @return iterable<array{string, string, Phase}>
     */
    public static function stalls(): iterable
    {
        yield ['tlsTimeout', 'wss', Phase::Tls];
        yield ['proxyTimeout', 'ws', Phase::Proxy];
        yield ['handshakeTimeout', 'ws', Phase::Upgrade];
        yield ['connectTimeout', 'wss', Phase::Tls];
    }

    public function testAServerThatSendsNothing(): void
    {
        $ws = $this->open(Server::start(static function (Listener $listener): void {
            $listener->acceptUpgraded();
            $listener->await();
        }));
        $ws->abort();
        $this->dispatchUntil(static fn (): bool => $ws->getReport()->status === Status::Aborted, 'the end');
        $ws = $this->connection(Server::start(static function (Listener $listener): void {
            $listener->acceptUpgraded();
            $listener->await();
        }));
        $ws->idleTimeout = 0.05;
        $report = $this->report($ws);

        self::assertSame(Status::Timeout, $report->status);
        self::assertSame(Phase::Open, $report->phase);
    }

    public function testCompression(): void
    {
        $text = str_repeat('the same again, ', 100);
        $server = Server::start(static function (Listener $listener) use ($text): void {
            $peer = $listener->accept();
            $peer->upgrade(['Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover']);
            preg_match('/^Sec-WebSocket-Extensions: (.*)\r/m', $peer->request, $offer);
            $listener->report($offer[1]);
            for ($i = 0; $i < 2; ++$i) {
                $listener->report(strlen($peer->read()[1]));
            }
            $peer->write("\xc1" . substr(Peer::frame(Peer::TEXT, substr(gzdeflate($text), 0)), 1));
            $peer->readUntil(Peer::CLOSE);
        });
        $ws = $this->connection($server);
        $ws->deflate = new Deflate(clientNoContextTakeover: true);
        $ws->onWebSocketConnect = static function (Connection $c) use ($text): void {
            $c->sendText($text);
            $c->sendMessage($text, compress: false);
        };
        $received = '';
        $ws->onMessage = static function (Connection $c, string $data) use (&$received): void {
            $received = $data;
            $c->close();
        };
        $report = $this->report($ws);

        self::assertStringStartsWith('permessage-deflate', $server->report());
        self::assertLessThan(100, $server->report());
        self::assertSame(strlen($text), $server->report());
        self::assertSame($text, $received);
        self::assertSame('permessage-deflate; client_no_context_takeover', $report->extensions);
    }

    public function testRedirects(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $peer->readRequest();
            $peer->write("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
            $peer->end();
            $listener->report(strtok($listener->acceptUpgraded()->request, "\r"));
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->maxRedirects = 1;
        $ws->onWebSocketConnect = static fn (Connection $c) => $c->abort();
        $report = $this->report($ws);

        self::assertSame('GET /there HTTP/1.1', $server->report());
        self::assertSame(1, $report->redirects);
    }

    public function testARefusalIsReportedWhole(): void
    {
        $server = self::answering(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nX-Why: busy\r\nContent-Length: 9\r\n\r\ncome back"
        );
        $ws = $this->connection($server);
        $report = $this->report($ws);

        self::assertSame(1, $report->attempt);
        self::assertSame(Phase::Upgrade, $report->phase);
        self::assertSame(Status::HttpStatus, $report->status);
        self::assertSame(503, $report->httpStatus);
        self::assertSame('busy', $report->response?->getHeader('X-Why'));
        self::assertSame('come back', $report->body);
        self::assertSame(7.0, $report->retryAfter);
        self::assertSame(Retry::Later, $report->retry);
        self::assertSame([substr($server->url, 5) => null], $report->addresses);
        self::assertSame([0, 0.0, 0.0], [$report->proxyStatus, $report->tlsTime, $report->openTime]);
        self::assertNull($report->peerCertificatePem());
        self::assertNull($report->subprotocol);
    }

    public function testAnAddressThatRefuses(): void
    {
        $port = Server::unusedPort();
        $report = $this->report($this->connection("ws://127.0.0.1:$port"));

        self::assertSame(Status::Refused, $report->status);
        self::assertSame(SOCKET_ECONNREFUSED, $report->osError);
        self::assertSame(["127.0.0.1:$port"], array_keys($report->addresses));
        self::assertNotNull($report->addresses["127.0.0.1:$port"]);
    }

    public function testTheSubprotocolOfTheServer(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $peer->upgrade(['Sec-WebSocket-Protocol: ' . str_repeat('b', 100)]);
            $peer->end();
        });
        $ws = $this->connection($server);
        $ws->websocketClientProtocol = 'a,' . str_repeat('b', 100);

        self::assertSame(str_repeat('b', 100), $this->report($ws)->subprotocol);
    }

    public function testBeforeTheFirstAttempt(): void
    {
        $report = $this->connection('ws://127.0.0.1:1')->getReport();

        self::assertSame(0, $report->attempt);
        self::assertSame(Status::Ok, $report->status);
        self::assertSame([], $report->addresses);
    }

    private function report(Connection $ws): Report
    {
        $this->attempt($ws);
        return $ws->getReport();
    }

    private function secureConnection(Server $server): Connection
    {
        $ws = $this->connection($server);
        $ws->setUrl('wss' . substr($server->url, 2));
        return $ws;
    }

    /**
     * @param array<string, mixed> $options
     */
    private static function tlsServer(array $options = []): Server
    {
        Certificate::file();
        return Server::start(static function (Listener $listener) use ($options): void {
            $peer = $listener->accept();
            if ($peer->secure(options: $options)) {
                $peer->upgrade();
                $peer->write(Peer::closeFrame(1000));
                $peer->read();
            }
            $peer->end();
        });
    }

    private static function answering(string $bytes): Server
    {
        return Server::start(static function (Listener $listener) use ($bytes): void {
            $peer = $listener->accept();
            $peer->readRequest();
            $peer->write($bytes);
            $peer->end();
        });
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\AutoReconnect;
use Wsc\Connection;
use Wsc\Deflate;
use Wsc\Exception\InvalidArgumentException;
use Wsc\Proxy;
use Wsc\QueuePolicy;
use Wsc\Status;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;
use Wsc\Tls;
use Wsc\TlsVersion;

/**
 * Whatever can be set in C can be set in PHP, has the same default, and is refused by name if it cannot be used.
 */
final class SettingsTest extends TestCase
{
    /** Functions that the package does not call. */
    private const LEFT_OUT = [
        'wsc_conn_set_header' => 'Connection::$headers replaces all of them: clear and add',
        'wsc_conn_set_binary_type' => 'Connection::$websocketType chooses between the next two',
        'wsc_conn_send' => 'sendText and sendBinary say which',
        'wsc_http_header' => 'taking a head apart in PHP costs less than the calls, for each field one with a parse',
        'wsc_http_header_at' => 'as wsc_http_header',
        'wsc_http_status_line' => 'as wsc_http_header',
        'wsc_loop_dispatch' => 'it calls C callbacks: the package polls, for a closure that became a C function leaks',
        'wsc_loop_run' => 'as wsc_loop_dispatch',
        'wsc_loop_stop' => 'it ends wsc_loop_run',
        'wsc_conn_on_connect' => 'as wsc_loop_dispatch',
        'wsc_conn_on_handshake' => 'as wsc_loop_dispatch',
        'wsc_conn_on_message' => 'as wsc_loop_dispatch',
        'wsc_conn_on_ping' => 'as wsc_loop_dispatch',
        'wsc_conn_on_pong' => 'as wsc_loop_dispatch',
        'wsc_conn_on_buffer_full' => 'as wsc_loop_dispatch',
        'wsc_conn_on_buffer_drain' => 'as wsc_loop_dispatch',
        'wsc_conn_on_error' => 'as wsc_loop_dispatch',
        'wsc_conn_on_close' => 'as wsc_loop_dispatch',
        'wsc_conn_on_reconnect' => 'as wsc_loop_dispatch',
        'wsc_conn_on_event' => 'as wsc_loop_dispatch',
        'wsc_conn_on_free' => 'there is no userdata to free',
    ];

    public function testEveryFunctionIsReachableOrLeftOutForAReason(): void
    {
        $source = dirname(__DIR__) . '/src';
        preg_match_all('/\b(wsc_\w+)\(/', file_get_contents("$source/Internal/wsc.cdef.h"), $declared);
        $called = [];
        foreach (new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($source)) as $file) {
            if ($file->getExtension() === 'php') {
                preg_match_all(
                    '/->(wsc_\w+)\(|\'(wsc_\w+)\'/',
                    file_get_contents($file->getPathname()),
                    $found
                );
                $called = [...$called, ...$found[1], ...$found[2]];
            }
        }
        $called = array_intersect(array_unique($called), $declared[1]);

        self::assertSame([], array_values(array_intersect($called, array_keys(self::LEFT_OUT))), 'not left out');
        $reached = [...$called, ...array_keys(self::LEFT_OUT)];
        self::assertSame([], array_values(array_diff($declared[1], $reached)), 'not reachable');
        self::assertSame([], array_values(array_diff(array_keys(self::LEFT_OUT), $declared[1])), 'not declared');
    }

    /**
     * @dataProvider defaults
     */
    public function testADefaultIsTheLibrarys(string $function, float|int $inPhp, string $parameter = ''): void
    {
        $header = file_get_contents(dirname(__DIR__, 3) . '/include/wsc.h');
        $end = strpos($header, "wsc_status_t $function(");
        self::assertNotFalse($end);
        $start = strrpos(substr($header, 0, $end), '/**');
        $comment = substr($header, $start, $end - $start);
        $pattern = $parameter === ''
            ? '/Default (\d+)|(WSC_FOREVER), the default/'
            : "/@param $parameter .*?(?:Default (\\d+)|(WSC_FOREVER), the default)/s";
        self::assertSame(1, preg_match($pattern, $comment, $found));

        self::assertEquals($found[1] !== '' ? (int) $found[1] : INF, $inPhp);
    }

    /**
     * @return iterable<string, array{string, float|int}>
     */
    public static function defaults(): iterable
    {
        $ws = new Connection('ws://localhost');
        $seconds = [
            'connectTimeout' => 'wsc_conn_set_connect_timeout',
            'dnsTimeout' => 'wsc_conn_set_phase_timeout',
            'tcpTimeout' => 'wsc_conn_set_phase_timeout',
            'proxyTimeout' => 'wsc_conn_set_phase_timeout',
            'tlsTimeout' => 'wsc_conn_set_phase_timeout',
            'handshakeTimeout' => 'wsc_conn_set_handshake_timeout',
            'pongTimeout' => 'wsc_conn_set_pong_timeout',
            'idleTimeout' => 'wsc_conn_set_idle_timeout',
            'closeTimeout' => 'wsc_conn_set_close_timeout',
            'keepalive' => 'wsc_conn_set_keepalive',
            'tcpUserTimeout' => 'wsc_conn_set_tcp_user_timeout',
            'websocketPingInterval' => 'wsc_conn_set_ping_interval',
        ];
        foreach ($seconds as $property => $function) {
            yield $property => [$function, $ws->$property * 1000];
        }
        $numbers = [
            'maxHeaderSize' => 'wsc_conn_set_max_header_size',
            'maxFragments' => 'wsc_conn_set_max_fragments',
            'maxReceiveBufferSize' => 'wsc_conn_set_receive_queue_limit',
            'maxRedirects' => 'wsc_conn_set_max_redirects',
            'maxSendBufferSize' => 'wsc_conn_set_send_queue_limit',
            'maxPackageSize' => 'wsc_conn_set_max_message_size',
        ];
        foreach ($numbers as $property => $function) {
            yield $property => [$function, $ws->$property];
        }
        yield 'maxFrameSize' => ['wsc_conn_set_max_frame_size', $ws->maxPackageSize];
        $deflate = new Deflate();
        yield 'level' => ['wsc_conn_set_deflate_level', $deflate->level];
        yield 'threshold' => ['wsc_conn_set_deflate_threshold', $deflate->threshold];
        yield 'maxRatio' => ['wsc_conn_set_deflate_max_ratio', $deflate->maxRatio];
        $reconnect = new AutoReconnect();
        yield 'minDelay' => ['wsc_conn_set_reconnect_delay', $reconnect->minDelay * 1000, 'min_ms'];
        yield 'maxDelay' => ['wsc_conn_set_reconnect_delay', $reconnect->maxDelay * 1000, 'max_ms'];
        yield 'stableAfter' => ['wsc_conn_set_reconnect_stable_after', $reconnect->stableAfter * 1000];
    }

    /**
     * @dataProvider badSettings
     */
    public function testABadSettingIsNamed(string $property, mixed $value, string $subject, Status $status): void
    {
        $ws = $this->connection('ws://127.0.0.1:1');
        $good = $ws->$property;
        $ws->$property = $value;
        try {
            $ws->connect();
            self::fail("$subject took it");
        } catch (InvalidArgumentException $fault) {
            self::assertStringContainsString($subject, $fault->getMessage());
            self::assertSame($status, $fault->getStatus());
        }
        $ws->$property = $good;
        $ws->connect();
    }

    /**
     * @return iterable<array{string, mixed, string, Status}>
     */
    public static function badSettings(): iterable
    {
        $times = [
            'connectTimeout', 'dnsTimeout', 'tcpTimeout', 'proxyTimeout', 'tlsTimeout', 'handshakeTimeout',
            'pongTimeout', 'idleTimeout', 'closeTimeout', 'keepalive', 'tcpUserTimeout',
        ];
        foreach ($times as $property) {
            foreach ([0.0, -1.0, NAN] as $value) {
                yield [$property, $value, $property, Status::Invalid];
            }
        }
        foreach (['maxHeaderSize', 'maxFragments', 'maxReceiveBufferSize', 'maxFrameSize'] as $property) {
            yield [$property, 0, $property, Status::Invalid];
            yield [$property, -1, $property, Status::Invalid];
        }
        yield ['maxRedirects', -1, 'maxRedirects', Status::Invalid];
        yield ['localAddress', 'localhost', 'localAddress', Status::Invalid];
        yield ['localAddress', "127.0.0.1\0", 'localAddress', Status::Invalid];
        yield ['interface', str_repeat('x', 100), 'interface', Status::Invalid];
        foreach ([0, 10, PHP_INT_MAX] as $level) {
            yield ['deflate', new Deflate(level: $level), 'deflate->level', Status::Invalid];
        }
        yield ['deflate', new Deflate(threshold: -1), 'deflate->threshold', Status::Invalid];
        yield ['deflate', new Deflate(clientWindowBits: 8), 'deflate->clientWindowBits', Status::Invalid];
        yield ['deflate', new Deflate(serverWindowBits: 16), 'serverWindowBits', Status::Invalid];
        yield ['deflate', new Deflate(maxRatio: 0), 'deflate->maxRatio', Status::Invalid];
        yield ['autoReconnect', new AutoReconnect(minDelay: 0.0), 'autoReconnect->minDelay', Status::Invalid];
        yield ['autoReconnect', new AutoReconnect(minDelay: -1.0), 'autoReconnect->minDelay', Status::Invalid];
        yield ['autoReconnect', new AutoReconnect(maxDelay: 0.5), 'maxDelay', Status::Invalid];
        yield ['autoReconnect', new AutoReconnect(limit: -1), 'autoReconnect->limit', Status::Invalid];
        yield ['autoReconnect', new AutoReconnect(stableAfter: INF), 'autoReconnect->stableAfter', Status::Invalid];
        $expire = new AutoReconnect(queued: QueuePolicy::Expire);
        yield ['autoReconnect', $expire, 'expireAfter', Status::Invalid];
        yield ['proxy', new Proxy('ftp://127.0.0.1'), 'proxy->url', Status::UrlScheme];
        yield ['proxy', new Proxy('http://'), 'proxy->url', Status::Url];
        yield ['proxy', new Proxy('http://127.0.0.1', ['a b' => 'x']), "proxy->headers['a b']", Status::HeaderName];
        yield ['proxy', new Proxy('http://127.0.0.1', ['a' => "x\n"]), "proxy->headers['a']", Status::HeaderValue];
        yield ['tls', new Tls(caFiles: ['/does/not/exist']), "tls->caFiles '/does/not/exist'", Status::File];
        yield ['tls', new Tls(ca: ['no certificate']), 'tls->ca', Status::Pem];
        yield ['tls', new Tls(certificateFile: '/does/not/exist'), 'tls->certificateFile', Status::File];
        yield ['tls', new Tls(certificate: 'nothing'), 'tls->certificate', Status::Pem];
        yield ['tls', new Tls(pkcs12: 'nothing'), 'tls->pkcs12', Status::Pem];
        yield ['tls', new Tls(certificate: 'x', pkcs12: 'y'), 'tls', Status::Invalid];
        $versions = new Tls(minVersion: TlsVersion::Tls13, maxVersion: TlsVersion::Tls12);
        yield ['tls', $versions, 'tls->minVersion', Status::Invalid];
        yield ['tls', new Tls(alpn: ['a', '']), 'tls->alpn', Status::Invalid];
        yield ['tls', new Tls(serverName: str_repeat('x', 300)), 'tls->serverName', Status::Invalid];
        yield ['tls', new Tls(verifyName: ''), 'tls->verifyName', Status::Invalid];
        yield ['tls', new Tls(certificatePins: ['abc']), "the pin 'abc'", Status::Invalid];
        yield ['tls', new Tls(publicKeyPins: ['']), "the pin ''", Status::Invalid];
    }

    public function testASettingThatIsTakenBackHasItsDefaultAgain(): void
    {
        $server = Server::start(static function (Listener $listener): void {
            for ($i = 0; $i < 2; ++$i) {
                $listener->report(strtok($listener->acceptUpgraded()->address(), ':'));
            }
            $listener->await();
        });
        $ws = $this->connection($server);
        $ws->onWebSocketConnect = static fn (Connection $c) => $c->abort();
        $ws->localAddress = '127.0.0.2';
        $this->attempt($ws);
        $ws->localAddress = '';
        $this->attempt($ws);

        self::assertSame('127.0.0.2', $server->report());
        self::assertSame('127.0.0.1', $server->report());
    }

    public function testWhatIsNoSocket(): void
    {
        $ws = $this->connection('ws://127.0.0.1:1');
        foreach (['x', 3, fopen('php://memory', 'r'), fopen('/dev/null', 'r')] as $stream) {
            try {
                $ws->useSocket($stream);
                self::fail('No exception');
            } catch (InvalidArgumentException $fault) {
                self::assertStringStartsWith('useSocket(): ', $fault->getMessage());
            }
        }
    }
}

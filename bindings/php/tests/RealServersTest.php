<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Connection;
use Wsc\Phase;
use Wsc\Proxy;
use Wsc\Report;
use Wsc\Retry;
use Wsc\Status;
use Wsc\Tests\Support\Certificate;
use Wsc\Tests\Support\Program;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;
use Wsc\Tls;
use Wsc\TlsVersion;

/**
 * Against programs of others.
 */
final class RealServersTest extends TestCase
{
    /**
     * @dataProvider tlsVersions
     */
    public function testNginxPassesOnOverTls(string $protocols, ?TlsVersion $agreed): void
    {
        $nginx = self::nginx('ssl', sprintf(
            'ssl_certificate %s; ssl_certificate_key %1$s; ssl_protocols %s; %s',
            Certificate::file(),
            $protocols,
            self::passOn(Server::echo())
        ));
        $ws = $this->connection("wss://$nginx->address/ws");
        $ws->tls = new Tls(
            ca: [Certificate::pem()],
            systemRoots: false,
            verifyName: Certificate::NAME,
            minVersion: TlsVersion::Tls13
        );
        if ($agreed === null) {
            $events = $this->attempt($ws);
            self::assertSame(Connection::TLS_FAIL, $events['onError'][0]);
            self::assertSame([Status::TlsVersion, Phase::Tls], [$ws->getReport()->status, $ws->getReport()->phase]);
        } else {
            self::assertSame('hello', $this->echoed($ws));
            self::assertSame($agreed, $ws->getReport()->tlsVersion);
        }
    }

    /**
     * @return iterable<array{string, TlsVersion|null}>
     */
    public static function tlsVersions(): iterable
    {
        yield 'both' => ['TLSv1.2 TLSv1.3', TlsVersion::Tls13];
        yield 'the older one' => ['TLSv1.2', null];
    }

    public function testARevokedCertificateIsRefused(): void
    {
        $nginx = self::nginx('ssl', sprintf(
            'ssl_certificate %s; ssl_certificate_key %1$s; %s',
            Certificate::file(),
            self::passOn(Server::echo())
        ));
        $serial = openssl_x509_parse(Certificate::pem())['serialNumberHex'];
        foreach ([[Status::Ok, '00FF'], [Status::CertificateRevoked, $serial]] as [$status, $revoked]) {
            $ws = $this->connection("wss://$nginx->address/ws");
            $ws->tls = new Tls(
                ca: [Certificate::pem()],
                systemRoots: false,
                crls: [self::revocationOf($revoked)],
                verifyName: Certificate::NAME
            );
            $this->echoed($ws);
            self::assertSame($status, $ws->getReport()->status);
        }
    }

    public function testNginxRefusesAndRedirects(): void
    {
        $nginx = self::nginx('', self::passOn(Server::echo()) . '
            location /forbidden { return 403 "no entry\n"; }
            location /busy { add_header Retry-After 7 always; return 503; }
            location /moved { return 302 /ws; }
            location /loop { return 301 /loop; }');
        $report = $this->refusal("ws://$nginx->address/forbidden");
        self::assertSame([Status::HttpStatus, 403, "no entry\n", Retry::Never], self::told($report));
        $report = $this->refusal("ws://$nginx->address/busy");
        self::assertSame([503, Retry::Later, 7.0], [$report->httpStatus, $report->retry, $report->retryAfter]);

        $ws = $this->connection("ws://$nginx->address/moved");
        $ws->maxRedirects = 2;
        self::assertSame('hello', $this->echoed($ws));
        self::assertSame(1, $ws->getReport()->redirects);
        $ws->setUrl("ws://$nginx->address/loop");
        $this->attempt($ws);
        self::assertSame([Status::Redirect, 2], [$ws->getReport()->status, $ws->getReport()->redirects]);
    }

    /**
     * @dataProvider proxies
     *
     * @param \Closure(string, string): list<string> $command
     */
    public function testAProxyLeadsToTheServer(\Closure $command, string $scheme, int $refusal): void
    {
        $server = Server::echo();
        $proxy = Program::start($command);
        $ws = $this->connection($server);
        $ws->proxy = new Proxy("$scheme://me:secret@$proxy->address");
        self::assertSame('hello', $this->echoed($ws));

        $ws->proxy = new Proxy("$scheme://me:wrong@$proxy->address");
        $events = $this->attempt($ws);
        $report = $ws->getReport();
        self::assertSame(Connection::CONNECT_FAIL, $events['onError'][0]);
        self::assertSame([Status::ProxyAuth, Phase::Proxy], [$report->status, $report->phase]);
        self::assertSame($refusal, $report->proxyStatus);
        self::assertStringNotContainsString('wrong', $report->reason);
    }

    /**
     * @return iterable<array{\Closure(string, string): list<string>, string, int}>
     */
    public static function proxies(): iterable
    {
        yield 'squid' => [static function (string $address, string $directory): array {
            exec('openssl passwd -apr1 secret', $hash);
            file_put_contents("$directory/passwords", "me:$hash[0]\n");
            file_put_contents("$directory/squid.conf", <<<CONF
                http_port $address
                auth_param basic program /usr/lib/squid/basic_ncsa_auth $directory/passwords
                acl known proxy_auth REQUIRED
                http_access allow known
                http_access deny all
                cache deny all
                pid_filename none
                shutdown_lifetime 0
                access_log none
                cache_log /dev/null
                coredump_dir $directory

                CONF);
            return ['/usr/sbin/squid', '-N', '-f', "$directory/squid.conf"];
        }, 'http', 407];
        yield 'microsocks' => [static function (string $address): array {
            [$host, $port] = explode(':', $address);
            return ['microsocks', '-i', $host, '-p', $port, '-u', 'me', '-P', 'secret'];
        }, 'socks5', 2];
    }

    /**
     * @dataProvider servers
     *
     * @param array<string, string> $environment
     */
    public function testServersOfOtherLanguages(string $interpreter, string $script, array $environment): void
    {
        $script = dirname(__DIR__, 3) . "/tests/servers/$script";
        $command = static fn (string $address): array => [$interpreter, $script, ...explode(':', $address)];
        $server = Program::start($command, $environment);

        self::assertSame('hello', $this->echoed($this->connection("ws://$server->address/")));
        $report = $this->refusal("ws://$server->address/forbidden");
        self::assertSame([Status::HttpStatus, 403, "not for you\n", Retry::Never], self::told($report));
        self::assertSame('closed', $report->response->getHeader('X-Why'));
    }

    /**
     * @return iterable<array{string, string, array<string, string>}>
     */
    public static function servers(): iterable
    {
        yield 'python websockets' => ['/usr/bin/python3', 'echo.py', []];
        yield 'node ws' => ['node', 'echo.js', ['NODE_PATH' => '/usr/share/nodejs']];
    }

    /**
     * nginx with one server, whose block has these lines.
     */
    private static function nginx(string $option, string $lines): Program
    {
        return Program::start(static function (string $address, string $directory) use ($option, $lines): array {
            file_put_contents("$directory/nginx.conf", <<<CONF
                daemon off; master_process off; pid $directory/pid; error_log $directory/errors;
                events {}
                http {
                    access_log off;
                    client_body_temp_path $directory; proxy_temp_path $directory; fastcgi_temp_path $directory;
                    uwsgi_temp_path $directory; scgi_temp_path $directory;
                    server { listen $address $option; $lines }
                }

                CONF);
            return ['/usr/sbin/nginx', '-c', "$directory/nginx.conf"];
        });
    }

    /**
     * A list in which the test certificate revokes the one of that number.
     */
    private static function revocationOf(string $serial): string
    {
        $directory = sys_get_temp_dir() . '/wsc-' . bin2hex(random_bytes(8));
        mkdir($directory);
        [$later, $now] = [gmdate('ymdHis\\Z', time() + 86400), gmdate('ymdHis\\Z')];
        // An even number of digits.
        $serial = str_pad($serial, strlen($serial) + strlen($serial) % 2, '0', STR_PAD_LEFT);
        file_put_contents("$directory/index", "R\t$later\t$now\t$serial\tunknown\t/CN=revoked\n");
        file_put_contents("$directory/settings", <<<CONF
            [ca]
            default_ca = own
            [own]
            database = $directory/index
            default_md = sha256
            default_crl_days = 1

            CONF);
        $files = escapeshellarg(Certificate::file());
        exec("openssl ca -gencrl -config $directory/settings -cert $files -keyfile $files 2>&1", $list);
        exec('rm -rf ' . escapeshellarg($directory));
        return implode("\n", $list) . "\n";
    }

    /**
     * The lines that pass WebSockets on.
     */
    private static function passOn(Server $server): string
    {
        self::$backend = $server;
        return sprintf(
            'location /ws { proxy_pass http://127.0.0.1:%d; proxy_http_version 1.1;
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }',
            $server->port
        );
    }

    /** Kept alive until the next one. */
    private static ?Server $backend = null;

    public static function tearDownAfterClass(): void
    {
        self::$backend = null;
    }

    /**
     * What comes back when hello is sent.
     */
    private function echoed(Connection $ws): ?string
    {
        $ws->onMessage = static fn (Connection $ws) => $ws->close();
        $ws->onWebSocketConnect = static fn (Connection $ws) => $ws->send('hello');
        return $this->attempt($ws)['onMessage'][0] ?? null;
    }

    private function refusal(string $url): Report
    {
        $ws = $this->connection($url);
        $events = $this->attempt($ws);
        self::assertSame([Connection::HANDSHAKE_FAIL, Phase::Upgrade], [$events['onError'][0], $events['onError'][3]]);
        return $ws->getReport();
    }

    /**
     * @return array{Status, int, string, Retry}
     */
    private static function told(Report $report): array
    {
        return [$report->status, $report->httpStatus, $report->body, $report->retry];
    }
}

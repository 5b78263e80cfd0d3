<?php

/**
 * A connection that comes back by itself, with fresh credentials, and says what went wrong.
 *
 *     php settings.php wss://example.org/feed ca.pem example.org
 */

declare(strict_types=1);

require __DIR__ . '/../autoload.php';           // with Composer: vendor/autoload.php

use Wsc\AutoReconnect;
use Wsc\Connection;
use Wsc\Deflate;
use Wsc\Loop;
use Wsc\Tls;

/** Stands for whatever issues short-lived tokens. */
function freshToken(): string
{
    static $issued = 0;
    return 'token-' . ++$issued;
}

$ws = new Connection($argv[1] ?? 'wss://127.0.0.1:1234');
$ws->headers = ['Authorization' => 'Bearer ' . freshToken()];
$ws->connectTimeout = 5;
$ws->tls = new Tls(caFiles: array_slice($argv, 2, 1), verifyName: $argv[3] ?? null);
$ws->deflate = new Deflate();
$ws->autoReconnect = new AutoReconnect(minDelay: 0.1, maxDelay: 30, limit: 2);
$ws->addPrologue('subscribe');                  // sent first, whenever the connection opens
$ws->onMessage = fn (Connection $ws, string $data) => print("recv: $data\n");
$ws->onReconnect = function (Connection $ws, int $attempt, float $delay): void {
    $ws->headers = ['Authorization' => 'Bearer ' . freshToken()];
    printf("attempt %d, after %.1f s\n", $attempt, $delay);
};
$ws->onClose = function (Connection $ws, int $code): void {
    $report = $ws->getReport();
    printf(
        "closed: %d %s in %s, HTTP %d, %s\n",
        $code,
        $report->status->name,
        $report->phase->name,
        $report->httpStatus,
        $report->tlsVersion?->name ?? 'no TLS'
    );
};
$ws->connect();
Loop::run();

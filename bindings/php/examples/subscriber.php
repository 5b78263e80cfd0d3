<?php

/**
 * A subscriber under Workerman that comes back after every loss, with fresh credentials for each attempt
 * and longer and longer waits while the server stays away.
 *
 *     URL=wss://example.org/feed php subscriber.php start
 */

require getenv('AUTOLOAD') ?: __DIR__ . '/../vendor/autoload.php';

use Workerman\Worker;
use Wsc\Workerman\AsyncTcpConnection;

/** Stands for whatever issues short-lived tokens. */
function freshToken(): string
{
    static $issued = 0;
    return 'token-' . ++$issued;
}

$worker = new Worker();
$worker->onWorkerStart = function () {
    $failures = 0;
    $ws = new AsyncTcpConnection(getenv('URL') ?: 'ws://127.0.0.1:1234/feed');
    $ws->websocketPingInterval = 20;            // a server that falls silent is noticed
    $ws->wsc->pongTimeout = 10;
    $ws->headers = ['Authorization' => 'Bearer ' . freshToken()];
    $ws->onWebSocketConnect = function ($ws) use (&$failures) {
        $failures = 0;
        $ws->send('subscribe');
    };
    $ws->onMessage = fn ($ws, $data) => print("recv: $data\n");
    $ws->onError = fn ($ws, $code, $text) => print("error $code: $text\n");
    $ws->onClose = function ($ws, $code, $reason) use (&$failures) {
        $wait = min(30, 0.1 * 2 ** $failures++) * (0.5 + mt_rand() / mt_getrandmax() / 2);
        echo "closed: $code $reason\n";
        $ws->headers = ['Authorization' => 'Bearer ' . freshToken()];
        $ws->reconnect($wait);
    };
    $ws->connect();
};
Worker::runAll();

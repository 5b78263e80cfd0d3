<?php

/**
 * A connection on Revolt's event loop, which is Amp's, too.
 *
 *     php revolt.php ws://127.0.0.1:1234
 */

declare(strict_types=1);

require getenv('AUTOLOAD') ?: __DIR__ . '/../vendor/autoload.php';

use Revolt\EventLoop;
use Wsc\Adapter\Revolt;
use Wsc\Connection;

Revolt::attach();                               // once, before connecting
$ws = new Connection($argv[1] ?? 'ws://127.0.0.1:1234');
$ws->onWebSocketConnect = fn (Connection $ws) => $ws->send('hello');
$ws->onMessage = function (Connection $ws, string $data): void {
    echo "recv: $data\n";
    $ws->close();
};
$ws->onError = fn (Connection $ws, int $code, string $message) => print("error $code: $message\n");
$ws->onClose = fn (Connection $ws, int $code, string $reason) => print("closed: $code $reason\n");
$ws->connect();
EventLoop::run();                               // returns when nothing is left to do

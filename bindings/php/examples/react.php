<?php

/**
 * A connection on ReactPHP's event loop.
 *
 *     php react.php ws://127.0.0.1:1234
 */

declare(strict_types=1);

require getenv('AUTOLOAD') ?: __DIR__ . '/../vendor/autoload.php';

use React\EventLoop\Loop;
use Wsc\Adapter\React;
use Wsc\Connection;

React::attach();                                // once, before connecting
$ws = new Connection($argv[1] ?? 'ws://127.0.0.1:1234');
$ws->onWebSocketConnect = fn (Connection $ws) => $ws->send('hello');
$ws->onMessage = function (Connection $ws, string $data): void {
    echo "recv: $data\n";
    $ws->close();
};
$ws->onError = fn (Connection $ws, int $code, string $message) => print("error $code: $message\n");
$ws->onClose = fn (Connection $ws, int $code, string $reason) => print("closed: $code $reason\n");
$ws->connect();
Loop::run();                                    // returns when nothing is left to do

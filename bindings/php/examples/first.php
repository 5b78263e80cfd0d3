<?php

require __DIR__ . '/../autoload.php';           // with Composer: vendor/autoload.php

use Wsc\Connection;
use Wsc\Loop;

$ws = new Connection($argv[1] ?? 'ws://127.0.0.1:1234');    // wss:// works as well
$ws->headers = ['Cookie' => 'PHPSID=82u98fjhakfusuanfnahfi', 'OtherKey' => 'values'];
$ws->websocketPingInterval = 55;
$ws->onWebSocketConnect = fn (Connection $ws) => $ws->send('hello');
$ws->onMessage = function (Connection $ws, string $data): void {
    echo "recv: $data\n";
    $ws->close();
};
$ws->onError = fn (Connection $ws, int $code, string $message) => print("error $code: $message\n");
$ws->onClose = fn (Connection $ws, int $code, string $reason) => print("closed: $code $reason\n");
$ws->connect();
Loop::run();                                    // returns when no connection is left

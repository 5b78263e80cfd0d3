<?php

/**
 * A loop of one's own: sends the lines of the standard input, prints what comes back.
 *
 *     php select.php ws://127.0.0.1:1234
 */

declare(strict_types=1);

require __DIR__ . '/../autoload.php';           // with Composer: vendor/autoload.php

use Wsc\Connection;
use Wsc\Loop;

$ws = new Connection($argv[1] ?? 'ws://127.0.0.1:1234');
$ws->onMessage = fn (Connection $ws, string $data) => print("recv: $data\n");
$ws->onError = fn (Connection $ws, int $code, string $message) => print("error $code: $message\n");
$ws->onWebSocketConnect = function () use (&$inputs): void {
    $inputs['lines'] = STDIN;
};
$ws->connect();

$inputs = ['wsc' => Loop::stream()];
do {
    $read = $inputs;
    $write = $except = null;
    stream_select($read, $write, $except, null);
    if (isset($read['lines'])) {
        $line = fgets(STDIN);
        if ($line === false) {
            unset($inputs['lines']);
            $ws->close();
        } else {
            $ws->send(rtrim($line, "\n"));
        }
    }
} while (Loop::dispatch(0));

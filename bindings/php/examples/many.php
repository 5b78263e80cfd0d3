<?php

/**
 * Many connections in one process: one thread, one stream, whatever their number.
 *
 *     php many.php ws://127.0.0.1:1234 1000
 */

declare(strict_types=1);

require __DIR__ . '/../autoload.php';           // with Composer: vendor/autoload.php

use Wsc\Connection;
use Wsc\Loop;

$count = (int) ($argv[2] ?? 100);
$open = $received = $failed = 0;
$connections = [];
for ($i = 0; $i < $count; ++$i) {
    $ws = new Connection($argv[1] ?? 'ws://127.0.0.1:1234');
    $ws->onWebSocketConnect = function (Connection $ws) use (&$open, $count, &$connections): void {
        if (++$open === $count) {
            echo "$count connections are open\n";
            foreach ($connections as $number => $each) {
                $each->send("hello from $number");
            }
        }
    };
    $ws->onMessage = function (Connection $ws) use (&$received): void {
        ++$received;
        $ws->close();
    };
    $ws->onError = function () use (&$failed): void {
        ++$failed;
    };
    $ws->connect();
    $connections[] = $ws;
}
Loop::run();
echo "$received answers, $failed failures\n";

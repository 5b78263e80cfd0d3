<?php

/**
 * The main job whole: connect, shake hands, exchange a message and a heartbeat,
 * be closed by the server, reconnect, and end.
 *
 *     php echo.php ws://127.0.0.1:1234
 *
 * The server must echo. If it closes the connection on the message "close me",
 * as this repository's echo_server does, that is shown; another server is not
 * asked twice.
 */

declare(strict_types=1);

require __DIR__ . '/../autoload.php';           // with Composer: vendor/autoload.php

use Wsc\Connection;
use Wsc\Counter;
use Wsc\Loop;

$rounds = 0;
$finished = false;

$ws = new Connection($argv[1] ?? (getenv('URL') ?: 'ws://127.0.0.1:1234'));
$ws->headers = ['OtherKey' => 'values'];
$ws->websocketPingInterval = 55;
$ws->websocketType = Connection::BINARY_TYPE_BLOB;

$ws->onConnect = function (): void {
    echo "tcp connected\n";
};
$ws->onWebSocketConnect = function (Connection $ws, Wsc\Response $response) use (&$rounds): void {
    echo $response;
    ++$rounds;
    $ws->send('hello');
};
$ws->onMessage = function (Connection $ws, string $data) use (&$rounds, &$finished): void {
    echo "recv: $data\n";
    if ($data === 'hello' && $rounds === 1) {
        $ws->ping('heartbeat');
    } elseif ($data === 'hello') {
        $finished = true;
        $ws->close(1000, 'bye');
    } elseif ($data === 'close me') {
        // This server only echoes: close from here, then.
        $ws->close(1000, 'bye');
    }
};
$ws->onWebSocketPong = function (Connection $ws): void {
    echo 'heartbeat: pong after ', $ws->counter(Counter::RoundTripUs), " us\n";
    $ws->send('close me');
};
$ws->onError = function (Connection $ws, int $code, string $message): void {
    echo "error $code: $message\n";
};
$ws->onClose = function (Connection $ws, int $code, string $reason) use (&$rounds, &$finished): void {
    echo "closed: $code $reason\n";
    if ($rounds === 1 && !$finished) {
        echo "reconnecting in 0.3 s\n";
        $ws->reConnect(0.3);
    }
};
$ws->connect();

// Loop::run() would do; this way a server that does not answer cannot keep the program.
$end = microtime(true) + 20;
do {
    $left = $end - microtime(true);
} while ($left > 0 && Loop::dispatch($left));

exit($finished ? 0 : 1);

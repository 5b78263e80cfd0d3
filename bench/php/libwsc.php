<?php

/** libwsc through its PHP package, with the package's own loop. */

declare(strict_types=1);

require __DIR__ . '/../../bindings/php/autoload.php';
require __DIR__ . '/bench.php';

use Wsc\Connection;
use Wsc\Loop;

$connect = function (string $url): Connection {
    $connection = new Connection($url);
    $connection->websocketType = Connection::BINARY_TYPE_ARRAYBUFFER;
    return $connection;
};
(new Bench($connect, Loop::stop(...)))->start();
Loop::run();

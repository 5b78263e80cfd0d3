<?php

/**
 * A worker that has accepted more messages than the socket takes: COUNT of them, of SIZE bytes, after one that is
 * the worker's process number.
 */

declare(strict_types=1);

require getenv('AUTOLOAD');

use Workerman\Worker;
use Wsc\Workerman\AsyncTcpConnection;

Worker::$logFile = getenv('LOG');
// On a busy machine the end may take longer than the 2 seconds after which Workerman kills.
Worker::$stopTimeout = 10;
$worker = new Worker();
$worker->onWorkerStart = static function (): void {
    $c = new AsyncTcpConnection(getenv('URL'));
    $c->maxSendBufferSize = PHP_INT_MAX;
    $c->onWebSocketConnect = static function ($c): void {
        $c->send((string) posix_getpid());
        for ($i = 0; $i < (int) getenv('COUNT'); ++$i) {
            $c->send(str_repeat('x', (int) getenv('SIZE')));
        }
    };
    $c->connect();
};
Worker::runAll();

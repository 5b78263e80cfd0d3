<?php

/**
 * The example of Workerman's documentation, with only its imports changed.
 *
 *     php workerman.php start
 */

require getenv('AUTOLOAD') ?: __DIR__ . '/../vendor/autoload.php';

use Workerman\Worker;
use Wsc\Workerman\AsyncTcpConnection;      // was Workerman\Connection\AsyncTcpConnection
use Wsc\Workerman\Ws;                      // was Workerman\Protocols\Ws (the original works too)

$worker = new Worker();
$worker->onWorkerStart = function () {
    $ws = new AsyncTcpConnection(getenv('URL') ?: 'ws://127.0.0.1:1234');       // wss:// works as well
    $ws->websocketPingInterval = 55;
    $ws->headers = ['Cookie' => 'PHPSID=82u98fjhakfusuanfnahfi; token=2hf9a929jhfihaf9i', 'OtherKey' => 'values'];
    $ws->websocketType = Ws::BINARY_TYPE_BLOB;                // text; BINARY_TYPE_ARRAYBUFFER is binary
    $ws->onConnect = fn ($c) => print("tcp connected\n");
    $ws->onWebSocketConnect = function (AsyncTcpConnection $c, $response) {
        echo $response;
        $c->send('hello');
    };
    $ws->onMessage = fn ($c, $data) => print("recv: $data\n");
    $ws->onError = fn ($c, $code, $msg) => print("error: $msg\n");
    $ws->onClose = fn ($c) => $c->reConnect(1);
    $ws->connect();
};
Worker::runAll();

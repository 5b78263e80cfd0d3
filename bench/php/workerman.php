<?php

/**
 * Workerman's AsyncTcpConnection, or with BENCH_CLASS=libwsc the drop-in of libwsc for it, under the loop
 * that Workerman chooses.
 *
 * WORKERMAN_DIR names the installation: with a vendor directory, or for Workerman 5 with
 * WORKERMAN_COROUTINE_DIR besides.
 */

declare(strict_types=1);

require __DIR__ . '/../../bindings/php/autoload.php';
require __DIR__ . '/bench.php';

use Workerman\Connection\AsyncTcpConnection;
use Workerman\Protocols\Ws;
use Workerman\Worker;

function loadWorkerman(string $directory): void
{
    if (is_file("$directory/vendor/autoload.php")) {
        require "$directory/vendor/autoload.php";
        return;
    }
    $places = [
        'Workerman\\Coroutine\\' => getenv('WORKERMAN_COROUTINE_DIR') . '/src/',
        'Workerman\\' => is_file("$directory/src/Worker.php") ? "$directory/src/" : "$directory/",
    ];
    spl_autoload_register(static function (string $class) use ($places): void {
        foreach ($places as $prefix => $place) {
            $file = $place . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
            if (str_starts_with($class, $prefix) && is_file($file)) {
                require $file;
                return;
            }
        }
    });
}

loadWorkerman((string) getenv('WORKERMAN_DIR'));
$class = getenv('BENCH_CLASS') === 'libwsc' ? Wsc\Workerman\AsyncTcpConnection::class : AsyncTcpConnection::class;

$place = sys_get_temp_dir() . '/wsc-bench-workerman.' . getmypid();
Worker::$pidFile = "$place.pid";
Worker::$logFile = "$place.log";
Worker::$statusFile = "$place.status";

$worker = new Worker();
$worker->onWorkerStart = function () use ($class): void {
    if ($class === Wsc\Workerman\AsyncTcpConnection::class) {
        // One stream for all connections: select knows no more than 1023.
        Wsc\Adapter\Workerman::attach();
    }
    $connect = function (string $url, bool $tls) use ($class): AsyncTcpConnection {
        $connection = new $class(preg_replace('/^wss:/', 'ws:', $url));
        $connection->transport = $tls ? 'ssl' : 'tcp';
        $connection->websocketType = Ws::BINARY_TYPE_ARRAYBUFFER;
        return $connection;
    };
    $stop = fn () => posix_kill(posix_getppid(), SIGINT);
    (new Bench($connect, $stop))->start();
};

register_shutdown_function(static function () use ($place): void {
    if ((string) getmypid() === substr(strrchr($place, '.'), 1)) {
        array_map('unlink', glob("$place.*"));
    }
});
$argv = [$argv[0], 'start', '-q'];
Worker::runAll();

<?php

/**
 * What a worker holds while it exchanges messages and reconnects: memory, resident pages, descriptors, threads.
 *
 *     MESSAGES=1000000 RECONNECTS=10000 WORKERMAN_DIR=/path/to/workerman php endurance.php start
 *
 * Without WORKERMAN_DIR it runs on the stand-in for Workerman 5, and with more than one directory on the first.
 * The last line is "flat" or "not flat".
 */

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

require __DIR__ . '/../bootstrap.php';

use Workerman\Worker;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Server;
use Wsc\Workerman\AsyncTcpConnection;

/** How many messages are under way at a time. */
const WINDOW = 100;

/** How often the state is taken, in each half of the run. */
const SAMPLES = 10;

/** What may come on top between the first sample, when everything is warm, and the last. */
const TOLERANCE = ['php bytes' => 100_000, 'resident KiB' => 2_000, 'descriptors' => 0, 'threads' => 0];

/**
 * @return array<string, int>
 */
function sample(): array
{
    preg_match_all('/^(VmRSS|Threads):\s+(\d+)/m', file_get_contents('/proc/self/status'), $found);
    $status = array_combine($found[1], array_map(intval(...), $found[2]));
    return [
        'php bytes' => memory_get_usage(),
        'resident KiB' => $status['VmRSS'],
        'descriptors' => count(scandir('/proc/self/fd')),
        'threads' => $status['Threads'],
    ];
}

final class Endurance
{
    /** @var array<string, int>|null */
    private ?array $first = null;

    private bool $isFlat = true;

    public function __construct(
        private readonly string $url,
        private readonly int $messages,
        private readonly int $reconnects,
        private readonly \Closure $end
    ) {
    }

    public function run(): void
    {
        printf("%-22s %s\n", '', implode('  ', array_keys(TOLERANCE)));
        $this->exchange();
    }

    private function exchange(): void
    {
        $sent = $received = 0;
        $c = new AsyncTcpConnection($this->url);
        $c->onWebSocketConnect = static function ($c) use (&$sent): void {
            while ($sent < WINDOW) {
                $c->send('message ' . ++$sent);
            }
        };
        $c->onMessage = function ($c) use (&$sent, &$received): void {
            if (++$received % max(1, intdiv($this->messages, SAMPLES)) === 0) {
                $this->record("$received messages");
            }
            if ($sent < $this->messages) {
                $c->send('message ' . ++$sent);
            } elseif ($received === $sent) {
                $c->close();
            }
        };
        $c->onClose = fn () => $this->reconnect();
        $c->connect();
    }

    private function reconnect(): void
    {
        $this->first = null;
        $attempts = 0;
        $c = new AsyncTcpConnection($this->url);
        $c->onWebSocketConnect = static fn ($c) => $c->send('hello');
        $c->onMessage = static fn ($c) => $c->close();
        $c->onClose = function ($c) use (&$attempts): void {
            if (++$attempts % max(1, intdiv($this->reconnects, SAMPLES)) === 0) {
                $this->record("$attempts reconnects");
            }
            if ($attempts < $this->reconnects) {
                $c->reconnect();
                return;
            }
            echo $this->isFlat ? "flat\n" : "not flat\n";
            ($this->end)();
        };
        $c->connect();
    }

    private function record(string $when): void
    {
        $now = sample();
        vprintf("%-22s %9d  %12d  %11d  %7d\n", [$when, ...array_values($now)]);
        $this->first ??= $now;
        foreach (TOLERANCE as $name => $more) {
            $this->isFlat = $this->isFlat && $now[$name] <= $this->first[$name] + $more;
        }
    }
}

$server = Server::start(static function (Listener $listener): void {
    while (true) {
        $peer = $listener->accept();
        $peer->upgrade();
        $peer->echo();
        $listener->forget();
    }
});
$name = (string) getenv('WSC_TEST_FLAVOUR');
$flavours = Flavour::installed() + Flavour::standIns();
$flavour = $flavours[$name] ?? current(Flavour::installed()) ?: $flavours['stand-in 5'];
echo "$flavour->name\n";
$flavour->load();
if ($flavour->directory !== null) {
    $state = sys_get_temp_dir() . '/wsc-endurance-' . getmypid();
    [Worker::$pidFile, Worker::$logFile] = ["$state.pid", "$state.log"];
    Worker::$eventLoopClass = $flavour->eventLoop();
}
// The stand-in has no process above the worker's.
$end = $flavour->directory === null ? Worker::stopAll(...) : static fn () => posix_kill(posix_getppid(), SIGINT);
$worker = new Worker();
$worker->onWorkerStart = static function () use ($server, $end): void {
    (new Endurance(
        $server->url,
        (int) (getenv('MESSAGES') ?: 1_000_000),
        (int) (getenv('RECONNECTS') ?: 10_000),
        $end
    ))->run();
};
Worker::runAll();

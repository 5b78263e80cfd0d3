<?php

declare(strict_types=1);

/**
 * What the clients of the benchmark in PHP share. It is told its work by the environment, does it on
 * connections with Workerman's properties and callbacks, and prints one line of JSON. The README of the
 * benchmark says what the variables and the fields mean.
 */
final class Bench
{
    /** How many connections are opened at a time. */
    private const OPENING = 64;

    /** Workerman's code for a message that was refused because the buffer is full. */
    private const SEND_FAIL = 2;

    private string $workload;
    private int $count;
    private int $total;
    private int $warmup;
    private int $size;
    private int $connections;
    private int $depth;
    private string $payload;

    private array $open = [];
    private int $started = 0;
    private int $sent = 0;
    private bool $full = false;

    private int $done = 0;
    private int $wall = 0;
    private int $cpu = 0;
    private int $last = 0;
    private array $laps = [];
    private array $opening = [];

    /** By property. All connections have the same: a closure each would count as theirs. */
    private array $callbacks;

    /**
     * @param Closure(string $url, bool $tls): object $connect makes a connection that is not connected yet
     * @param Closure(): void $stop ends the loop
     */
    public function __construct(private Closure $connect, private Closure $stop)
    {
        $this->workload = getenv('BENCH_WORKLOAD');
        $this->count = (int) getenv('BENCH_COUNT');
        $this->warmup = (int) getenv('BENCH_WARMUP');
        $this->total = $this->count + $this->warmup;
        $this->size = (int) getenv('BENCH_SIZE');
        $this->connections = (int) getenv('BENCH_CONNECTIONS');
        $this->depth = (int) getenv('BENCH_DEPTH');
        $this->payload = str_repeat('x', $this->size);
        $this->callbacks = [
            'onWebSocketConnect' => $this->onOpen(...),
            'onError' => $this->onError(...),
        ] + match ($this->workload) {
            'echo' => ['onMessage' => $this->onEcho(...)],
            'send' => [
                'onMessage' => $this->onAnswer(...),
                'onBufferFull' => fn () => $this->full = true,
                'onBufferDrain' => $this->onDrain(...),
            ],
            default => ['onMessage' => $this->onReceived(...)],
        };
    }

    public function start(): void
    {
        $this->opening = [hrtime(true), self::cpu(), self::status('VmRSS:')];
        $this->openNext();
    }

    private function openNext(): void
    {
        $this->started++;
        $url = getenv('BENCH_URL');
        $connection = ($this->connect)($url, str_starts_with($url, 'wss:'));
        $connection->maxPackageSize = max(1 << 20, $this->size + 64);
        foreach ($this->callbacks as $name => $callback) {
            $connection->$name = $callback;
        }
        $connection->connect();
    }

    private function onError(object $connection, int $code, string $message): void
    {
        if ($code !== self::SEND_FAIL) { // of which send() has told as well
            fwrite(STDERR, "error $code: $message\n");
            ($this->stop)();
        }
    }

    private function onOpen(object $connection): void
    {
        $this->open[] = $connection;
        while ($this->started < $this->connections && $this->started - count($this->open) < self::OPENING) {
            $this->openNext();
        }
        if (count($this->open) < $this->connections) {
            return;
        }
        if ($this->connections > 1) {
            $this->opened();
        }
        if ($this->workload === 'send') {
            $this->sendAll($connection);
        } elseif ($this->workload === 'fan') {
            $connection->send('go');
        } elseif ($this->workload === 'echo') {
            foreach ($this->open as $connection) {
                for ($i = 0; $i < $this->depth; $i++) {
                    $connection->send($this->payload);
                }
            }
        }
    }

    private function opened(): void
    {
        [$wall, $cpu, $rss] = $this->opening;
        $this->opening = [
            'open_wall_ns' => hrtime(true) - $wall,
            'open_cpu_ns' => self::cpu() - $cpu,
            'open_rss_kib' => self::status('VmRSS:') - $rss,
            'threads' => self::status('Threads:'),
        ];
        $this->startClocks();
    }

    private function onEcho(object $connection, string $data): void
    {
        if ($this->done === $this->total) {
            return;
        }
        $now = hrtime(true);
        $this->laps[] = $now - $this->last;
        $this->last = $now;
        $this->onReceived($connection, $data);
        if ($this->done < $this->total) {
            $connection->send($this->payload);
        }
    }

    private function onReceived(object $connection, string $data): void
    {
        if (strlen($data) !== $this->size) {
            throw new RuntimeException('a message has the wrong size: ' . strlen($data));
        }
        $this->done++;
        if ($this->done === $this->warmup) {
            $this->startClocks();
        } elseif ($this->done === $this->total) {
            $this->finish();
        }
    }

    private function sendAll(object $connection): void
    {
        while ($this->sent < $this->total && !$this->full) {
            if ($this->sent === $this->warmup) {
                $this->startClocks();
            }
            if ($connection->send($this->payload) === false) {
                $this->full = true;
                return;
            }
            $this->sent++;
        }
    }

    private function onDrain(object $connection): void
    {
        $this->full = false;
        $this->sendAll($connection);
    }

    private function onAnswer(): void
    {
        $this->finish();
    }

    private function startClocks(): void
    {
        $this->laps = [];
        $this->last = $this->wall = hrtime(true);
        $this->cpu = self::cpu();
    }

    private function finish(): void
    {
        $result = [
            'operations' => $this->count,
            'wall_ns' => hrtime(true) - $this->wall,
            'cpu_ns' => self::cpu() - $this->cpu,
            'rss_kib' => self::status('VmRSS:'),
        ];
        if ($this->connections > 1) {
            $result += $this->opening;
        }
        if ($this->laps !== []) {
            sort($this->laps);
            $last = count($this->laps) - 1;
            $result['p50_ns'] = $this->laps[intdiv($last, 2)];
            $result['p99_ns'] = $this->laps[intdiv($last * 99, 100)];
        }
        // Not through output buffers: Workerman ends its worker by a signal.
        fwrite(STDOUT, json_encode($result) . "\n");
        ($this->stop)();
    }

    /** Of all threads of the process, in ns. */
    private static function cpu(): int
    {
        $usage = getrusage();
        return 1000 * (1_000_000 * ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec'])
            + $usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec']);
    }

    /** A number from the kernel's account of the process. */
    private static function status(string $field): int
    {
        foreach (file('/proc/self/status') as $line) {
            if (str_starts_with($line, $field)) {
                return (int) trim(substr($line, strlen($field)));
            }
        }
        return 0;
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

use Workerman\Timer;
use Workerman\Worker;
use Wsc\Tests\Support\Channel;
use Wsc\Tests\Support\Server;

/**
 * What a scenario's client works with, in a process of its own: it makes connections of the class under
 * test and writes down what it sees of them.
 */
final class Probe
{
    /** @var list<string> */
    private array $seen = [];

    /** @var list<resource|false> */
    private array $calls = [];

    private bool $reported = false;

    private function __construct(
        public readonly Flavour $flavour,
        public readonly bool $isDropIn,
        public readonly string $url,
        private readonly Channel $channel
    ) {
    }

    /**
     * @param \Closure(self): void $client
     *
     * @return list<string> what it saw
     */
    public static function run(Flavour $flavour, bool $isDropIn, string $url, \Closure $client): array
    {
        [$ours, $theirs] = Channel::pair();
        $pid = pcntl_fork();
        if ($pid === 0) {
            $ours->close();
            // Workerman prints what it has to say.
            while (ob_get_level() > 0) {
                ob_end_clean();
            }
            fclose(STDOUT);
            fclose(STDERR);
            $GLOBALS['outputs'] = [fopen('/dev/null', 'w'), fopen('/dev/null', 'w')];
            ini_set('display_errors', '0');
            // PHPUnit's makes exceptions of warnings.
            set_error_handler(null);
            (new self($flavour, $isDropIn, $url, $theirs))->start($client);
        }
        $theirs->close();
        try {
            return $ours->receive();
        } finally {
            posix_kill($pid, SIGKILL);
            pcntl_waitpid($pid, $status);
        }
    }

    /**
     * A connection of the class under test. Its callbacks write down what they are given.
     *
     * @param list<string> $quiet callbacks to leave out
     */
    public function connection(string $path = '/', array $context = [], array $quiet = []): object
    {
        $url = str_contains($path, '://') ? $path : $this->url . $path;
        $class = $this->isDropIn
            ? \Wsc\Workerman\AsyncTcpConnection::class
            : \Workerman\Connection\AsyncTcpConnection::class;
        $connection = new $class($url, $context);
        $callbacks = [
            'onConnect' => fn () => $this->see('connected'),
            'onWebSocketConnect' => fn () => $this->see('open'),
            'onMessage' => fn ($c, $data) => $this->see('message ' . self::shorten($data)),
            'onError' => fn ($c, $code) => $this->see("error $code"),
            'onClose' => function (): void {
                $this->see('closed');
                $this->finish();
            },
        ];
        foreach (array_diff_key($callbacks, array_flip($quiet)) as $name => $callback) {
            $connection->$name = $callback;
        }
        return $connection;
    }

    /**
     * Changes a setting that only the drop-in has.
     */
    public function set(object $connection, string $setting, mixed $value): void
    {
        if ($this->isDropIn) {
            $connection->wsc->$setting = $value;
        }
    }

    /**
     * Calls the server, which may wait for that, by a connection of its own.
     */
    public function call(): void
    {
        $address = parse_url($this->url);
        $this->calls[] = stream_socket_client("tcp://{$address['host']}:{$address['port']}");
    }

    public function see(string $what): void
    {
        $this->seen[] = $what;
    }

    /**
     * Ends the client.
     */
    public function finish(): never
    {
        if (!$this->reported) {
            $this->reported = true;
            $this->channel->send($this->seen);
        }
        posix_kill(posix_getpid(), SIGKILL);
        exit;
    }

    public function after(float $seconds, \Closure $callback): void
    {
        Timer::add($seconds, $callback, [], false);
    }

    /**
     * Seconds to reconnect after: Workerman 5 takes whole ones only.
     */
    public function delay(): float|int
    {
        return $this->isDropIn ? 0.1 : 1;
    }

    public static function shorten(string $data): string
    {
        return strlen($data) > 40 ? strlen($data) . ' bytes' : $data;
    }

    private function start(\Closure $client): never
    {
        register_shutdown_function(function (): void {
            ini_set('memory_limit', '-1');
            $error = error_get_last();
            $this->see($error !== null && ($error['type'] & (E_ERROR | E_PARSE)) !== 0
                ? 'died: ' . preg_replace('/\d+|\n.*/s', '#', $error['message'])
                : 'the worker was stopped');
            $this->finish();
        });
        $this->flavour->load();
        Worker::$logFile = '/dev/null';
        if (property_exists(Worker::class, 'outputStream')) {
            (new \ReflectionProperty(Worker::class, 'outputStream'))->setValue(null, fopen('/dev/null', 'w'));
        }
        $loop = $this->flavour->eventLoop();
        Worker::$globalEvent = new $loop();
        if (method_exists(Timer::class, 'init')) {
            Timer::init(Worker::$globalEvent);
        }
        $this->after(Server::PATIENCE, function (): void {
            $this->see('nothing more');
            $this->finish();
        });
        try {
            $client($this);
            method_exists(Worker::$globalEvent, 'run') ? Worker::$globalEvent->run() : Worker::$globalEvent->loop();
        } catch (\Throwable $fault) {
            $this->see('thrown: ' . get_class($fault) . ' ' . $fault->getMessage());
        }
        $this->finish();
    }
}

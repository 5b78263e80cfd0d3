<?php

/**
 * Stands in for Workerman 5: as much of its interface as the drop-in needs, and no more. The class that
 * would connect does nothing.
 */

declare(strict_types=1);

namespace Workerman {
    use Workerman\Events\EventInterface;

    class Worker
    {
        public static ?EventInterface $globalEvent = null;

        public static string $logFile = '';

        public static function getEventLoop(): EventInterface
        {
            return static::$globalEvent;
        }

        public static function stopAll(int $code = 0, mixed $log = ''): void
        {
            exit($code);
        }

        public $onWorkerStart = null;

        private static $all = [];

        public function __construct()
        {
            self::$all[] = $this;
        }

        /**
         * Runs the workers in this process. SIGINT ends it.
         */
        public static function runAll(): void
        {
            pcntl_async_signals(true);
            pcntl_signal(SIGINT, static fn () => exit(0));
            static::$globalEvent = new \Workerman\Events\Select();
            foreach (self::$all as $worker) {
                ($worker->onWorkerStart)($worker);
            }
            static::$globalEvent->run();
        }

        public static function safeEcho(string $text): void
        {
            echo $text;
        }

        public static function log(mixed $text): void
        {
            echo $text, "\n";
        }
    }

    class Timer
    {
        public static function add(float $seconds, callable $func, ?array $args = [], bool $persistent = true): int
        {
            return $persistent
                ? Worker::$globalEvent->repeat($seconds, $func, $args ?? [])
                : Worker::$globalEvent->delay($seconds, $func, $args ?? []);
        }

        public static function del(int $timer): bool
        {
            return Worker::$globalEvent->offDelay($timer);
        }
    }
}

namespace Workerman\Events {
    use Wsc\Tests\Workerman\StandIn\SelectLoop;

    interface EventInterface
    {
        public function delay(float $delay, callable $func, array $args = []): int;

        public function offDelay(int $timerId): bool;

        public function repeat(float $interval, callable $func, array $args = []): int;

        public function onReadable($stream, callable $func): void;

        public function offReadable($stream): bool;

        public function run(): void;
    }

    final class Select extends SelectLoop implements EventInterface
    {
        public function delay(float $delay, callable $func, array $args = []): int
        {
            return $this->schedule($delay, null, $func, $args);
        }

        public function offDelay(int $timerId): bool
        {
            return $this->unschedule($timerId);
        }

        public function repeat(float $interval, callable $func, array $args = []): int
        {
            return $this->schedule($interval, $interval, $func, $args);
        }

        public function onReadable($stream, callable $func): void
        {
            $this->watch($stream, $func);
        }

        public function offReadable($stream): bool
        {
            return $this->unwatch($stream);
        }

        public function run(): void
        {
            while (true) {
                $this->turn();
            }
        }
    }
}

namespace Workerman\Protocols {
    class Ws
    {
        public const BINARY_TYPE_BLOB = "\x81";
        public const BINARY_TYPE_ARRAYBUFFER = "\x82";
    }
}

namespace Workerman\Protocols\Http {
    class Response
    {
        private int $status = 0;
        private string $reason = '';
        private array $headers = [];

        public function withStatus(int $code, ?string $reasonPhrase = null): static
        {
            $this->status = $code;
            $this->reason = (string) $reasonPhrase;
            return $this;
        }

        public function withHeaders(array $headers): static
        {
            $this->headers = $headers;
            return $this;
        }

        public function withProtocolVersion(string $version): static
        {
            return $this;
        }

        public function getStatusCode(): int
        {
            return $this->status;
        }

        public function getReasonPhrase(): ?string
        {
            return $this->reason;
        }

        public function getHeader(string $name): array|string|null
        {
            return $this->headers[$name] ?? null;
        }

        public function getHeaders(): array
        {
            return $this->headers;
        }

        public function __toString(): string
        {
            $head = "HTTP/1.1 $this->status $this->reason\r\n";
            foreach ($this->headers as $name => $value) {
                $head .= "$name: " . implode(', ', (array) $value) . "\r\n";
            }
            return "$head\r\n";
        }
    }
}

namespace Workerman\Connection {
    use Workerman\Events\EventInterface;
    use Workerman\Worker;

    #[\AllowDynamicProperties]
    abstract class ConnectionInterface
    {
        public const CONNECT_FAIL = 1;
        public const SEND_FAIL = 2;

        public static array $statistics = [
            'connection_count' => 0, 'total_request' => 0, 'throw_exception' => 0, 'send_fail' => 0,
        ];

        public ?string $protocol = null;
        public $onMessage = null;
        public $onClose = null;
        public $onError = null;
        public ?EventInterface $eventLoop = null;
        public $errorHandler = null;

        public function error(\Throwable $exception): void
        {
            $this->errorHandler ? ($this->errorHandler)($exception) : Worker::stopAll(250, $exception);
        }
    }

    class TcpConnection extends ConnectionInterface
    {
        public const STATUS_INITIAL = 0;
        public const STATUS_CONNECTING = 1;
        public const STATUS_ESTABLISHED = 2;
        public const STATUS_ENDING = 4;
        public const STATUS_CLOSING = 8;
        public const STATUS_CLOSED = 16;

        private const NAMES = [
            0 => 'INITIAL', 1 => 'CONNECTING', 2 => 'ESTABLISHED', 4 => 'ENDING', 8 => 'CLOSING', 16 => 'CLOSED',
        ];

        public $onConnect = null;
        public $onWebSocketConnect = null;
        public $onWebSocketConnected = null;
        public $onWebSocketClose = null;
        public $onBufferFull = null;
        public $onBufferDrain = null;
        public string $transport = 'tcp';
        public ?Worker $worker = null;
        public int $bytesRead = 0;
        public int $bytesWritten = 0;
        public int $id = 0;
        public int $maxSendBufferSize = 1048576;
        public ?\stdClass $context = null;
        public array $headers = [];
        public static int $defaultMaxSendBufferSize = 1048576;
        public int $maxPackageSize = 1048576;
        public static int $defaultMaxPackageSize = 10485760;
        public static float $defaultLingerTimeout = 1.0;
        public float $lingerTimeout = 1.0;
        public static array $connections = [];
        protected static int $idRecorder = 1;
        protected int $realId = 0;
        protected int $status = self::STATUS_ESTABLISHED;
        protected string $remoteAddress = '';

        public function getStatus(bool $rawOutput = true): int|string
        {
            return $rawOutput ? $this->status : self::NAMES[$this->status];
        }

        public function send(mixed $sendBuffer, bool $raw = false): bool|null
        {
            return null;
        }

        public function close(mixed $data = null, bool $raw = false): void
        {
        }

        public function end(mixed $data = null, bool $raw = false): void
        {
        }

        public function destroy(): void
        {
        }

        public function pauseRecv(): void
        {
        }

        public function resumeRecv(): void
        {
        }

        public function pipe(self $dest): void
        {
            $this->onMessage = fn ($source, $data) => $dest->send($data);
            $this->onClose = fn () => $dest->close();
            $dest->onBufferFull = fn () => $this->pauseRecv();
            $dest->onBufferDrain = fn () => $this->resumeRecv();
        }

        public function getRemoteAddress(): string
        {
            return $this->remoteAddress;
        }

        public function getRemoteIp(): string
        {
            return substr($this->remoteAddress, 0, (int) strrpos($this->remoteAddress, ':'));
        }

        public function getRemotePort(): int
        {
            return (int) substr((string) strrchr($this->remoteAddress, ':'), 1);
        }

        public function getLocalAddress(): string
        {
            return '';
        }

        public function getLocalIp(): string
        {
            return substr($this->getLocalAddress(), 0, (int) strrpos($this->getLocalAddress(), ':'));
        }

        public function getLocalPort(): int
        {
            return (int) substr((string) strrchr($this->getLocalAddress(), ':'), 1);
        }

        public function getSendBufferQueueSize(): int
        {
            return 0;
        }

        public function getRecvBufferQueueSize(): int
        {
            return 0;
        }

        public function bufferIsEmpty(): bool
        {
            return true;
        }

        public function isIpV4(): bool
        {
            return !str_contains($this->getRemoteIp(), ':');
        }

        public function isIpV6(): bool
        {
            return str_contains($this->getRemoteIp(), ':');
        }

        public function getSocket()
        {
            return null;
        }

        public function __destruct()
        {
            --self::$statistics['connection_count'];
        }
    }

    class AsyncTcpConnection extends TcpConnection
    {
        public string $proxySocks5 = '';
        public string $proxyHttp = '';
        protected int $status = self::STATUS_INITIAL;
        protected string $remoteHost = '';
        protected int $remotePort = 80;
        protected float $connectStartTime = 0;
        protected string $remoteURI = '';
        protected array $socketContext = [];

        public function __construct(string $remoteAddress, array $socketContext = [])
        {
            $url = parse_url($remoteAddress);
            if (($url['scheme'] ?? '') !== 'ws') {
                throw new \RuntimeException('The stand-in knows ws:// only');
            }
            $this->remoteHost = $url['host'];
            $this->remotePort = $url['port'] ?? 0;
            $this->remoteURI = ($url['path'] ?? '/') . (isset($url['query']) ? '?' . $url['query'] : '');
            $this->remoteAddress = "$this->remoteHost:$this->remotePort";
            $this->id = $this->realId = self::$idRecorder++;
            $this->protocol = '\Workerman\Protocols\Ws';
            ++self::$statistics['connection_count'];
            $this->maxSendBufferSize = self::$defaultMaxSendBufferSize;
            $this->maxPackageSize = self::$defaultMaxPackageSize;
            $this->socketContext = $socketContext;
            $this->context = new \stdClass();
            static::$connections[$this->realId] = $this;
        }

        public function connect(): void
        {
        }

        public function reconnect(int $after = 0): void
        {
        }

        public function cancelReconnect(): void
        {
        }

        public function getRemoteHost(): string
        {
            return $this->remoteHost;
        }

        public function getRemoteURI(): string
        {
            return $this->remoteURI;
        }
    }
}

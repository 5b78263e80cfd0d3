<?php

declare(strict_types=1);

namespace Wsc\Tests\Support;

/**
 * A WebSocket server in a process of its own that does exactly what its script says, be it wrong.
 */
final class Server
{
    /** Seconds after which a wait is taken for a failure. */
    public const PATIENCE = 10;

    public readonly string $url;

    private bool $joined = false;

    private function __construct(
        public readonly int $port,
        private readonly int $pid,
        private readonly Channel $channel
    ) {
        $this->url = "ws://127.0.0.1:$port";
    }

    public function __destruct()
    {
        if (!$this->joined) {
            posix_kill($this->pid, SIGKILL);
            pcntl_waitpid($this->pid, $status);
        }
    }

    /**
     * @param \Closure(Listener): void $script runs in the server's process
     */
    public static function start(\Closure $script): self
    {
        $socket = stream_socket_server('tcp://127.0.0.1:0');
        [$ours, $theirs] = Channel::pair();
        $port = (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
        $pid = pcntl_fork();
        if ($pid === 0) {
            $ours->close();
            try {
                $script(new Listener($socket, $theirs));
                $theirs->send(null);
            } catch (\Throwable $fault) {
                $theirs->send(new ServerFault((string) $fault));
            }
            // Neither PHPUnit's nor the library's objects are to be destroyed here.
            posix_kill(posix_getpid(), SIGKILL);
        }
        fclose($socket);
        $theirs->close();
        return new self($port, $pid, $ours);
    }

    /**
     * A server that accepts connections one after the other and echoes on each until it ends.
     */
    public static function echo(): self
    {
        return self::start(static function (Listener $listener): void {
            while (true) {
                $peer = $listener->accept();
                $peer->upgrade();
                $peer->echo();
            }
        });
    }

    /**
     * Waits for what no event tells.
     *
     * @param \Closure(): bool $done
     *
     * @return bool whether it came about
     */
    public static function wait(\Closure $done): bool
    {
        $end = microtime(true) + self::PATIENCE;
        while (!$done()) {
            if (microtime(true) > $end) {
                return false;
            }
            usleep(10_000);
        }
        return true;
    }

    /**
     * A port on which nobody listens.
     */
    public static function unusedPort(): int
    {
        $socket = stream_socket_server('tcp://127.0.0.1:0');
        return (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
    }

    /**
     * Waits for what the script gives to `Listener::report`.
     */
    public function report(): mixed
    {
        $value = $this->channel->receive();
        if ($value instanceof ServerFault) {
            throw new \RuntimeException($value->text);
        }
        return $value;
    }

    /**
     * Lets a script that waits in `Listener::await` go on.
     */
    public function proceed(): void
    {
        $this->channel->send(true);
    }

    /**
     * Waits until the script has come to its end.
     */
    public function join(): void
    {
        $this->report();
        pcntl_waitpid($this->pid, $status);
        $this->joined = true;
    }
}

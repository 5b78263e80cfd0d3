<?php

declare(strict_types=1);

namespace Wsc\Tests\Support;

/**
 * One end of a pipe between two processes that carries PHP values.
 */
final class Channel
{
    /**
     * @param resource $stream
     */
    private function __construct(private $stream)
    {
        stream_set_timeout($stream, Server::PATIENCE);
    }

    /**
     * @return array{self, self}
     */
    public static function pair(): array
    {
        [$a, $b] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        return [new self($a), new self($b)];
    }

    public function send(mixed $value): void
    {
        $bytes = serialize($value);
        fwrite($this->stream, pack('N', strlen($bytes)) . $bytes);
    }

    /**
     * Waits for the next value.
     */
    public function receive(): mixed
    {
        $length = stream_get_contents($this->stream, 4);
        if (strlen((string) $length) !== 4) {
            throw new \RuntimeException('The other process ended or did not report in time');
        }
        return unserialize(stream_get_contents($this->stream, unpack('N', $length)[1]));
    }

    public function close(): void
    {
        fclose($this->stream);
    }
}

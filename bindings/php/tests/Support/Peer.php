<?php

declare(strict_types=1);

namespace Wsc\Tests\Support;

/**
 * One accepted connection, seen from the server.
 */
final class Peer
{
    public const CONTINUATION = 0;
    public const TEXT = 1;
    public const BINARY = 2;
    public const CLOSE = 8;
    public const PING = 9;
    public const PONG = 10;

    private const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

    /** The request head, once `upgrade` has read it. */
    public string $request = '';

    /**
     * @param resource $stream
     */
    public function __construct(private $stream)
    {
        stream_set_timeout($stream, Server::PATIENCE);
        socket_set_option(socket_import_stream($stream), SOL_TCP, TCP_NODELAY, 1);
    }

    public static function frame(int $opcode, string $payload = '', bool $final = true): string
    {
        $length = strlen($payload);
        return chr(($final ? 0x80 : 0) | $opcode) . match (true) {
            $length < 126 => chr($length),
            $length < 65536 => chr(126) . pack('n', $length),
            default => chr(127) . pack('J', $length),
        } . $payload;
    }

    public static function closeFrame(int $code, string $reason = ''): string
    {
        return self::frame(self::CLOSE, pack('n', $code) . $reason);
    }

    /**
     * Does the TLS handshake as Certificate's owner.
     *
     * @param array<string, mixed> $options ssl context options
     */
    public function secure(int $method = STREAM_CRYPTO_METHOD_TLS_SERVER, array $options = []): bool
    {
        foreach (['local_cert' => Certificate::file()] + $options as $name => $value) {
            stream_context_set_option($this->stream, 'ssl', $name, $value);
        }
        return @stream_socket_enable_crypto($this->stream, true, $method) === true;
    }

    /**
     * The name of the certificate that the client has shown.
     */
    public function clientName(): string
    {
        $certificate = stream_context_get_options($this->stream)['ssl']['peer_certificate'] ?? null;
        return $certificate === null ? '' : openssl_x509_parse($certificate)['subject']['CN'];
    }

    /**
     * The address that the client has connected from.
     */
    public function address(): string
    {
        return stream_socket_get_name($this->stream, true);
    }

    public function readRequest(): string
    {
        while (!str_ends_with($this->request, "\r\n\r\n")) {
            $line = fgets($this->stream);
            if ($line === false) {
                throw new \RuntimeException('The request ended early: ' . $this->request);
            }
            $this->request .= $line;
        }
        return $this->request;
    }

    /**
     * The right answer to the request.
     *
     * @param list<string> $headers further header lines
     */
    public function answer(array $headers = []): string
    {
        preg_match('/^Sec-WebSocket-Key: *(\S+)/mi', $this->readRequest(), $match);
        return implode("\r\n", [
            'HTTP/1.1 101 Switching Protocols',
            'Upgrade: websocket',
            'Connection: Upgrade',
            'Sec-WebSocket-Accept: ' . base64_encode(sha1($match[1] . self::GUID, true)),
            ...$headers,
        ]) . "\r\n\r\n";
    }

    /**
     * @param list<string> $headers
     * @param string $more bytes to send in the same packet
     */
    public function upgrade(array $headers = [], string $more = ''): void
    {
        $this->write($this->answer($headers) . $more);
    }

    public function write(string $bytes): void
    {
        for ($done = 0; $done < strlen($bytes); $done += $written) {
            $written = @fwrite($this->stream, substr($bytes, $done, 1 << 20));
            if ($written === false || $written === 0) {
                throw new \RuntimeException('The client does not take any more');
            }
        }
    }

    /**
     * Sends each byte by itself.
     */
    public function trickle(string $bytes): void
    {
        foreach (str_split($bytes) as $byte) {
            $this->write($byte);
        }
    }

    public function text(string $payload): void
    {
        $this->write(self::frame(self::TEXT, $payload));
    }

    /**
     * Waits for a frame.
     *
     * @return array{int, string}|null opcode and payload, null at the end of the stream
     */
    public function read(): ?array
    {
        $head = $this->bytes(2);
        if ($head === null) {
            return null;
        }
        $length = ord($head[1]) & 0x7f;
        if ((ord($head[1]) & 0x80) === 0) {
            throw new \RuntimeException('A frame from the client has no mask');
        }
        $length = match ($length) {
            126 => unpack('n', $this->bytes(2))[1],
            127 => unpack('J', $this->bytes(8))[1],
            default => $length,
        };
        $mask = $this->bytes(4);
        $payload = (string) $this->bytes($length);
        return [
            ord($head[0]) & 0x0f,
            $payload ^ substr(str_repeat($mask, intdiv($length, 4) + 1), 0, $length),
        ];
    }

    /**
     * Waits for a frame of that kind, past all others.
     */
    public function readUntil(int $opcode): string
    {
        while (($frame = $this->read()) !== null) {
            if ($frame[0] === $opcode) {
                return $frame[1];
            }
        }
        throw new \RuntimeException("The client left without a frame of opcode $opcode");
    }

    /**
     * Echoes messages and answers the close, until the client is gone. "close me" closes.
     */
    public function echo(): void
    {
        while (($frame = $this->read()) !== null) {
            [$opcode, $payload] = $frame;
            if ($opcode === self::PING) {
                $this->write(self::frame(self::PONG, $payload));
            } elseif ($opcode === self::CLOSE) {
                $this->write(self::frame(self::CLOSE, $payload));
                break;
            } elseif ($payload === 'close me') {
                $this->write(self::closeFrame(1001, 'going away'));
            } elseif ($opcode !== self::PONG) {
                $this->write(self::frame($opcode, $payload));
            }
        }
        $this->end();
    }

    /**
     * Ends the TCP connection with a reset.
     */
    public function reset(): void
    {
        $socket = socket_import_stream($this->stream);
        socket_set_option($socket, SOL_SOCKET, SO_LINGER, ['l_onoff' => 1, 'l_linger' => 0]);
        $this->end();
    }

    public function end(): void
    {
        fclose($this->stream);
    }

    private function bytes(int $count): ?string
    {
        $bytes = '';
        while (strlen($bytes) < $count) {
            $more = fread($this->stream, $count - strlen($bytes));
            if ($more === false || $more === '') {
                if (stream_get_meta_data($this->stream)['timed_out']) {
                    throw new \RuntimeException('The client is silent');
                }
                return null;
            }
            $bytes .= $more;
        }
        return $bytes;
    }
}

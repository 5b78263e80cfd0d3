<?php

declare(strict_types=1);

namespace Wsc\Internal;

use FFI\CData;
use Wsc\Counter;
use Wsc\Exception\InvalidArgumentException;
use Wsc\Exception\WscException;
use Wsc\State;
use Wsc\Status;

/**
 * Owns a wsc_conn_t. Takes PHP's values to C without letting them change on
 * the way: neither cut at a NUL nor wrapped into a smaller integer.
 *
 * The `set…` methods take the name of the C function and that of the property.
 *
 * @internal
 */
final class NativeConnection
{
    /** Enough for every address, says the header. */
    private const ADDRESS_SIZE = 64;

    public readonly int $id;

    private readonly \FFI $ffi;

    private readonly CData $handle;

    /**
     * @throws WscException
     */
    public function __construct(NativeLoop $loop, string $url)
    {
        $this->ffi = Library::get();
        $handle = $this->ffi->new('wsc_conn_t *');
        Failure::check($this->ffi->wsc_conn_new($loop->handle, self::text($url), \FFI::addr($handle)), 'URL');
        $this->handle = $handle;
        $this->id = $this->ffi->wsc_conn_id($handle);
    }

    public function __destruct()
    {
        $this->ffi->wsc_conn_free($this->handle);
    }

    public function state(): State
    {
        return State::from($this->ffi->wsc_conn_state($this->handle));
    }

    /**
     * @throws WscException
     */
    public function setUrl(string $url): void
    {
        Failure::check($this->ffi->wsc_conn_set_url($this->handle, self::text($url)), 'URL');
    }

    /**
     * @throws WscException
     */
    public function setText(string $function, string $text, string $property): void
    {
        Failure::check($this->ffi->$function($this->handle, self::text($text)), $property);
    }

    /**
     * Calls a setter of any shape; null is NULL.
     *
     * @throws WscException
     */
    public function set(string $function, string $property, string|int|bool|null ...$arguments): void
    {
        Failure::check($this->ffi->$function($this->handle, ...$arguments), $property);
    }

    /**
     * @throws WscException
     */
    public function setSize(string $function, int $bytes, string $property): void
    {
        // The library refuses 0; a negative number would arrive as a huge one.
        Failure::check($this->ffi->$function($this->handle, \max(0, $bytes)), $property);
    }

    /**
     * @throws WscException
     */
    public function setTime(string $function, float $seconds, string $property): void
    {
        Failure::check($this->ffi->$function($this->handle, Duration::milliseconds($seconds, $property)), $property);
    }

    /**
     * @throws WscException
     */
    public function setAutomaticPong(bool $enabled): void
    {
        Failure::check($this->ffi->wsc_conn_set_auto_pong($this->handle, $enabled), 'automaticPong');
    }

    /**
     * Replaces all request headers.
     *
     * @param array<mixed> $headers name => value or list of values
     *
     * @throws WscException
     */
    public function setHeaders(array $headers): void
    {
        Failure::check($this->ffi->wsc_conn_clear_headers($this->handle), 'headers');
        foreach ($headers as $name => $values) {
            foreach (\is_array($values) ? $values : [$values] as $value) {
                if (!\is_scalar($value) && !$value instanceof \Stringable) {
                    throw new InvalidArgumentException("headers['$name']: not a string", Status::HeaderValue);
                }
                Failure::check(
                    $this->ffi->wsc_conn_add_header(
                        $this->handle,
                        self::text((string) $name),
                        self::text((string) $value)
                    ),
                    "headers['$name']"
                );
            }
        }
    }

    /**
     * @throws WscException
     */
    public function connect(): void
    {
        Failure::check($this->ffi->wsc_conn_connect($this->handle), 'connect()');
    }

    /**
     * @throws WscException
     */
    public function reconnect(float $seconds): void
    {
        $subject = 'reConnect()';
        Failure::check(
            $this->ffi->wsc_conn_reconnect($this->handle, Duration::milliseconds($seconds, $subject)),
            $subject
        );
    }

    /**
     * @throws WscException
     */
    public function cancelReconnect(): void
    {
        self::checkLenient($this->ffi->wsc_conn_cancel_reconnect($this->handle), 'cancelReconnect()');
    }

    /**
     * @throws WscException
     */
    public function close(int $code, string $reason): void
    {
        // What does not fit C's 16 bits becomes 1, which the library refuses as well.
        $code = $code === ($code & 0xFFFF) ? $code : 1;
        self::checkLenient($this->ffi->wsc_conn_close($this->handle, $code, $reason, \strlen($reason)), 'close()');
    }

    /**
     * @throws WscException
     */
    public function abort(): void
    {
        self::checkLenient($this->ffi->wsc_conn_abort($this->handle), 'abort()');
    }

    /**
     * @throws WscException
     */
    public function pauseRecv(): void
    {
        self::checkLenient($this->ffi->wsc_conn_pause_recv($this->handle), 'pauseRecv()');
    }

    /**
     * @throws WscException
     */
    public function resumeRecv(): void
    {
        self::checkLenient($this->ffi->wsc_conn_resume_recv($this->handle), 'resumeRecv()');
    }

    /**
     * @throws WscException
     */
    public function flush(): void
    {
        self::checkLenient($this->ffi->wsc_conn_flush($this->handle), 'flush()');
    }

    /**
     * The status is the caller's to judge, as with the next three.
     */
    public function sendText(string $text): int
    {
        return $this->ffi->wsc_conn_send_text($this->handle, $text, \strlen($text));
    }

    public function sendBinary(string $data): int
    {
        return $this->ffi->wsc_conn_send_binary($this->handle, $data, \strlen($data));
    }

    public function ping(string $payload): int
    {
        return $this->ffi->wsc_conn_ping($this->handle, $payload, \strlen($payload));
    }

    public function pong(string $payload): int
    {
        return $this->ffi->wsc_conn_pong($this->handle, $payload, \strlen($payload));
    }

    public function bufferedAmount(): int
    {
        return $this->ffi->wsc_conn_buffered_amount($this->handle);
    }

    /**
     * @throws WscException
     */
    public function counter(Counter $counter): int
    {
        $value = $this->ffi->new('uint64_t');
        Failure::check(
            $this->ffi->wsc_conn_counter($this->handle, $counter->value, \FFI::addr($value)),
            'counter()'
        );
        return $value->cdata;
    }

    /**
     * @return string "192.0.2.1:80", "[::1]:80", or "" while there is no socket
     *
     * @throws WscException
     */
    public function peerAddress(): string
    {
        return $this->address('wsc_conn_peer_address');
    }

    /**
     * @throws WscException
     */
    public function localAddress(): string
    {
        return $this->address('wsc_conn_local_address');
    }

    private function address(string $function): string
    {
        $buffer = $this->ffi->new('char[' . self::ADDRESS_SIZE . ']');
        $status = $this->ffi->$function($this->handle, $buffer, self::ADDRESS_SIZE);
        if ($status === Status::NotFound->value) {
            return '';
        }
        Failure::check($status, 'address');
        return \FFI::string($buffer);
    }

    /**
     * To find nothing to end, to pause or to write is no fault.
     */
    private static function checkLenient(int $status, string $subject): void
    {
        if ($status !== Status::State->value) {
            Failure::check($status, $subject);
        }
    }

    /**
     * C would cut the string at a NUL. A line feed in its place is refused for
     * the same reason as the NUL would be.
     */
    private static function text(string $text): string
    {
        return \strtr($text, "\0", "\n");
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Internal;

use FFI\CData;
use Wsc\Connection;
use Wsc\Counter;
use Wsc\Exception\InvalidArgumentException;
use Wsc\Exception\WscException;
use Wsc\State;
use Wsc\Status;

/**
 * Owns a wsc_conn_t. Takes PHP's values to C without letting them change on
 * the way: neither cut at a NUL nor wrapped into a smaller integer.
 *
 * Methods that take the name of a C function take that of the property, too, for the exception.
 *
 * @internal
 */
final class NativeConnection
{
    /** Enough for every address, says the header. */
    private const USUAL_SIZE = 64;

    public readonly int $id;

    // What is called for each message is called without a method in between.

    public readonly \FFI $ffi;

    /** Null when it is freed: the end of the process destroys objects that others, destroyed later, still use. */
    public ?CData $handle;

    /**
     * The settings that were told, by subject; of one that is not here the library has its default. Connections
     * with the same settings share one array: it would be a third of all that an idle one needs.
     *
     * @var array<string, mixed>
     */
    private array $told = [];

    /** @var array<string, mixed> the array to share */
    private static array $lastTold = [];

    /** @var array<string, mixed>|null the library's defaults, by subject */
    private static ?array $defaults = null;

    /** Where the library writes the handle of a new connection: wsc_conn_t *[1]. */
    private static ?CData $newHandle = null;

    /** Where the library writes counters, which are asked for often: uint64_t[1]. */
    private static ?CData $number = null;

    /**
     * @throws WscException
     */
    public function __construct(public readonly EventLoop $loop, string $url)
    {
        $this->ffi = $ffi = Library::get();
        $place = self::$newHandle ??= $ffi->new('wsc_conn_t *[1]');
        Failure::check($ffi->wsc_conn_new($loop->native->handle, self::text($url), $place), 'URL');
        $this->handle = $handle = $place[0];
        $this->id = $ffi->wsc_conn_id($handle);
        // It would limit what is sent: what is received has its own.
        Failure::check($ffi->wsc_conn_set_max_message_size($handle, \PHP_INT_MAX), 'maxPackageSize');
    }

    public function __destruct()
    {
        $handle = $this->handle;
        $this->handle = null;
        $this->ffi->wsc_conn_free($handle);
    }

    public function isFreed(): bool
    {
        return $this->handle === null;
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
        $this->setText('wsc_conn_set_url', $url, 'URL');
    }

    /**
     * Calls a function of any shape, but the connection first; null is NULL.
     *
     * @throws WscException
     */
    public function call(string $function, string $subject, string|int|bool|null ...$arguments): void
    {
        Failure::check($this->ffi->$function($this->handle, ...$arguments), $subject);
    }

    /**
     * The same for a setting of one value, which needs no call while it is as it was.
     *
     * @throws WscException
     */
    public function set(string $function, string $subject, string|int|bool $value): void
    {
        if (!$this->isTold($subject, $value)) {
            $this->call($function, $subject, $value);
            $this->told[$subject] = $value;
        }
    }

    /**
     * @throws WscException
     */
    public function setText(string $function, string $text, string $subject): void
    {
        if (!$this->isTold($subject, $text)) {
            $this->call($function, $subject, self::text($text));
            $this->told[$subject] = $text;
        }
    }

    /**
     * @throws WscException
     */
    public function setSize(string $function, int $bytes, string $subject): void
    {
        if (!$this->isTold($subject, $bytes)) {
            // The library refuses 0; a negative number would arrive as a huge one.
            $this->call($function, $subject, \max(0, $bytes));
            $this->told[$subject] = $bytes;
        }
    }

    /**
     * @param int ...$before arguments before the time
     *
     * @throws WscException
     */
    public function setTime(string $function, float $seconds, string $subject, int ...$before): void
    {
        if (!$this->isTold($subject, $seconds)) {
            $before[] = Duration::milliseconds($seconds, $subject);
            $this->call($function, $subject, ...$before);
            $this->told[$subject] = $seconds;
        }
    }

    /**
     * Whether settings that belong together have to be told: unless there are none and were none. What they name,
     * a file for instance, may have changed since.
     */
    public function begin(string $subject, bool $areSome): bool
    {
        if (!$areSome && empty($this->told[$subject])) {
            return false;
        }
        unset($this->told[$subject]);
        if ($areSome) {
            $this->told[$subject] = true;
        }
        return true;
    }

    /**
     * To be called when the settings were told.
     */
    public function shareSettings(): void
    {
        if ($this->told === self::$lastTold) {
            $this->told = self::$lastTold;
        } else {
            self::$lastTold = $this->told;
        }
    }

    private function isTold(string $subject, string|int|float|bool $value): bool
    {
        if (isset($this->told[$subject])) {
            return $this->told[$subject] === $value;
        }
        self::$defaults ??= self::defaults();
        return isset(self::$defaults[$subject]) && self::$defaults[$subject] === $value;
    }

    /**
     * @return array<string, mixed>
     */
    private static function defaults(): array
    {
        // Connection's properties begin with the library's defaults, which the tests compare.
        $defaults = (new \ReflectionClass(Connection::class))->getDefaultProperties();
        // The limit of what is received is, by default, that of what is sent.
        unset($defaults['maxPackageSize']);
        $none = [
            'websocketOrigin' => '',
            'websocketClientProtocol' => '',
            'autoReconnect' => false,
            'deflate' => false,
        ];
        return $none + $defaults;
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
        $this->replaceHeaders('wsc_conn_clear_headers', 'wsc_conn_add_header', 'headers', $headers);
    }

    /**
     * @param array<mixed> $headers name => value or list of values
     *
     * @throws WscException
     */
    public function replaceHeaders(string $clear, string $add, string $subject, array $headers): void
    {
        if (!$this->begin($subject, $headers !== [])) {
            return;
        }
        $this->call($clear, $subject);
        foreach ($headers as $name => $values) {
            foreach (\is_array($values) ? $values : [$values] as $value) {
                if (!\is_scalar($value) && !$value instanceof \Stringable) {
                    throw new InvalidArgumentException("{$subject}['$name']: not a string", Status::HeaderValue);
                }
                $this->call($add, "{$subject}['$name']", self::text((string) $name), self::text((string) $value));
            }
        }
    }

    /**
     * @param int $bytes of what waits to be sent, from which on the library takes no more, and tells when it is less
     *
     * @throws WscException
     */
    public function limitQueue(int $bytes): void
    {
        self::checkLenient($this->ffi->wsc_conn_set_send_queue_limit($this->handle, $bytes), 'maxSendBufferSize');
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
     * The status is the caller's to judge, as with the next four.
     */
    public function sendText(string $text): int
    {
        return $this->ffi->wsc_conn_send_text($this->handle, $text, \strlen($text));
    }

    public function sendBinary(string $data): int
    {
        return $this->ffi->wsc_conn_send_binary($this->handle, $data, \strlen($data));
    }

    public function sendMessage(int $type, int $part, int $flags, string $data): int
    {
        return $this->ffi->wsc_conn_send_message($this->handle, $type, $part, $flags, $data, \strlen($data));
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
        $number = self::$number ??= $this->ffi->new('uint64_t[1]');
        $status = $this->ffi->wsc_conn_counter($this->handle, $counter->value, $number);
        if ($status !== 0) {
            throw Failure::of(Status::of($status), 'counter()');
        }
        return $number[0];
    }

    /**
     * @return string "192.0.2.1:80", "[::1]:80", or "" while there is no socket
     *
     * @throws WscException
     */
    public function peerAddress(): string
    {
        return $this->name('wsc_conn_peer_address');
    }

    /**
     * @throws WscException
     */
    public function localAddress(): string
    {
        return $this->name('wsc_conn_local_address');
    }

    /**
     * @throws WscException
     */
    public function subprotocol(): string
    {
        return $this->name('wsc_conn_subprotocol');
    }

    /**
     * @throws WscException
     */
    public function extensions(): string
    {
        return $this->name('wsc_conn_extensions');
    }

    /**
     * @throws WscException
     */
    public function reportNumber(ReportNumber $number): int
    {
        $place = self::$number ??= $this->ffi->new('uint64_t[1]');
        $this->checkReport($this->ffi->wsc_conn_report_number($this->handle, $number->value, $place));
        return $place[0];
    }

    /**
     * @throws WscException
     */
    public function reportData(ReportData $data): string
    {
        $length = $this->ffi->new('size_t');
        $this->checkReport(
            $this->ffi->wsc_conn_report_data($this->handle, $data->value, null, 0, \FFI::addr($length))
        );
        $size = $length->cdata;
        if ($size === 0) {
            return '';
        }
        $buffer = $this->ffi->new("char[$size]");
        $this->checkReport(
            $this->ffi->wsc_conn_report_data($this->handle, $data->value, $buffer, $size, \FFI::addr($length))
        );
        // The loop's thread may have changed it in between.
        return \FFI::string($buffer, \min($size, $length->cdata));
    }

    private function checkReport(int $status): void
    {
        Failure::check($status, 'getReport()');
    }

    /**
     * @return string "" if there is none
     */
    private function name(string $function): string
    {
        for ($size = self::USUAL_SIZE;; $size *= 2) {
            $buffer = $this->ffi->new("char[$size]");
            $status = $this->ffi->$function($this->handle, $buffer, $size);
            if ($status === Status::NotFound->value) {
                return '';
            }
            if ($status !== Status::TooBig->value) {
                Failure::check($status, $function);
                return \FFI::string($buffer);
            }
        }
    }

    /**
     * To find nothing to end, to pause or to write is no fault.
     */
    private static function checkLenient(int $status, string $subject): void
    {
        if ($status !== Status::State->value && $status !== Status::Null->value) {
            Failure::check($status, $subject);
        }
    }

    /**
     * C would cut the string at a NUL. A line feed in its place is refused for
     * the same reason as the NUL would be.
     */
    public static function text(string $text): string
    {
        return \strtr($text, "\0", "\n");
    }

    /**
     * Keeps a number that C's 32 bits cannot hold from becoming another one: the library refuses the limits.
     */
    public static function int32(int $number): int
    {
        return \max(-0x80000000, \min($number, 0x7fffffff));
    }

    /**
     * @throws InvalidArgumentException if it is negative
     */
    public static function unsigned(int $number, string $subject): int
    {
        if ($number < 0) {
            throw new InvalidArgumentException("$subject: it is negative", Status::Invalid);
        }
        return \min($number, 0xffffffff);
    }
}

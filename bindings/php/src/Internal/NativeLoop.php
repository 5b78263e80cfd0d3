<?php

declare(strict_types=1);

namespace Wsc\Internal;

use FFI\CData;
use Wsc\Exception\ForkedException;
use Wsc\Exception\InvalidArgumentException;
use Wsc\Exception\SystemException;
use Wsc\Exception\WscException;
use Wsc\MessageType;
use Wsc\Part;
use Wsc\Phase;
use Wsc\Status;

/**
 * Owns a wsc_loop_t, and the stream on its readiness fd.
 *
 * @internal
 */
final class NativeLoop
{
    /** Events per poll. More costs memory and brings nothing measurable. */
    private const BATCH = 256;

    public readonly CData $handle;

    /** Whether a connection may receive messages in parts: reading where it is the case costs a little. */
    public bool $hasParts = false;

    private readonly \FFI $ffi;

    private readonly CData $events;

    /** @var list<CData> the elements of $events: indexing makes an object each time */
    private readonly array $slots;

    /** @var list<CData> their `data` fields, aliased: reading one from the element makes an object, too */
    private readonly array $data;

    private readonly CData $count;

    private readonly CData $countAddress;

    /** The process that made it. */
    private readonly int|false $owner;

    /** @var resource|null */
    private $stream = null;

    /**
     * @throws WscException
     */
    public function __construct()
    {
        $this->ffi = Library::get();
        $this->events = $this->ffi->new('wsc_event_t[' . self::BATCH . ']');
        $slots = $data = [];
        for ($i = 0; $i < self::BATCH; ++$i) {
            $slots[] = $slot = $this->events[$i];
            // By value it would be the pointer of now, by reference it is the field.
            $field = &$slot->data;
            $data[] = $field;
            unset($field);
        }
        $this->slots = $slots;
        $this->data = $data;
        $this->count = $this->ffi->new('size_t');
        $this->countAddress = \FFI::addr($this->count);
        $handle = $this->ffi->new('wsc_loop_t *');
        Failure::check(
            $this->ffi->wsc_loop_new($this->ffi->WSC_CALLBACKS_ON_DISPATCH, \FFI::addr($handle)),
            'the event loop'
        );
        $this->handle = $handle;
        $this->owner = \getmypid();
    }

    public function __destruct()
    {
        // The stream has its own copy of the fd, which epoll would go on
        // reporting for ever if the loop went first.
        if (\is_resource($this->stream)) {
            \fclose($this->stream);
        }
        $this->ffi->wsc_loop_free($this->handle);
    }

    /**
     * Whether another process made it, and this one inherited it by fork.
     */
    public function isForked(): bool
    {
        return \getmypid() !== $this->owner;
    }

    /**
     * @throws ForkedException
     */
    public function requireOwner(): void
    {
        if ($this->isForked()) {
            throw new ForkedException(
                'The event loop belongs to the parent process. Make connections after the fork.',
                Status::Forked
            );
        }
    }

    /**
     * Waits until there are events, at most so long, and copies them.
     *
     * @return list<Event|Messages>
     *
     * @throws WscException
     */
    public function poll(int $milliseconds): array
    {
        $status = $this->ffi->wsc_loop_poll(
            $this->handle,
            $this->events,
            self::BATCH,
            $milliseconds,
            $this->countAddress
        );
        if ($status !== 0) {
            throw Failure::of(Status::of($status), 'the event loop');
        }
        $left = $this->count->cdata;
        $fields = $this->data;
        $hasParts = $this->hasParts;
        $items = [];
        $lastId = $lastType = 0;
        foreach ($this->slots as $i => $slot) {
            if (--$left < 0) {
                break;
            }
            $id = $slot->conn_id;
            // 0 unless it is a message.
            $type = $slot->message_type;
            if ($type === 0) {
                $event = self::event($slot);
                if ($event !== null) {
                    $items[] = $event;
                }
                $lastType = 0;
                continue;
            }
            $part = $hasParts ? $slot->part : 0;
            if ($type !== $lastType || $id !== $lastId || $part !== 0) {
                $messages = new Messages(
                    $id,
                    $type === 1 ? MessageType::Text : MessageType::Binary,
                    $part === 0 ? Part::Whole : Part::from($part)
                );
                $items[] = $messages;
                $payloads = &$messages->payloads;
                $lastId = $id;
                $lastType = $part === 0 ? $type : 0;
            }
            $data = $fields[$i];
            $payloads[] = \FFI::string($data, $slot->len);
        }
        return $items;
    }

    /**
     * How long the program may be away before the library's thread does the work.
     *
     * @throws WscException
     */
    public function setStandbyGrace(float $seconds): void
    {
        $subject = 'setStandbyGrace()';
        Failure::check(
            $this->ffi->wsc_loop_set_standby_grace($this->handle, Duration::milliseconds($seconds, $subject)),
            $subject
        );
    }

    /**
     * How long `poll` stays awake before it sleeps.
     *
     * @throws WscException
     */
    public function setBusyPoll(float $seconds): void
    {
        if (!($seconds >= 0 && $seconds * 1e6 <= 0xffffffff)) {
            throw new InvalidArgumentException('setBusyPoll(): the time is negative or too long', Status::Invalid);
        }
        Failure::check($this->ffi->wsc_loop_set_busy_poll($this->handle, (int) \ceil($seconds * 1e6)), 'setBusyPoll()');
    }

    /**
     * Makes the loop's stream readable, and ends a wait in `poll`.
     */
    public function wake(): void
    {
        $this->ffi->wsc_loop_wake($this->handle);
    }

    /**
     * Writes what is queued for sending, as far as the sockets take it.
     */
    public function flush(): void
    {
        $this->ffi->wsc_loop_flush($this->handle);
    }

    /**
     * A stream that is readable while there is work or an event.
     *
     * @return resource
     *
     * @throws WscException
     */
    public function stream()
    {
        if (!\is_resource($this->stream)) {
            $stream = @\fopen('php://fd/' . $this->ffi->wsc_loop_fd($this->handle), 'r');
            if ($stream === false) {
                throw new SystemException(
                    'No stream can be made of the loop\'s fd: ' . (\error_get_last()['message'] ?? 'unknown'),
                    Status::System
                );
            }
            \stream_set_blocking($stream, false);
            \stream_set_read_buffer($stream, 0);
            $this->stream = $stream;
        }
        return $this->stream;
    }

    /**
     * @return Event|null null: a type that only a newer package knows
     */
    private static function event(CData $slot): ?Event
    {
        $type = EventType::tryFrom($slot->type);
        return $type === null ? null : new Event(
            $slot->conn_id,
            $type,
            $slot->len === 0 ? '' : \FFI::string($slot->data, $slot->len),
            Status::of($slot->status),
            Phase::tryFrom($slot->phase) ?? Phase::None,
            $slot->code,
            $slot->clean !== 0,
            $slot->by_peer !== 0,
            $slot->unsent,
            $slot->attempt
        );
    }
}

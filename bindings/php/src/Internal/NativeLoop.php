<?php

declare(strict_types=1);

namespace Wsc\Internal;

use FFI\CData;
use Wsc\Exception\ForkedException;
use Wsc\Exception\InvalidArgumentException;
use Wsc\Exception\SystemException;
use Wsc\Exception\WscException;
use Wsc\Status;

/**
 * Owns a wsc_loop_t, and the stream on its readiness fd.
 *
 * @internal
 */
final class NativeLoop
{
    /** Null when it is freed: see NativeConnection. */
    public ?CData $handle;

    private readonly \FFI $ffi;

    public readonly Batch $batch;

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
        $this->batch = new Batch($this->ffi);
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
        $handle = $this->handle;
        $this->handle = null;
        $this->ffi->wsc_loop_free($handle);
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
     * Waits until there are events for the batch, at most so long.
     *
     * @throws WscException
     */
    public function poll(int $milliseconds): void
    {
        $batch = $this->batch;
        $status = $this->ffi->wsc_loop_poll(
            $this->handle,
            $batch->events,
            Batch::SIZE,
            $milliseconds,
            $this->countAddress
        );
        if ($status !== 0) {
            throw Failure::of(Status::of($status), 'the event loop');
        }
        $batch->next = 0;
        $batch->count = $this->count->cdata;
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
}

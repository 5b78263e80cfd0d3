<?php

declare(strict_types=1);

namespace Wsc\Workerman\Internal;

use Wsc\Internal\NativeConnection;
use Wsc\MessageType;

/**
 * What an AsyncTcpConnection knows of its present attempt, or of the one that messages are queued for.
 *
 * @internal
 */
final class Attempt
{
    /** Whether it is libwsc that carries the connection. */
    public bool $isWebSocket = false;

    public ?NativeConnection $native = null;

    /** Whether the status lets `send` take messages. */
    public bool $accepting = true;

    /** Whether the handshake is done. */
    public bool $open = false;

    public bool $paused = false;

    public bool $automaticPong = true;

    /** The type of the message that is being sent in fragments. */
    public MessageType $fragmented = MessageType::Text;

    /** Messages that were accepted. */
    public int $accepted = 0;

    /** Bytes that waited when it was last asked. */
    public int $queued = 0;

    /** Whether the library tells when the queue is empty again. */
    public bool $drainIsTold = false;

    /** What maxPackageSize was when the library was told. */
    public mixed $receiveLimit = null;

    /** How many messages more do not make the bytes be counted anew. */
    public int $uncounted = 0;

    /** When, by hrtime, one makes the bytes be counted anew. */
    public int $countAt = 0;

    /** @var array{int, int} bytes read and written by earlier attempts */
    public array $earlierBytes = [0, 0];

    /** The timer of a reconnect, or of `end`. */
    public int|false $delay = false;
}

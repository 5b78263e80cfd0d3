<?php

declare(strict_types=1);

namespace Wsc;

/**
 * What a connection counts, over all its attempts.
 *
 * @see Connection::counter()
 */
enum Counter: int
{
    case BytesReceived = 1;
    case BytesSent = 2;
    case MessagesReceived = 3;
    case MessagesSent = 4;
    case PingsReceived = 5;
    case PingsSent = 6;
    case PongsReceived = 7;
    case PongsSent = 8;
    /** The last ping's round trip in microseconds; 0 until one was measured. */
    case RoundTripUs = 9;
    /** No count: the bytes that the connection holds now. */
    case MemoryBytes = 10;
}

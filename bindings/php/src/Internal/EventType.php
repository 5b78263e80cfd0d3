<?php

declare(strict_types=1);

namespace Wsc\Internal;

/**
 * @internal
 */
enum EventType: int
{
    case Connect = 1;
    case Handshake = 2;
    case Message = 3;
    case Ping = 4;
    case Pong = 5;
    case BufferFull = 6;
    case BufferDrain = 7;
    case Error = 8;
    case Close = 9;
    case Reconnect = 10;

    /**
     * Whether it is about what was sent, not about what was received.
     */
    public function isAboutSending(): bool
    {
        return $this === self::BufferFull || $this === self::BufferDrain;
    }
}

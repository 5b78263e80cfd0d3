<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\Phase;
use Wsc\Status;

/**
 * Anything but a message that befell a connection. Fields that the type does not use are empty.
 *
 * @internal
 */
final class Event
{
    public function __construct(
        public readonly int $id,
        public readonly EventType $type,
        public readonly string $data,
        public readonly Status $status,
        public readonly Phase $phase,
        public readonly int $code,
        public readonly bool $clean,
        public readonly bool $byPeer,
        public readonly int $unsent,
        public readonly int $attempt
    ) {
    }

    /**
     * Whether a paused connection does not receive it, as it does not receive messages.
     */
    public function isControlFrame(): bool
    {
        return $this->type === EventType::Ping || $this->type === EventType::Pong;
    }

    public function isEnd(): bool
    {
        return $this->type === EventType::Error || $this->type === EventType::Close;
    }
}

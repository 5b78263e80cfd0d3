<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\MessageType;
use Wsc\Part;

/**
 * A message that could not be handed out while it was in the library's memory.
 *
 * @internal
 */
final class Message
{
    public function __construct(
        public readonly int $id,
        public readonly string $data,
        public readonly MessageType $type,
        public readonly Part $part
    ) {
    }
}

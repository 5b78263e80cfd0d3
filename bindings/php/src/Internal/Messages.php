<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\MessageType;
use Wsc\Part;

/**
 * Messages of one type that one connection received in a row: in a flood they
 * cost less together than as an object each. Those from `next` on are waiting. Parts of a message
 * come one by one.
 *
 * @internal
 */
final class Messages
{
    public int $next = 0;

    /** @var list<string> */
    public array $payloads = [];

    public function __construct(
        public readonly int $id,
        public readonly MessageType $type,
        public readonly Part $part
    ) {
    }

    /**
     * Moves those that are waiting to an object of their own.
     */
    public function split(): self
    {
        $rest = new self($this->id, $this->type, $this->part);
        $rest->payloads = \array_slice($this->payloads, $this->next);
        $this->payloads = [];
        return $rest;
    }
}

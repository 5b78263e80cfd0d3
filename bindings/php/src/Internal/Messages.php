<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\MessageType;

/**
 * Messages of one type that one connection received in a row: in a flood they
 * cost less together than as an object each. Those from `next` on are waiting.
 *
 * @internal
 */
final class Messages
{
    public int $next = 0;

    /** @var list<string> */
    public array $payloads = [];

    public function __construct(public readonly int $id, public readonly MessageType $type)
    {
    }

    /**
     * Moves those that are waiting to an object of their own.
     */
    public function split(): self
    {
        $rest = new self($this->id, $this->type);
        $rest->payloads = \array_slice($this->payloads, $this->next);
        $this->payloads = [];
        return $rest;
    }
}

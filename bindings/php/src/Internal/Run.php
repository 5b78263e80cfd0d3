<?php

declare(strict_types=1);

namespace Wsc\Internal;

use FFI\CData;
use Wsc\MessageType;

/**
 * Whole messages of one type that one connection received in a row: in a flood they cost less together than one
 * by one. They are in the library's memory still; those from `next` up to `end` wait.
 *
 * A callback may throw, suspend its Fiber, or have further events delivered: `next` moves before it runs, and both
 * are read anew after it. A signal handler may do so anywhere: `next` moves before it is compared.
 *
 * @internal
 */
final class Run
{
    /**
     * @param list<CData> $slots the batch's, and so the next one
     * @param list<CData> $data
     */
    public function __construct(
        public readonly array $slots,
        public readonly array $data,
        public int $next,
        public int $end,
        public readonly int $id,
        public readonly MessageType $type
    ) {
    }
}

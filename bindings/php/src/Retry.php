<?php

declare(strict_types=1);

namespace Wsc;

/**
 * Whether another attempt can help.
 *
 * @see Report::$retry
 */
enum Retry: int
{
    /** The same would happen again. */
    case Never = 0;
    /** After a while. */
    case Later = 1;
    /** At once. */
    case Now = 2;
}

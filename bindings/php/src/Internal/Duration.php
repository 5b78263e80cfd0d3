<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\Exception\InvalidArgumentException;
use Wsc\Status;

/**
 * PHP counts in seconds, the library in whole milliseconds.
 *
 * @internal
 */
final class Duration
{
    /** The library's WSC_FOREVER. */
    public const FOREVER = -1;

    private const LONGEST = 0x7fffffff;

    /**
     * Rounded up, so that a short time does not become none. INF is FOREVER.
     *
     * @param string $subject the argument or property, for the message
     *
     * @throws InvalidArgumentException
     */
    public static function milliseconds(float $seconds, string $subject): int
    {
        return match (true) {
            // The timeout of every dispatch in another loop.
            $seconds === 0.0 => 0,
            $seconds === \INF => self::FOREVER,
            $seconds >= 0.0 => (int) \min(\ceil($seconds * 1000), self::LONGEST),
            default => throw new InvalidArgumentException(
                $subject . ': neither a negative number nor NAN is a time',
                Status::Invalid
            ),
        };
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\Exception\ForkedException;
use Wsc\Exception\InvalidArgumentException;
use Wsc\Exception\StateException;
use Wsc\Exception\SystemException;
use Wsc\Exception\WscException;
use Wsc\Status;

/**
 * Turns a status into the exception of its group.
 *
 * @internal
 */
final class Failure
{
    /**
     * @param string $subject the call, argument or property that the status is about
     *
     * @throws WscException
     */
    public static function check(int $status, string $subject): void
    {
        if ($status !== Status::Ok->value) {
            throw self::of(Status::of($status), $subject);
        }
    }

    public static function of(
        Status $status,
        string $subject
    ): InvalidArgumentException|StateException|ForkedException|SystemException {
        if ($status === Status::Null) {
            // No other pointer that is given to the library can be NULL.
            return new StateException("$subject: PHP has destroyed the object, at the end of the process or as garbage", $status);
        }
        $message = $subject . ': ' . $status->text();
        return match (true) {
            $status === Status::Forked => new ForkedException($message, $status),
            $status->value < 20 => new InvalidArgumentException($message, $status),
            $status->value < 40 => new StateException($message, $status),
            default => new SystemException($message, $status),
        };
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Exception;

/**
 * An argument or a property has a value that cannot be used. Nothing was changed or sent.
 */
final class InvalidArgumentException extends \InvalidArgumentException implements WscException
{
    use HasStatus;
}

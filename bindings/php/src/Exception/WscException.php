<?php

declare(strict_types=1);

namespace Wsc\Exception;

use Wsc\Status;

/**
 * Every exception of this package.
 */
interface WscException extends \Throwable
{
    /**
     * The library's status; its number is the exception's code, too. Null if
     * the library itself could not be had.
     */
    public function getStatus(): ?Status;
}

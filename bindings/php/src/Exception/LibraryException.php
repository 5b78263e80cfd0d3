<?php

declare(strict_types=1);

namespace Wsc\Exception;

use Wsc\Status;

/**
 * The shared library cannot be used from here; the message says what to do.
 */
final class LibraryException extends \RuntimeException implements WscException
{
    public function getStatus(): ?Status
    {
        return null;
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Exception;

/**
 * The operating system refused a resource, or the library failed.
 */
final class SystemException extends \RuntimeException implements WscException
{
    use HasStatus;
}

<?php

declare(strict_types=1);

namespace Wsc\Exception;

/**
 * The object was made before a fork, by the parent process, which still owns it.
 */
final class ForkedException extends \LogicException implements WscException
{
    use HasStatus;
}

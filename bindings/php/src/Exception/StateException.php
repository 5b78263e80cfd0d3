<?php

declare(strict_types=1);

namespace Wsc\Exception;

/**
 * The connection's state does not allow the call.
 */
final class StateException extends \LogicException implements WscException
{
    use HasStatus;
}

<?php

declare(strict_types=1);

namespace Wsc\Exception;

use Wsc\Status;

/**
 * @internal
 */
trait HasStatus
{
    public function __construct(string $message, private readonly Status $status)
    {
        parent::__construct($message, $status->value);
    }

    public function getStatus(): Status
    {
        return $this->status;
    }
}

<?php

declare(strict_types=1);

namespace Wsc;

/**
 * What becomes of messages that have not left when an attempt ends and another one follows.
 *
 * @see AutoReconnect
 */
enum QueuePolicy: int
{
    /** They are lost, and counted for onClose. */
    case Drop = 1;
    /** They wait for the next attempt. */
    case Keep = 2;
    /** The same, for a limited time. */
    case Expire = 3;
}

<?php

declare(strict_types=1);

namespace Wsc;

/**
 * The settings of an AsyncTcpConnection that Workerman has no names for.
 *
 * @see Workerman\AsyncTcpConnection::$wsc
 */
final class Settings
{
    use HasSettings {
        writeSettings as public;
    }
}

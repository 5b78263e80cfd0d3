<?php

declare(strict_types=1);

namespace Wsc;

/**
 * How far an attempt had come when it failed or ended.
 */
enum Phase: int
{
    case None = 0;
    case Dns = 1;
    case Tcp = 2;
    case Proxy = 3;
    case Tls = 4;
    case Upgrade = 5;
    case Open = 6;
    case Closing = 7;
}

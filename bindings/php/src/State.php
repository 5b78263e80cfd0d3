<?php

declare(strict_types=1);

namespace Wsc;

enum State: int
{
    case Initial = 0;
    case Connecting = 1;
    case Open = 2;
    case Closing = 3;
    case Closed = 4;
    /** A reconnect is scheduled. */
    case Waiting = 5;
}

<?php

declare(strict_types=1);

namespace Wsc;

enum MessageType: int
{
    case Text = 1;
    case Binary = 2;
}

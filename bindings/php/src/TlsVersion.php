<?php

declare(strict_types=1);

namespace Wsc;

enum TlsVersion: int
{
    case Tls12 = 771;
    case Tls13 = 772;
}

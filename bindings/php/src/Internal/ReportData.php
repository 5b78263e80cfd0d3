<?php

declare(strict_types=1);

namespace Wsc\Internal;

/**
 * @internal
 */
enum ReportData: int
{
    case Reason = 1;
    case Addresses = 2;
    case Head = 3;
    case Body = 4;
    case PeerCertificate = 5;
    case Alpn = 6;
}

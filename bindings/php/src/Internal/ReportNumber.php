<?php

declare(strict_types=1);

namespace Wsc\Internal;

/**
 * @internal
 */
enum ReportNumber: int
{
    case Attempt = 1;
    case Phase = 2;
    case Status = 3;
    case OsError = 4;
    case HttpStatus = 5;
    case ProxyStatus = 6;
    case Retry = 7;
    case RetryAfterMs = 8;
    case Redirects = 9;
    case TlsVersion = 10;
    case DnsUs = 11;
    case TcpUs = 12;
    case ProxyUs = 13;
    case TlsUs = 14;
    case UpgradeUs = 15;
    case OpenUs = 16;
}

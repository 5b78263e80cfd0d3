<?php

declare(strict_types=1);

namespace Wsc;

use Wsc\Internal\Library;

/**
 * Why a call was refused or a connection failed: the library's wsc_status_t.
 */
enum Status: int
{
    case Ok = 0;

    // The caller's mistake.
    case Null = 1;
    case Invalid = 2;
    case Url = 3;
    case UrlScheme = 4;
    case UrlPort = 5;
    case HeaderName = 6;
    case HeaderValue = 7;
    case Subprotocol = 8;
    case Origin = 9;
    case CloseCode = 10;
    case CloseReason = 11;
    case Utf8 = 12;
    case TooBig = 13;
    case Mode = 14;
    case Pem = 15;
    case Passphrase = 16;
    case KeyMismatch = 17;
    case File = 18;

    // State and flow.
    case State = 20;
    case Busy = 21;
    case QueueFull = 22;
    case Timeout = 23;
    case Forked = 24;
    case Aborted = 25;
    case NotFound = 26;

    // Network.
    case Dns = 40;
    case Refused = 41;
    case Unreachable = 42;
    case Reset = 43;
    case Closed = 44;
    case Io = 45;
    case System = 46;
    case Proxy = 47;
    case ProxyAuth = 48;
    case ProxyProtocol = 49;

    // TLS.
    case Tls = 60;
    case Certificate = 61;
    case CertificateExpired = 62;
    case CertificateSelfSigned = 63;
    case CertificateIssuer = 64;
    case CertificateName = 65;
    case CertificateRevoked = 66;
    case Pin = 67;
    case TlsVersion = 68;

    // HTTP and WebSocket.
    case Http = 80;
    case HttpStatus = 81;
    case Upgrade = 82;
    case Accept = 83;
    case HeaderTooBig = 84;
    case SubprotocolMismatch = 85;
    case ExtensionMismatch = 86;
    case Protocol = 87;
    case MessageTooBig = 88;
    case PeerUtf8 = 89;
    case Redirect = 90;

    // A fault of the library.
    case Panic = 100;

    /**
     * The status with this number. A number that a newer library has added
     * becomes the general status of its group.
     *
     * @internal
     */
    public static function of(int $number): self
    {
        return self::tryFrom($number) ?? match (true) {
            $number >= 100 => self::Panic,
            $number >= 80 => self::Protocol,
            $number >= 60 => self::Tls,
            $number >= 40 => self::Io,
            $number >= 20 => self::State,
            default => self::Invalid,
        };
    }

    /**
     * The library's sentence for this status.
     */
    public function text(): string
    {
        return Library::get()->wsc_status_str($this->value);
    }
}

<?php

declare(strict_types=1);

namespace Wsc;

use Wsc\Exception\WscException;
use Wsc\Internal\NativeConnection;
use Wsc\Internal\ReportData;
use Wsc\Internal\ReportNumber;

/**
 * What is known of a connection's last attempt, good or bad. It is complete from onClose on.
 *
 * Times are seconds, 0 for phases that were not reached.
 *
 * @see Connection::getReport()
 */
final class Report
{
    /**
     * @param int $attempt its number; 0: there was none yet
     * @param Phase $phase how far it came
     * @param Status $status why it ended; Ok until then
     * @param string $reason what failed, in words; '' if nothing did
     * @param int $osError the errno of the failure, 0 if it was none of the system's
     * @param int $httpStatus of the server's answer, 0 if there was none
     * @param int $proxyStatus the HTTP status or SOCKS code of a proxy that refused, or 0
     * @param Retry $retry whether another attempt can help
     * @param float $retryAfter seconds that the server asked to wait, or 0
     * @param int $redirects how many were followed
     * @param array<string, string|null> $addresses those tried, in order, with what went wrong
     * @param Response|null $response the server's answer
     * @param string $body the first 4096 bytes of an answer that refused
     * @param TlsVersion|null $tlsVersion the version in use
     * @param string|null $peerCertificate the server's, in DER
     * @param string|null $alpn the protocol agreed on in TLS
     * @param string|null $subprotocol the one that the server chose
     * @param string|null $extensions the ones that the server chose, with their parameters
     * @param float $openTime how long the connection was open
     */
    private function __construct(
        public readonly int $attempt,
        public readonly Phase $phase,
        public readonly Status $status,
        public readonly string $reason,
        public readonly int $osError,
        public readonly int $httpStatus,
        public readonly int $proxyStatus,
        public readonly Retry $retry,
        public readonly float $retryAfter,
        public readonly int $redirects,
        public readonly array $addresses,
        public readonly ?Response $response,
        public readonly string $body,
        public readonly ?TlsVersion $tlsVersion,
        public readonly ?string $peerCertificate,
        public readonly ?string $alpn,
        public readonly ?string $subprotocol,
        public readonly ?string $extensions,
        public readonly float $dnsTime,
        public readonly float $tcpTime,
        public readonly float $proxyTime,
        public readonly float $tlsTime,
        public readonly float $upgradeTime,
        public readonly float $openTime
    ) {
    }

    /**
     * @internal
     *
     * @throws WscException
     */
    public static function of(NativeConnection $native): self
    {
        $seconds = static fn (ReportNumber $time): float => $native->reportNumber($time) / 1e6;
        $head = $native->reportData(ReportData::Head);
        return new self(
            attempt: $native->reportNumber(ReportNumber::Attempt),
            phase: Phase::tryFrom($native->reportNumber(ReportNumber::Phase)) ?? Phase::None,
            status: Status::of($native->reportNumber(ReportNumber::Status)),
            reason: $native->reportData(ReportData::Reason),
            osError: $native->reportNumber(ReportNumber::OsError),
            httpStatus: $native->reportNumber(ReportNumber::HttpStatus),
            proxyStatus: $native->reportNumber(ReportNumber::ProxyStatus),
            retry: Retry::tryFrom($native->reportNumber(ReportNumber::Retry)) ?? Retry::Later,
            retryAfter: $native->reportNumber(ReportNumber::RetryAfterMs) / 1e3,
            redirects: $native->reportNumber(ReportNumber::Redirects),
            addresses: self::addresses($native->reportData(ReportData::Addresses)),
            response: $head === '' ? null : new Response($head),
            body: $native->reportData(ReportData::Body),
            tlsVersion: TlsVersion::tryFrom($native->reportNumber(ReportNumber::TlsVersion)),
            peerCertificate: self::nullIfEmpty($native->reportData(ReportData::PeerCertificate)),
            alpn: self::nullIfEmpty($native->reportData(ReportData::Alpn)),
            subprotocol: self::nullIfEmpty($native->subprotocol()),
            extensions: self::nullIfEmpty($native->extensions()),
            dnsTime: $seconds(ReportNumber::DnsUs),
            tcpTime: $seconds(ReportNumber::TcpUs),
            proxyTime: $seconds(ReportNumber::ProxyUs),
            tlsTime: $seconds(ReportNumber::TlsUs),
            upgradeTime: $seconds(ReportNumber::UpgradeUs),
            openTime: $seconds(ReportNumber::OpenUs)
        );
    }

    /**
     * The server's certificate, as openssl_x509_parse takes it.
     */
    public function peerCertificatePem(): ?string
    {
        return $this->peerCertificate === null ? null : "-----BEGIN CERTIFICATE-----\n"
            . \chunk_split(\base64_encode($this->peerCertificate), 64, "\n") . "-----END CERTIFICATE-----\n";
    }

    /**
     * @return array<string, string|null>
     */
    private static function addresses(string $lines): array
    {
        $addresses = [];
        foreach (\explode("\n", \trim($lines)) as $line) {
            if ($line !== '') {
                [$address, $error] = \explode(': ', $line, 2) + [1 => null];
                $addresses[$address] = $error;
            }
        }
        return $addresses;
    }

    private static function nullIfEmpty(string $text): ?string
    {
        return $text === '' ? null : $text;
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Workerman\Internal;

use Wsc\Exception\InvalidArgumentException;
use Wsc\Status;

/**
 * Takes PHP's stream context options, and Workerman's proxy properties, to the library.
 *
 * What the library cannot do is refused, lest a connection be less secure than its options say. Options
 * that are not listed have no effect on a client.
 *
 * @internal
 */
final class SocketContext
{
    /** TLS options, each with the values that ask for what the library does anyway. */
    private const TLS = [
        'verify_peer' => [true, 1],
        'verify_peer_name' => [true, 1],
        'allow_self_signed' => [false, 0, null],
        'SNI_enabled' => [true, 1],
        'cafile' => [null, ''],
        'capath' => [null, ''],
        'local_cert' => [null, ''],
        'local_pk' => [null, ''],
        'passphrase' => [null, ''],
        'peer_name' => [null, ''],
        'peer_fingerprint' => [null, ''],
        'alpn_protocols' => [null, ''],
        'ciphers' => [null, '', 'DEFAULT'],
        'security_level' => [null],
        'verify_depth' => [null],
        'capture_peer_cert' => [false, 0, null],
        'capture_peer_cert_chain' => [false, 0, null],
    ];

    private const SOCKET = [
        'bindto' => [null, '', '0:0', '0.0.0.0:0'],
    ];

    /**
     * @param array<mixed> $context as for stream_context_create
     *
     * @throws InvalidArgumentException
     */
    public static function check(array $context, bool $tls, string $host): void
    {
        if ($tls) {
            self::checkOptions('ssl', $context['ssl'] ?? [], ['peer_name' => [null, '', $host]] + self::TLS);
        }
        self::checkOptions('socket', $context['socket'] ?? [], self::SOCKET);
    }

    /**
     * @param array<string, mixed> $proxies property => value
     *
     * @throws InvalidArgumentException
     */
    public static function checkProxies(array $proxies): void
    {
        foreach ($proxies as $property => $value) {
            if ($value !== null && $value !== '') {
                throw self::unsupported($property);
            }
        }
    }

    /**
     * @param array<string, list<mixed>> $known
     *
     * @throws InvalidArgumentException
     */
    private static function checkOptions(string $wrapper, mixed $options, array $known): void
    {
        foreach (\is_array($options) ? $options : [] as $name => $value) {
            if (isset($known[$name]) && !\in_array($value, $known[$name], true)) {
                throw self::unsupported("socket context $wrapper.$name");
            }
        }
    }

    private static function unsupported(string $option): InvalidArgumentException
    {
        return new InvalidArgumentException("$option: this version of libwsc does not support it", Status::Invalid);
    }
}

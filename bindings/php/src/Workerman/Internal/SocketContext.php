<?php

declare(strict_types=1);

namespace Wsc\Workerman\Internal;

use Wsc\Exception\InvalidArgumentException;
use Wsc\Exception\WscException;
use Wsc\Internal\NativeConnection;
use Wsc\Status;

/**
 * Takes PHP's stream context options to the library.
 *
 * What the library cannot do is refused, lest a connection be less secure than its options say. Options
 * that are not listed have no effect on a client.
 *
 * @internal
 */
final class SocketContext
{
    /** Options without a setting, and the values that ask for what the library does anyway. */
    private const REFUSED = [
        'verify_peer_name' => [true, 1, null],
        'allow_self_signed' => [false, 0, null],
        'capath' => [null, ''],
        'ciphers' => [null, '', 'DEFAULT'],
        'security_level' => [null],
        'verify_depth' => [null],
        'capture_peer_cert' => [false, 0, null],
        'capture_peer_cert_chain' => [false, 0, null],
    ];

    /** The library's WSC_PIN_CERTIFICATE. */
    private const PIN_CERTIFICATE = 1;

    /**
     * @param array<mixed> $context as for stream_context_create
     *
     * @throws WscException
     */
    public static function apply(NativeConnection $native, array $context, bool $tls): void
    {
        $address = self::text($context, 'socket', 'bindto');
        if ($address !== '' && $address !== '0:0') {
            $native->setText('wsc_conn_set_local_address', $address, 'socket context socket.bindto');
        }
        if ($tls) {
            self::applyTls($native, $context);
        }
    }

    /**
     * @param array<mixed> $context
     *
     * @throws WscException
     */
    private static function applyTls(NativeConnection $native, array $context): void
    {
        $options = \is_array($context['ssl'] ?? null) ? $context['ssl'] : [];
        // The next attempt's settings begin by taking them back.
        $native->begin('tls', $options !== []);
        if (isset($options['verify_peer']) && !$options['verify_peer']) {
            $native->call('wsc_conn_set_tls_danger_accept_anything', 'socket context ssl.verify_peer', true);
            unset($options['verify_peer_name'], $options['allow_self_signed']);
            unset($options['capath'], $options['verify_depth']);
        }
        foreach (self::REFUSED as $name => $harmless) {
            if (isset($options[$name]) && !\in_array($options[$name], $harmless, true)) {
                throw new InvalidArgumentException(
                    "socket context ssl.$name: libwsc has nothing like it",
                    Status::Invalid
                );
            }
        }
        $authorities = self::text($context, 'ssl', 'cafile');
        if ($authorities !== '') {
            // As in PHP, they take the place of the system's.
            $native->call('wsc_conn_set_tls_system_roots', 'socket context ssl.cafile', false);
            $native->call('wsc_conn_add_tls_ca_file', 'socket context ssl.cafile', NativeConnection::text($authorities));
        }
        $certificate = self::text($context, 'ssl', 'local_cert');
        if ($certificate !== '') {
            $key = self::text($context, 'ssl', 'local_pk');
            $passphrase = self::text($context, 'ssl', 'passphrase');
            $native->call(
                'wsc_conn_set_tls_identity_files',
                'socket context ssl.local_cert',
                NativeConnection::text($certificate),
                $key === '' ? null : NativeConnection::text($key),
                $passphrase === '' ? null : NativeConnection::text($passphrase)
            );
        }
        $name = self::text($context, 'ssl', 'peer_name');
        if ($name !== '') {
            $native->call('wsc_conn_set_tls_server_name', 'socket context ssl.peer_name', NativeConnection::text($name));
            $native->call('wsc_conn_set_tls_verify_name', 'socket context ssl.peer_name', NativeConnection::text($name));
        }
        if (isset($options['SNI_enabled']) && !$options['SNI_enabled']) {
            $native->call('wsc_conn_set_tls_server_name', 'socket context ssl.SNI_enabled', '');
        }
        $protocols = self::text($context, 'ssl', 'alpn_protocols');
        if ($protocols !== '') {
            $native->call('wsc_conn_set_tls_alpn', 'socket context ssl.alpn_protocols', NativeConnection::text($protocols));
        }
        self::applyFingerprint($native, $options['peer_fingerprint'] ?? null);
    }

    /**
     * @param mixed $fingerprint a digest in hexadecimal, or algorithm => digest
     *
     * @throws WscException
     */
    private static function applyFingerprint(NativeConnection $native, mixed $fingerprint): void
    {
        foreach ($fingerprint === null || $fingerprint === '' ? [] : (array) $fingerprint as $algorithm => $digest) {
            $isSha256 = \is_string($digest) && \preg_match('/^[0-9a-f]{64}$/Di', $digest) === 1
                && ($algorithm === 'sha256' || \is_int($algorithm));
            if (!$isSha256) {
                throw new InvalidArgumentException(
                    'socket context ssl.peer_fingerprint: only SHA-256 is safe enough',
                    Status::Invalid
                );
            }
            $native->call(
                'wsc_conn_add_tls_pin',
                'socket context ssl.peer_fingerprint',
                self::PIN_CERTIFICATE,
                (string) \hex2bin($digest),
                32
            );
        }
    }

    /**
     * @param array<mixed> $context
     */
    private static function text(array $context, string $wrapper, string $name): string
    {
        $options = $context[$wrapper] ?? null;
        $value = \is_array($options) ? $options[$name] ?? '' : '';
        return \is_scalar($value) || $value instanceof \Stringable ? (string) $value : '';
    }
}

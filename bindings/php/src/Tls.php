<?php

declare(strict_types=1);

namespace Wsc;

use Wsc\Exception\InvalidArgumentException;
use Wsc\Exception\WscException;
use Wsc\Internal\NativeConnection;

/**
 * How a wss:// connection is secured. Whatever is not given is as it should be: the system's certificates are
 * trusted, the server's name is checked.
 *
 * `connect` and `reConnect` read the files, and say what is wrong with them.
 */
final class Tls
{
    private const SHA256_BYTES = 32;

    /** wsc_pin_type_t */
    private const PIN_CERTIFICATE = 1;
    private const PIN_PUBLIC_KEY = 2;

    /**
     * @param list<string> $caFiles PEM files with further certificates to trust
     * @param list<string> $ca the same, in memory
     * @param bool $systemRoots whether the system's certificates are trusted
     * @param list<string> $crlFiles files with lists of revoked certificates, PEM or DER: if there is any, one must
     *     cover the server's certificate, be up to date, and be signed by a certificate of ca or caFiles
     * @param list<string> $crls the same, in memory
     * @param string|null $certificateFile PEM file of the client's certificate, and those that lead to its authority
     * @param string|null $keyFile PEM file of its key; null: the key is in certificateFile
     * @param string|null $certificate instead of certificateFile: PEM in memory
     * @param string|null $key its key; null: it is in certificate
     * @param string|null $pkcs12 instead of either: certificate and key as the bytes of a PKCS#12 file
     * @param string|null $passphrase of the key
     * @param TlsVersion $minVersion the lowest version to accept
     * @param TlsVersion $maxVersion the highest
     * @param list<string> $alpn protocols to offer
     * @param string|null $serverName the name to send in the clear (SNI), '' for none; null: the URL's host
     * @param string|null $verifyName the name or address the certificate must have; null: the URL's host
     * @param list<string> $certificatePins SHA-256 in hexadecimal: only a server with one of the pins is accepted
     * @param list<string> $publicKeyPins the same for the certificate's public key
     * @param bool $dangerAcceptAnything DANGER: accepts every certificate of anybody; only pins are still checked
     */
    public function __construct(
        public readonly array $caFiles = [],
        public readonly array $ca = [],
        public readonly bool $systemRoots = true,
        public readonly array $crlFiles = [],
        public readonly array $crls = [],
        public readonly ?string $certificateFile = null,
        public readonly ?string $keyFile = null,
        public readonly ?string $certificate = null,
        #[\SensitiveParameter] public readonly ?string $key = null,
        #[\SensitiveParameter] public readonly ?string $pkcs12 = null,
        #[\SensitiveParameter] public readonly ?string $passphrase = null,
        public readonly TlsVersion $minVersion = TlsVersion::Tls12,
        public readonly TlsVersion $maxVersion = TlsVersion::Tls13,
        public readonly array $alpn = [],
        public readonly ?string $serverName = null,
        public readonly ?string $verifyName = null,
        public readonly array $certificatePins = [],
        public readonly array $publicKeyPins = [],
        public readonly bool $dangerAcceptAnything = false
    ) {
    }

    /**
     * @internal
     *
     * @throws WscException an InvalidArgumentException names the setting that cannot be used
     */
    public static function apply(?self $settings, NativeConnection $native): void
    {
        if (!$native->begin('tls', $settings !== null)) {
            return;
        }
        $native->call('wsc_conn_reset_tls', 'tls');
        if ($settings !== null) {
            $settings->writeTrust($native);
            $settings->writeIdentity($native);
            $settings->writeNames($native);
        }
    }

    /**
     * @throws WscException
     */
    private function writeTrust(NativeConnection $native): void
    {
        $native->call('wsc_conn_set_tls_system_roots', 'tls->systemRoots', $this->systemRoots);
        foreach ($this->caFiles as $file) {
            $native->call('wsc_conn_add_tls_ca_file', "tls->caFiles '$file'", NativeConnection::text($file));
        }
        foreach ($this->ca as $pem) {
            $native->call('wsc_conn_add_tls_ca', 'tls->ca', $pem, \strlen($pem));
        }
        foreach ($this->crlFiles as $file) {
            $native->call('wsc_conn_add_tls_crl_file', "tls->crlFiles '$file'", NativeConnection::text($file));
        }
        foreach ($this->crls as $lists) {
            $native->call('wsc_conn_add_tls_crl', 'tls->crls', $lists, \strlen($lists));
        }
        $pins = ['certificatePins' => self::PIN_CERTIFICATE, 'publicKeyPins' => self::PIN_PUBLIC_KEY];
        foreach ($pins as $property => $type) {
            foreach ($this->$property as $pin) {
                $native->call('wsc_conn_add_tls_pin', "tls->$property", $type, self::sha256($pin), self::SHA256_BYTES);
            }
        }
        $native->call(
            'wsc_conn_set_tls_danger_accept_anything',
            'tls->dangerAcceptAnything',
            $this->dangerAcceptAnything
        );
        $native->call(
            'wsc_conn_set_tls_versions',
            'tls->minVersion, maxVersion',
            $this->minVersion->value,
            $this->maxVersion->value
        );
    }

    /**
     * @throws WscException
     */
    private function writeIdentity(NativeConnection $native): void
    {
        $given = \array_filter([$this->certificateFile, $this->certificate, $this->pkcs12], \is_string(...));
        if (\count($given) > 1) {
            throw new InvalidArgumentException(
                'tls: only one of certificateFile, certificate and pkcs12 can be used',
                Status::Invalid
            );
        }
        $passphrase = $this->passphrase === null ? null : NativeConnection::text($this->passphrase);
        if ($this->certificateFile !== null) {
            $native->call(
                'wsc_conn_set_tls_identity_files',
                'tls->certificateFile, keyFile',
                NativeConnection::text($this->certificateFile),
                $this->keyFile === null ? null : NativeConnection::text($this->keyFile),
                $passphrase
            );
        } elseif ($this->certificate !== null) {
            $key = $this->key ?? $this->certificate;
            $native->call(
                'wsc_conn_set_tls_identity',
                'tls->certificate, key',
                $this->certificate,
                \strlen($this->certificate),
                $key,
                \strlen($key),
                $passphrase
            );
        } elseif ($this->pkcs12 !== null) {
            $native->call(
                'wsc_conn_set_tls_pkcs12',
                'tls->pkcs12',
                $this->pkcs12,
                \strlen($this->pkcs12),
                $passphrase
            );
        }
    }

    /**
     * @throws WscException
     */
    private function writeNames(NativeConnection $native): void
    {
        $native->call('wsc_conn_set_tls_alpn', 'tls->alpn', NativeConnection::text(\implode(',', $this->alpn)));
        if ($this->serverName !== null) {
            $native->call(
                'wsc_conn_set_tls_server_name',
                'tls->serverName',
                NativeConnection::text($this->serverName)
            );
        }
        if ($this->verifyName !== null) {
            $native->call(
                'wsc_conn_set_tls_verify_name',
                'tls->verifyName',
                NativeConnection::text($this->verifyName)
            );
        }
    }

    /**
     * @throws InvalidArgumentException
     */
    private static function sha256(string $pin): string
    {
        $digits = \str_replace([':', ' '], '', $pin);
        if (\preg_match('/^[0-9a-f]{64}$/Di', $digits) !== 1) {
            throw new InvalidArgumentException(
                "tls: the pin '$pin' is no SHA-256 in hexadecimal",
                Status::Invalid
            );
        }
        return (string) \hex2bin($digits);
    }
}

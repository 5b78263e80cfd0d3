<?php

declare(strict_types=1);

namespace Wsc\Tests\Support;

/**
 * A self-signed certificate of test.example, made once per run.
 */
final class Certificate
{
    public const NAME = 'test.example';

    public const PASSPHRASE = 'open sesame';

    /** @var array<string, string> */
    private static array $files = [];

    /**
     * @return string a PEM file with the certificate and its key
     */
    public static function file(): string
    {
        return self::files()['plain'];
    }

    /**
     * @return string the same with the key encrypted
     */
    public static function encryptedFile(): string
    {
        return self::files()['encrypted'];
    }

    /**
     * @return string the PEM of the certificate alone
     */
    public static function pem(): string
    {
        openssl_x509_export('file://' . self::file(), $pem);
        return $pem;
    }

    /**
     * @return string both as PKCS#12, under the passphrase
     */
    public static function pkcs12(): string
    {
        openssl_pkcs12_export('file://' . self::file(), $pkcs12, 'file://' . self::file(), self::PASSPHRASE);
        return $pkcs12;
    }

    /**
     * @return array<string, string>
     */
    private static function files(): array
    {
        if (self::$files === []) {
            $key = openssl_pkey_new(['private_key_bits' => 2048]);
            $request = openssl_csr_new(['commonName' => self::NAME], $key);
            openssl_x509_export(openssl_csr_sign($request, null, $key, 2, ['digest_alg' => 'sha256']), $certificate);
            openssl_pkey_export($key, $plain);
            openssl_pkey_export($key, $encrypted, self::PASSPHRASE);
            self::$files = [
                'plain' => self::write($certificate . $plain),
                'encrypted' => self::write($certificate . $encrypted),
            ];
            $owner = getmypid();
            register_shutdown_function(static function () use ($owner): void {
                if (getmypid() === $owner) {
                    array_map(unlink(...), self::$files);
                }
            });
        }
        return self::$files;
    }

    private static function write(string $pem): string
    {
        $file = tempnam(sys_get_temp_dir(), 'wsc');
        file_put_contents($file, $pem);
        return $file;
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\Exception\LibraryException;

/**
 * Finds and loads the shared library, once per process. The other classes of
 * this namespace that call it get it here.
 *
 * @internal
 */
final class Library
{
    private const FILE = 'libwsc.so';

    private static ?\FFI $ffi = null;

    /**
     * @throws LibraryException
     */
    public static function get(): \FFI
    {
        if (self::$ffi === null) {
            $ffi = self::load();
            // Reading files may suspend a coroutine of Swoole; all must get the same.
            self::$ffi ??= $ffi;
        }
        return self::$ffi;
    }

    private static function load(): \FFI
    {
        if (!\extension_loaded('ffi')) {
            throw new LibraryException(
                'PHP\'s FFI extension is not loaded: install it and set "extension=ffi" in '
                . self::configuration() . '.'
            );
        }

        $chosen = (string) \getenv('WSC_LIBRARY');
        if ($chosen !== '') {
            return self::open($chosen, 'The environment variable WSC_LIBRARY names it.');
        }

        $files = [
            \dirname(__DIR__, 2) . '/lib/' . self::FILE,
            // This package inside libwsc's own repository, after `cargo build --release`.
            \dirname(__DIR__, 4) . '/target/release/' . self::FILE,
        ];
        foreach ($files as $file) {
            if (\is_file($file)) {
                return self::open($file, 'It was the first one found.');
            }
        }

        return self::open(self::FILE . '.' . self::abi(), \sprintf(
            'It is the last resort, as there is neither %s nor %s. Install libwsc, or set the environment '
            . 'variable WSC_LIBRARY to the path of %s.',
            $files[0],
            $files[1],
            self::FILE
        ));
    }

    /**
     * @param string $origin why this file and no other, for the message
     */
    private static function open(string $file, string $origin): \FFI
    {
        try {
            // The number first: a library of another ABI may lack functions of this one.
            $abi = \FFI::cdef('uint32_t wsc_abi_version(void);', $file)->wsc_abi_version();
            if ($abi !== self::abi()) {
                throw new LibraryException(\sprintf(
                    '%s has ABI %d, this package needs ABI %d: install the libwsc that belongs to the package. %s',
                    $file,
                    $abi,
                    self::abi(),
                    $origin
                ));
            }
            return \FFI::cdef(self::declarations(), $file);
        } catch (\FFI\Exception $fault) {
            throw new LibraryException(self::explain($fault->getMessage(), $file, $origin), 0, $fault);
        }
    }

    private static function explain(string $fault, string $file, string $origin): string
    {
        return match (true) {
            \str_contains($fault, 'ffi.enable') => 'PHP\'s FFI extension is switched off: set "ffi.enable=1" in '
                . self::configuration() . ' ("preload", the default, allows it on the command line only).',
            \str_starts_with($fault, 'Failed resolving') => \sprintf(
                '%s is older than this package, or not libwsc (%s): install the libwsc that belongs to the package. %s',
                $file,
                $fault,
                $origin
            ),
            default => \sprintf('%s cannot be loaded (%s). %s', $file, $fault, $origin),
        };
    }

    private static function declarations(): string
    {
        return (string) \file_get_contents(__DIR__ . '/wsc.cdef.h');
    }

    /**
     * The ABI of the declarations, which is in the library's file name as well.
     */
    private static function abi(): int
    {
        \preg_match('/\bWSC_ABI_VERSION = (\d+)/', self::declarations(), $match);
        return (int) ($match[1] ?? -1);
    }

    private static function configuration(): string
    {
        return \php_ini_loaded_file() ?: 'php.ini';
    }
}

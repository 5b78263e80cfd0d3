<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\Status;

/**
 * Reads a raw HTTP response head with the library's parser.
 *
 * @internal
 */
final class HttpHead
{
    public static function statusLine(string $head): string
    {
        $ffi = Library::get();
        $line = $ffi->new('const void *');
        $length = $ffi->new('size_t');
        Failure::check(
            $ffi->wsc_http_status_line($head, \strlen($head), \FFI::addr($line), \FFI::addr($length)),
            'response head'
        );
        return self::string($line, $length);
    }

    /**
     * @return list<array{string, string}> name and value of each field, in order
     */
    public static function fields(string $head): array
    {
        $ffi = Library::get();
        $name = $ffi->new('const void *');
        $nameLength = $ffi->new('size_t');
        $value = $ffi->new('const void *');
        $valueLength = $ffi->new('size_t');
        $fields = [];
        do {
            $status = $ffi->wsc_http_header_at(
                $head,
                \strlen($head),
                \count($fields),
                \FFI::addr($name),
                \FFI::addr($nameLength),
                \FFI::addr($value),
                \FFI::addr($valueLength)
            );
            if ($status === Status::NotFound->value) {
                return $fields;
            }
            Failure::check($status, 'response head');
            $fields[] = [self::string($name, $nameLength), self::string($value, $valueLength)];
        } while (true);
    }

    private static function string(\FFI\CData $start, \FFI\CData $length): string
    {
        return $length->cdata === 0 ? '' : \FFI::string($start, $length->cdata);
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Internal;

/**
 * Takes a raw HTTP response head apart. The library has found it to be one, so that no more than its lines are
 * looked at.
 *
 * @internal
 */
final class HttpHead
{
    private const FIELD = '/^([^\s:]+):[ \t]*([^\r\n]*)/m';

    public static function statusLine(string $head): string
    {
        return \rtrim((string) \strstr(\ltrim($head, "\r\n"), "\n", true), "\r");
    }

    /**
     * @return list<array{string, string}> name and value of each field, in order
     */
    public static function fields(string $head): array
    {
        \preg_match_all(self::FIELD, $head, $found, \PREG_SET_ORDER);
        return \array_map(static fn (array $field): array => [$field[1], \rtrim($field[2], " \t")], $found);
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Workerman\Internal;

/**
 * Reads WebSocket frames that a program has built itself, for `send($frames, true)`.
 *
 * @internal
 */
final class RawFrames
{
    /**
     * @return list<array{string, string}>|null first byte and payload of each; null unless all are complete
     */
    public static function parse(string $bytes): ?array
    {
        $frames = [];
        for ($at = 0; $at < \strlen($bytes); $at = $end) {
            $head = \substr($bytes, $at, 14);
            $length = \ord($head[1] ?? "\0") & 0x7f;
            $masked = (\ord($head[1] ?? "\0") & 0x80) !== 0;
            $extended = match ($length) {
                126 => 2,
                127 => 8,
                default => 0,
            };
            $start = 2 + $extended + ($masked ? 4 : 0);
            if (\strlen($head) < $start) {
                return null;
            }
            if ($extended > 0) {
                $length = 0;
                foreach (\str_split(\substr($head, 2, $extended)) as $byte) {
                    $length = $length << 8 | \ord($byte);
                }
            }
            $end = $at + $start + $length;
            if ($length < 0 || $end > \strlen($bytes)) {
                return null;
            }
            $payload = \substr($bytes, $at + $start, $length);
            if ($masked) {
                $payload ^= \substr(\str_repeat(\substr($head, $start - 4, 4), \intdiv($length, 4) + 1), 0, $length);
            }
            $frames[] = [$head[0], $payload];
        }
        return $frames;
    }
}

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
    /** First bytes: of messages, of their fragments, and of control frames. */
    private const TYPES = ["\x81", "\x82", "\x01", "\x02", "\x00", "\x80", "\x88", "\x89", "\x8a"];

    /**
     * @return list<array{string, string}>|null first byte and payload of each; null unless all are complete
     *     and of known types
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
            if (\strlen($head) < $start || !\in_array($head[0], self::TYPES, true)) {
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

    /**
     * Reads the payload of a close frame. What the library does not send becomes the nearest that it does.
     *
     * @return array{int, string} code, 0 for none, and reason
     */
    public static function closing(string $payload): array
    {
        if (\strlen($payload) < 2) {
            return [0, ''];
        }
        $code = \ord($payload[0]) << 8 | \ord($payload[1]);
        $reason = \substr($payload, 2);
        $isText = \strlen($reason) <= 123 && \preg_match('//u', $reason) === 1;
        return [$code >= 3000 && $code <= 4999 ? $code : 1000, $isText ? $reason : ''];
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Workerman\Internal;

use Workerman\Connection\TcpConnection;
use Workerman\Protocols\Http\Response;
use Workerman\Worker;
use Wsc\Internal\HttpHead;

/**
 * What differs between the versions of Workerman.
 *
 * @internal
 */
final class Installed
{
    /** Workerman 5's names of protected properties, and 4's where a leading underscore does not make them. */
    private const RENAMED = ['socketContext' => '_contextOption', 'realId' => '_id'];

    /** @var array<string, string> */
    private static array $names = [];

    public static function isVersion4(): bool
    {
        return !\property_exists(TcpConnection::class, 'status');
    }

    /**
     * A connection's protected property, by its name in Workerman 5.
     */
    public static function property(string $name): string
    {
        return self::$names[$name] ??= self::isVersion4() ? self::RENAMED[$name] ?? '_' . $name : $name;
    }

    /**
     * A connection class's status constant. Its number depends on the version, and not every version has each.
     */
    public static function status(string $name, string $otherwise): int
    {
        $constant = TcpConnection::class . '::STATUS_';
        $number = \constant($constant . (\defined($constant . $name) ? $name : $otherwise));
        \assert(\is_int($number));
        return $number;
    }

    /**
     * Handles what a callback has thrown.
     *
     * @param bool $protocol whether it was one of the callbacks that Workerman's protocol class calls
     */
    public static function handle(\Throwable $fault, TcpConnection $connection, bool $protocol): void
    {
        if (!$protocol && \method_exists($connection, 'error')) {
            $connection->error($fault);
        } else {
            Worker::stopAll(250, $fault);
        }
    }

    /**
     * The second argument of onWebSocketConnect. Header fields that occur more than once become a list.
     */
    public static function response(string $head): Response|string
    {
        if (self::isVersion4()) {
            return $head;
        }
        [$version, $code, $reason] = \explode(' ', HttpHead::statusLine($head), 3) + ['', '0', ''];
        $headers = [];
        foreach (HttpHead::fields($head) as [$name, $value]) {
            $headers[$name] = isset($headers[$name]) ? [...(array) $headers[$name], $value] : $value;
        }
        return (new Response())
            ->withStatus((int) $code, $reason)
            ->withHeaders($headers)
            ->withProtocolVersion(\substr($version, 5));
    }
}

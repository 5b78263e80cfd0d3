<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\Exception\InvalidArgumentException;
use Wsc\Status;

/**
 * Finds the file descriptor under a stream, for which PHP has no function.
 *
 * @internal
 */
final class StreamDescriptor
{
    /**
     * @throws InvalidArgumentException if it is no stream with a socket
     */
    public static function of(mixed $stream): int
    {
        $inode = \is_resource($stream) && \get_resource_type($stream) === 'stream' ? \fstat($stream)['ino'] ?? 0 : 0;
        foreach ($inode === 0 ? [] : (array) \scandir('/proc/self/fd') as $number) {
            if (@\readlink("/proc/self/fd/$number") === "socket:[$inode]") {
                return (int) $number;
            }
        }
        throw new InvalidArgumentException('useSocket(): not a stream with a socket', Status::Invalid);
    }
}

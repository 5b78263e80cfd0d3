<?php

declare(strict_types=1);

namespace Wsc\Workerman\Internal;

/**
 * A connection's `context`, with the properties that Workerman's protocol class gives it. Declared they take a
 * quarter of the memory.
 *
 * @internal
 */
final class Context extends \stdClass
{
    public int $websocketCurrentFrameLength = 0;

    public string $websocketDataBuffer = '';

    public string $tmpWebsocketData = '';

    public ?int $handshakeStep;
}

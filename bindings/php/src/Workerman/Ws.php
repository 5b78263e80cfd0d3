<?php

declare(strict_types=1);

namespace Wsc\Workerman;

/**
 * The constants for websocketType: BINARY_TYPE_BLOB is text, BINARY_TYPE_ARRAYBUFFER is binary.
 */
class Ws extends \Workerman\Protocols\Ws
{
}

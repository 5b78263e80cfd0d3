<?php

declare(strict_types=1);

namespace Wsc;

use Wsc\Exception\WscException;
use Wsc\Internal\NativeConnection;

/**
 * Offers compression: permessage-deflate (RFC 7692). It is used if the server agrees.
 *
 * It can cost some 300 KiB for each connection, and where secrets are compressed together with what others
 * chose, the length of a message tells about the secrets.
 */
final class Deflate
{
    /**
     * @param int $level 1, the fastest, to 9, the smallest
     * @param int $threshold bytes: smaller messages are sent as they are
     * @param int $clientWindowBits 9 to 15: the window for what is sent, as a power of two
     * @param int $serverWindowBits 8 to 15: the same for what is received
     * @param bool $clientNoContextTakeover whether each message that is sent is compressed by itself
     * @param bool $serverNoContextTakeover the same for what is received
     * @param int $maxRatio how many times its size a received message may inflate to, if that is above 1 MiB
     */
    public function __construct(
        public readonly int $level = 1,
        public readonly int $threshold = 64,
        public readonly int $clientWindowBits = 15,
        public readonly int $serverWindowBits = 15,
        public readonly bool $clientNoContextTakeover = false,
        public readonly bool $serverNoContextTakeover = false,
        public readonly int $maxRatio = 200
    ) {
    }

    /**
     * @internal
     *
     * @throws WscException
     */
    public static function apply(?self $settings, NativeConnection $native): void
    {
        if ($settings !== null) {
            $settings->write($native);
        }
        $native->set('wsc_conn_set_deflate', 'deflate', $settings !== null);
    }

    /**
     * @throws WscException
     */
    private function write(NativeConnection $native): void
    {
        $native->set('wsc_conn_set_deflate_level', 'deflate->level', NativeConnection::int32($this->level));
        $native->set(
            'wsc_conn_set_deflate_threshold',
            'deflate->threshold',
            NativeConnection::unsigned($this->threshold, 'deflate->threshold')
        );
        $native->call(
            'wsc_conn_set_deflate_window_bits',
            'deflate->clientWindowBits, serverWindowBits',
            NativeConnection::int32($this->clientWindowBits),
            NativeConnection::int32($this->serverWindowBits)
        );
        $native->call(
            'wsc_conn_set_deflate_no_context_takeover',
            'deflate->clientNoContextTakeover, serverNoContextTakeover',
            $this->clientNoContextTakeover,
            $this->serverNoContextTakeover
        );
        $native->set(
            'wsc_conn_set_deflate_max_ratio',
            'deflate->maxRatio',
            NativeConnection::unsigned($this->maxRatio, 'deflate->maxRatio')
        );
    }
}

<?php

declare(strict_types=1);

namespace Wsc;

use Wsc\Exception\InvalidArgumentException;
use Wsc\Exception\WscException;
use Wsc\Internal\Duration;
use Wsc\Internal\NativeConnection;

/**
 * Brings a lost connection back: with exponential backoff, full jitter, and not before a Retry-After is over.
 *
 * It ends with `close`, `abort` and `cancelReconnect`, and with a cause that another attempt cannot mend.
 *
 * @see Connection::$autoReconnect
 */
final class AutoReconnect
{
    /**
     * @param float $minDelay seconds, above 0: the bound of the first random delay, which doubles each time
     * @param float $maxDelay seconds: the highest bound
     * @param int|null $limit how many reconnects may follow each other; null: any number
     * @param float $stableAfter seconds open after which delays and counting begin anew
     * @param bool $afterFatal whether also after causes that it cannot mend: a 403, an untrusted certificate
     * @param QueuePolicy $queued what becomes of messages that have not left when an attempt ends
     * @param float|null $expireAfter seconds that they may wait, with QueuePolicy::Expire
     */
    public function __construct(
        public readonly float $minDelay = 1.0,
        public readonly float $maxDelay = 60.0,
        public readonly ?int $limit = null,
        public readonly float $stableAfter = 30.0,
        public readonly bool $afterFatal = false,
        public readonly QueuePolicy $queued = QueuePolicy::Drop,
        public readonly ?float $expireAfter = null
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
        $native->set('wsc_conn_set_auto_reconnect', 'autoReconnect', $settings !== null);
    }

    /**
     * @throws WscException
     */
    private function write(NativeConnection $native): void
    {
        $native->call(
            'wsc_conn_set_reconnect_delay',
            'autoReconnect->minDelay, maxDelay',
            Duration::milliseconds($this->minDelay, 'autoReconnect->minDelay'),
            Duration::milliseconds($this->maxDelay, 'autoReconnect->maxDelay')
        );
        if ($this->limit !== null && $this->limit < 0) {
            throw new InvalidArgumentException('autoReconnect->limit: it is negative', Status::Invalid);
        }
        $native->set(
            'wsc_conn_set_reconnect_limit',
            'autoReconnect->limit',
            $this->limit === null ? Duration::FOREVER : NativeConnection::int32($this->limit)
        );
        $native->set(
            'wsc_conn_set_reconnect_stable_after',
            'autoReconnect->stableAfter',
            Duration::milliseconds($this->stableAfter, 'autoReconnect->stableAfter')
        );
        $native->set('wsc_conn_set_reconnect_after_fatal', 'autoReconnect->afterFatal', $this->afterFatal);
        $native->call(
            'wsc_conn_set_queue_policy',
            'autoReconnect->queued, expireAfter',
            $this->queued->value,
            Duration::milliseconds($this->expireAfter ?? 0.0, 'autoReconnect->expireAfter')
        );
    }
}

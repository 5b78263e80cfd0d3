<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

use Wsc\Tests\Support\Listener;

/**
 * A server, a client and what is seen on both sides: with the drop-in, and with Workerman's own class where
 * that differs.
 */
final class Scenario
{
    /** Workerman's own class does as the drop-in does. */
    public const SAME = ['the same'];

    /**
     * @param \Closure(Listener): void $server
     * @param \Closure(Probe): void $client
     * @param list<string> $seen by the client, then reported by the server
     * @param list<string>|null $seenOn4 with the drop-in under Workerman 4, if that is not the same
     * @param list<string> $theirs with Workerman's own class
     * @param list<string>|null $theirsOn4 the same under Workerman 4, if it differs
     *     empty: not run
     * @param string $why what documents the difference; "#n" is the n-th defect that the drop-in mends
     * @param bool $reports whether the server reports something
     */
    public function __construct(
        public readonly \Closure $server,
        public readonly \Closure $client,
        private readonly array $seen,
        private readonly ?array $seenOn4 = null,
        private readonly array $theirs = self::SAME,
        private readonly ?array $theirsOn4 = null,
        public readonly string $why = '',
        public readonly bool $reports = false
    ) {
    }

    /**
     * @return list<string>
     */
    public function expected(Flavour $flavour, bool $isDropIn): array
    {
        $ours = $flavour->version === 4 ? $this->seenOn4 ?? $this->seen : $this->seen;
        if ($isDropIn) {
            return $ours;
        }
        $theirs = $flavour->version === 4 ? $this->theirsOn4 ?? $this->theirs : $this->theirs;
        return $theirs === self::SAME ? $ours : $theirs;
    }
}

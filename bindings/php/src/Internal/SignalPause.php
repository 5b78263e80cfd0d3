<?php

declare(strict_types=1);

namespace Wsc\Internal;

/**
 * Keeps the handlers of asynchronous signals out while it exists. They run when it goes.
 *
 * @internal
 */
final class SignalPause
{
    private function __construct()
    {
    }

    /**
     * @return self|null null: signals are not asynchronous, or paused already
     */
    public static function begin(): ?self
    {
        return \function_exists('pcntl_async_signals') && \pcntl_async_signals(false) ? new self() : null;
    }

    public function __destruct()
    {
        \pcntl_async_signals(true);
        \pcntl_signal_dispatch();
    }
}

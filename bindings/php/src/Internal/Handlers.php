<?php

declare(strict_types=1);

namespace Wsc\Internal;

use Wsc\MessageType;
use Wsc\Part;

/**
 * What a class of connections does with what they receive; the connection comes first. One object serves all
 * of them: a closure each would be more than all else that an idle connection needs.
 *
 * @internal
 */
final class Handlers
{
    /**
     * @param \Closure(object, string, MessageType, Part): void $message
     * @param \Closure(object, Run): void $run takes all messages that wait
     * @param \Closure(object, Event): void $event
     */
    public function __construct(
        public readonly \Closure $message,
        public readonly \Closure $run,
        public readonly \Closure $event
    ) {
    }
}

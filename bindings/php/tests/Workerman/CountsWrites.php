<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

/**
 * Counts in how many turns of Workerman's loop a connection was written to.
 */
trait CountsWrites
{
    public int $writes = 0;

    public function baseWrite(): void
    {
        ++$this->writes;
        parent::baseWrite();
    }
}

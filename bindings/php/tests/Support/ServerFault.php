<?php

declare(strict_types=1);

namespace Wsc\Tests\Support;

final class ServerFault
{
    public function __construct(public readonly string $text)
    {
    }
}

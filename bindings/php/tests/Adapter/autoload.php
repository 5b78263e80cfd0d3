<?php

/**
 * What the examples on other event loops take for Composer's: the package, and loops that stand in for theirs.
 */

declare(strict_types=1);

require __DIR__ . '/../../autoload.php';
require __DIR__ . '/Fakes.php';

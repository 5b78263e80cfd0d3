<?php

/**
 * The autoloader that the examples are given: the package, and the Workerman of WSC_TEST_FLAVOUR.
 */

declare(strict_types=1);

require __DIR__ . '/../bootstrap.php';

use Wsc\Tests\Workerman\Flavour;

$flavour = (Flavour::standIns() + Flavour::installed())[getenv('WSC_TEST_FLAVOUR')];
$flavour->load();
if ($flavour->directory !== null) {
    Workerman\Worker::$eventLoopClass = $flavour->eventLoop();
}

<?php

declare(strict_types=1);

namespace Wsc\Tests;

use PHPUnit\Framework\TestCase;

/**
 * What Composer's archive holds beside the code: the package's directory is its root.
 */
final class PackageTest extends TestCase
{
    /**
     * @testWith ["LICENSE"]
     *           ["LICENSE-APACHE"]
     *           ["LICENSE-MIT"]
     */
    public function testALicenceIsThatOfTheRepository(string $file): void
    {
        $package = dirname(__DIR__);

        self::assertFileEquals(dirname($package, 2) . "/$file", "$package/$file");
        self::assertStringNotContainsString("/$file ", file_get_contents("$package/.gitattributes"));
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Tests\Support\Script;
use Wsc\Tests\Support\TestCase;

/**
 * Where the shared library is looked for, and what is said when it cannot be used. A process loads it
 * once, so each case has its own.
 */
final class LibraryTest extends TestCase
{
    private string $directory;

    protected function setUp(): void
    {
        $this->directory = sys_get_temp_dir() . '/wsc-php-' . bin2hex(random_bytes(6));
        mkdir($this->directory);
    }

    protected function tearDown(): void
    {
        $entries = new \RecursiveIteratorIterator(
            new \RecursiveDirectoryIterator($this->directory, \FilesystemIterator::SKIP_DOTS),
            \RecursiveIteratorIterator::CHILD_FIRST
        );
        foreach ($entries as $entry) {
            $entry->isDir() ? rmdir($entry->getPathname()) : unlink($entry->getPathname());
        }
        rmdir($this->directory);
        parent::tearDown();
    }

    public function testFfiSwitchedOff(): void
    {
        $message = $this->fault(settings: ['ffi.enable=0']);

        self::assertStringContainsString('ffi.enable=1', $message);
        self::assertStringContainsString('php.ini', $message);
    }

    public function testFfiNotInstalled(): void
    {
        $script = new Script(['-n', '-r', $this->code(dirname(__DIR__))]);

        self::assertStringContainsString('extension=ffi', $script->output);
    }

    public function testTheEnvironmentNamesAFileThatDoesNotExist(): void
    {
        $message = $this->fault(['WSC_LIBRARY' => '/nonexistent/libwsc.so']);

        self::assertStringContainsString('/nonexistent/libwsc.so', $message);
        self::assertStringContainsString('WSC_LIBRARY names it', $message);
    }

    public function testTheEnvironmentNamesAFileThatIsNoLibrary(): void
    {
        file_put_contents("{$this->directory}/libwsc.so", 'text');
        $message = $this->fault(['WSC_LIBRARY' => "{$this->directory}/libwsc.so"]);

        self::assertStringContainsString("{$this->directory}/libwsc.so cannot be loaded", $message);
    }

    public function testAnotherAbi(): void
    {
        $this->compile('unsigned wsc_abi_version(void) { return 999; }', "{$this->directory}/libwsc.so");
        $message = $this->fault(['WSC_LIBRARY' => "{$this->directory}/libwsc.so"]);

        self::assertStringContainsString('has ABI 999, this package needs ABI 0', $message);
    }

    public function testALibraryThatLacksFunctions(): void
    {
        $this->compile('unsigned wsc_abi_version(void) { return 0; }', "{$this->directory}/libwsc.so");
        $message = $this->fault(['WSC_LIBRARY' => "{$this->directory}/libwsc.so"]);

        self::assertStringContainsString('older than this package', $message);
        self::assertMatchesRegularExpression('/wsc_\w+/', $message);
    }

    public function testALibraryThatIsNotLibwsc(): void
    {
        $this->compile('int other(void) { return 0; }', "{$this->directory}/libwsc.so");
        $message = $this->fault(['WSC_LIBRARY' => "{$this->directory}/libwsc.so"]);

        self::assertStringContainsString('not libwsc', $message);
    }

    public function testThePackagesOwnCopyComesBeforeTheRepositorys(): void
    {
        $package = $this->copyPackage();
        mkdir("$package/lib");
        mkdir("{$this->directory}/target/release", 0777, true);
        $this->compile('unsigned wsc_abi_version(void) { return 2; }', "{$this->directory}/target/release/libwsc.so");
        self::assertStringContainsString('has ABI 2', $this->fault([], [], $package));
        $this->compile('unsigned wsc_abi_version(void) { return 1; }', "$package/lib/libwsc.so");
        self::assertStringContainsString('has ABI 1', $this->fault([], [], $package));
    }

    public function testTheSystemsLibraryIsTheLastResort(): void
    {
        $package = $this->copyPackage();
        mkdir("{$this->directory}/system");
        $this->compile(
            'unsigned wsc_abi_version(void) { return 3; }',
            "{$this->directory}/system/libwsc.so.0",
            '-Wl,-soname,libwsc.so.0'
        );
        $message = $this->fault(['LD_LIBRARY_PATH' => "{$this->directory}/system"], [], $package);

        self::assertStringContainsString('libwsc.so.0 has ABI 3', $message);
    }

    public function testNothingAnywhereNamesThePlacesAndTheFix(): void
    {
        $package = $this->copyPackage();
        mkdir("{$this->directory}/system");
        // Hides a libwsc that may be installed on this machine.
        file_put_contents("{$this->directory}/system/libwsc.so.0", 'text');
        $message = $this->fault(['LD_LIBRARY_PATH' => "{$this->directory}/system"], [], $package);

        self::assertStringContainsString("$package/lib/libwsc.so", $message);
        self::assertStringContainsString("{$this->directory}/target/release/libwsc.so", $message);
        self::assertStringContainsString('WSC_LIBRARY', $message);
    }

    /**
     * @param array<string, string> $environment
     * @param list<string> $settings
     *
     * @return string the message of the LibraryException
     */
    private function fault(array $environment = [], array $settings = [], ?string $package = null): string
    {
        $options = [];
        foreach ($settings as $setting) {
            array_push($options, '-d', $setting);
        }
        $script = new Script(
            [...$options, '-r', $this->code($package ?? dirname(__DIR__))],
            $environment + ['WSC_LIBRARY' => '']
        );
        self::assertStringStartsWith("LibraryException\n", $script->output);
        return $script->output;
    }

    private function code(string $package): string
    {
        return 'require ' . var_export("$package/autoload.php", true) . ';
            try {
                new Wsc\Connection("ws://127.0.0.1:1");
            } catch (Wsc\Exception\LibraryException $fault) {
                echo "LibraryException\n", $fault->getMessage();
            }';
    }

    /**
     * @return string the package's directory, placed as in the repository
     */
    private function copyPackage(): string
    {
        $package = "{$this->directory}/bindings/php";
        mkdir($package, 0777, true);
        copy(dirname(__DIR__) . '/autoload.php', "$package/autoload.php");
        $entries = new \RecursiveIteratorIterator(
            new \RecursiveDirectoryIterator(dirname(__DIR__) . '/src', \FilesystemIterator::SKIP_DOTS),
            \RecursiveIteratorIterator::SELF_FIRST
        );
        mkdir("$package/src");
        foreach ($entries as $entry) {
            $target = "$package/src/{$entries->getSubPathname()}";
            $entry->isDir() ? mkdir($target) : copy($entry->getPathname(), $target);
        }
        return $package;
    }

    private function compile(string $code, string $library, string ...$options): void
    {
        file_put_contents("{$this->directory}/code.c", $code);
        $compiler = proc_open(
            ['cc', '-shared', '-fPIC', ...$options, '-o', $library, "{$this->directory}/code.c"],
            [1 => ['file', '/dev/null', 'w'], 2 => ['redirect', 1]],
            $pipes
        );
        self::assertSame(0, proc_close($compiler), 'A C compiler is needed');
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

use Wsc\Tests\Support\Server;

/**
 * A program for Workerman in a process of its own, until it is stopped.
 */
final class Example
{
    /** @var resource */
    private $process;

    /** @var resource */
    private $output;

    private readonly string $log;

    /**
     * @param string $file relative to the package, without ".php"
     * @param array<string, string> $environment
     */
    public function __construct(string $file, Flavour $flavour, string $url, array $environment = [])
    {
        $name = basename($file);
        $pipes = [];
        // A copy by another name for each run: Workerman allows a program to be started once.
        $directory = sys_get_temp_dir() . '/wsc-' . bin2hex(random_bytes(6));
        mkdir($directory);
        copy(dirname(__DIR__, 2) . "/$file.php", "$directory/$name.php");
        $this->output = fopen("$directory/output", 'w+');
        $this->process = proc_open(
            [PHP_BINARY, "$directory/$name.php", 'start'],
            [['file', '/dev/null', 'r'], $this->output, $this->output],
            $pipes,
            null,
            $environment + [
                'URL' => $url, 'AUTOLOAD' => __DIR__ . '/autoload.php', 'WSC_TEST_FLAVOUR' => $flavour->name,
                'LOG' => "$directory/log",
            ] + getenv()
        );
        $this->log = "$directory/log";
        register_shutdown_function(static function () use ($directory): void {
            array_map('unlink', glob("$directory/*"));
            rmdir($directory);
        });
    }

    public function __destruct()
    {
        if (is_resource($this->process)) {
            $this->stop();
        }
    }

    /**
     * Sends a signal to its first process.
     */
    public function signal(int $signal): void
    {
        proc_terminate($this->process, $signal);
    }

    /**
     * @return string what Workerman has logged, as far as the program chose it so
     */
    public function log(): string
    {
        return (string) @file_get_contents($this->log);
    }

    /**
     * @return string what it has printed
     */
    public function stop(): string
    {
        $this->signal(SIGINT);
        Server::wait(fn (): bool => !proc_get_status($this->process)['running']);
        $this->signal(SIGKILL);
        proc_close($this->process);
        rewind($this->output);
        return stream_get_contents($this->output);
    }
}

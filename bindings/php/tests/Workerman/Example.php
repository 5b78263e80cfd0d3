<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

use Wsc\Tests\Support\Server;

/**
 * An example for Workerman in a process of its own, until it is stopped.
 */
final class Example
{
    /** @var resource */
    private $process;

    /** @var resource */
    private $output;

    public function __construct(string $name, Flavour $flavour, string $url)
    {
        $pipes = [];
        // A copy by another name for each run: Workerman allows a program to be started once.
        $directory = sys_get_temp_dir() . '/wsc-' . bin2hex(random_bytes(6));
        mkdir($directory);
        copy(dirname(__DIR__, 2) . "/examples/$name.php", "$directory/$name.php");
        $this->output = fopen("$directory/output", 'w+');
        $this->process = proc_open(
            [PHP_BINARY, "$directory/$name.php", 'start'],
            [['file', '/dev/null', 'r'], $this->output, $this->output],
            $pipes,
            null,
            [
                'URL' => $url, 'AUTOLOAD' => __DIR__ . '/autoload.php', 'WSC_TEST_FLAVOUR' => $flavour->name,
            ] + getenv()
        );
        register_shutdown_function(static function () use ($directory): void {
            array_map('unlink', glob("$directory/*"));
            rmdir($directory);
        });
    }

    /**
     * @return string what it has printed
     */
    public function stop(): string
    {
        proc_terminate($this->process, SIGINT);
        $end = microtime(true) + Server::PATIENCE;
        while (proc_get_status($this->process)['running'] && microtime(true) < $end) {
            usleep(10_000);
        }
        proc_terminate($this->process, SIGKILL);
        proc_close($this->process);
        rewind($this->output);
        return stream_get_contents($this->output);
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Tests\Support;

/**
 * A program of the system that listens on a port, and ends with this object.
 */
final class Program
{
    /** @var resource */
    private $process;

    /**
     * @param string $address where it listens, host:port
     * @param string $directory for its files; goes with it
     * @param list<string> $command
     * @param array<string, string> $environment beside the own one
     */
    private function __construct(
        public readonly string $address,
        private readonly string $directory,
        array $command,
        array $environment
    ) {
        $null = ['file', '/dev/null', 'w'];
        $this->process = proc_open(
            $command,
            [['file', '/dev/null', 'r'], $null, $null],
            $pipes,
            null,
            $environment + getenv()
        );
    }

    public function __destruct()
    {
        proc_terminate($this->process, SIGKILL);
        proc_close($this->process);
        exec('rm -rf ' . escapeshellarg($this->directory));
    }

    /**
     * Runs what `$command` makes of a free port and a directory, and waits until it listens.
     *
     * @param \Closure(string, string): list<string> $command is given host:port and the directory
     * @param array<string, string> $environment
     */
    public static function start(\Closure $command, array $environment = []): self
    {
        $address = '127.0.0.1:' . Server::unusedPort();
        $directory = sys_get_temp_dir() . '/wsc-' . bin2hex(random_bytes(8));
        mkdir($directory);
        $program = new self($address, $directory, $command($address, $directory), $environment);
        $end = microtime(true) + Server::PATIENCE;
        while (($socket = @stream_socket_client("tcp://$address")) === false) {
            if (microtime(true) > $end || !proc_get_status($program->process)['running']) {
                throw new \RuntimeException('does not listen; `scripts/setup test` installs it');
            }
            usleep(10000);
        }
        fclose($socket);
        return $program;
    }
}

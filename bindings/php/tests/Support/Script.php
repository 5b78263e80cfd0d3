<?php

declare(strict_types=1);

namespace Wsc\Tests\Support;

/**
 * A PHP program run in a process of its own.
 */
final class Script
{
    public readonly string $output;
    public readonly int $status;

    /**
     * @param list<string> $arguments after "php"
     * @param array<string, string> $environment added to this process's; "" takes away
     */
    public function __construct(array $arguments, array $environment = [], string $input = '')
    {
        $process = proc_open(
            [PHP_BINARY, ...$arguments],
            [['pipe', 'r'], ['pipe', 'w'], ['redirect', 1]],
            $pipes,
            null,
            array_filter($environment + getenv(), static fn (string $value): bool => $value !== '')
        );
        fwrite($pipes[0], $input);
        fclose($pipes[0]);
        $this->output = stream_get_contents($pipes[1]);
        $this->status = proc_close($process);
    }

    /**
     * @param string $code without the opening tag; the package's classes are loaded
     * @param list<string> $arguments $argv from 1 on
     * @param array<string, string> $environment
     * @param list<string> $settings as for php -d
     */
    public static function code(
        string $code,
        array $arguments = [],
        array $environment = [],
        array $settings = []
    ): self {
        $options = [];
        foreach ($settings as $setting) {
            array_push($options, '-d', $setting);
        }
        $code = 'require ' . var_export(dirname(__DIR__, 2) . '/autoload.php', true) . ';' . $code;
        return new self([...$options, '-r', $code, '--', ...$arguments], $environment);
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

/**
 * A Workerman: one that is installed in WORKERMAN_DIR, or a stand-in of that version.
 */
final class Flavour
{
    /**
     * @param string|null $directory null for the stand-in
     */
    private function __construct(
        public readonly string $name,
        public readonly int $version,
        public readonly ?string $directory
    ) {
    }

    /**
     * @return array<string, self>
     */
    public static function standIns(): array
    {
        return ['stand-in 4' => new self('stand-in 4', 4, null), 'stand-in 5' => new self('stand-in 5', 5, null)];
    }

    /**
     * @return array<string, self> those of WORKERMAN_DIR, a list of directories separated by colons
     */
    public static function installed(): array
    {
        $flavours = [];
        foreach (array_filter(explode(':', (string) getenv('WORKERMAN_DIR'))) as $directory) {
            $version = is_file("$directory/src/Worker.php") ? 5 : 4;
            if (!is_file($directory . ($version === 5 ? '/src' : '') . '/Worker.php')) {
                throw new \RuntimeException("WORKERMAN_DIR: there is no Workerman in $directory");
            }
            $name = "Workerman $version in " . basename($directory);
            $flavours[$name] = new self($name, $version, $directory);
        }
        return $flavours;
    }

    /**
     * @return class-string the event loop to run on: for an installed Workerman the one that WORKERMAN_LOOP
     *     names, such as Event, Ev, Swoole or Fiber
     */
    public function eventLoop(): string
    {
        $name = $this->directory === null ? '' : (string) getenv('WORKERMAN_LOOP');
        return 'Workerman\\Events\\' . ($name === '' ? 'Select' : $name);
    }

    /**
     * Makes its classes known. Once per process.
     */
    public function load(): void
    {
        if ($this->directory === null) {
            require __DIR__ . "/StandIn/v$this->version.php";
            return;
        }
        foreach ($this->files() as $file) {
            require $file;
        }
        $roots = [
            'Workerman\\Coroutine\\' => [(string) getenv('WORKERMAN_COROUTINE_DIR') . '/src/'],
            'Workerman\\' => [$this->directory . ($this->version === 5 ? '/src/' : '/')],
            'Revolt\\' => [(string) getenv('REVOLT_DIR') . '/src/'],
        ];
        $roots['Workerman\\'][] = $roots['Workerman\\Coroutine\\'][0];
        spl_autoload_register(static function (string $class) use ($roots): void {
            foreach ($roots as $prefix => $directories) {
                foreach ($directories as $directory) {
                    $file = $directory . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
                    if (str_starts_with($class, $prefix) && is_file($file)) {
                        require $file;
                        return;
                    }
                }
            }
        });
    }

    /**
     * @return list<string>
     */
    private function files(): array
    {
        $file = "$this->directory/vendor/autoload.php";
        return is_file($file) ? [$file] : [];
    }
}

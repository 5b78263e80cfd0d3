<?php

declare(strict_types=1);

namespace Wsc\Tests;

use Wsc\Tests\Support\Script;
use Wsc\Tests\Support\Server;
use Wsc\Tests\Support\TestCase;

final class AdapterTest extends TestCase
{
    private const PROGRAM = <<<'PHP'
        require $argv[2];
        call_user_func(["Wsc\\Adapter\\$argv[3]", 'attach']);
        call_user_func(["Wsc\\Adapter\\$argv[3]", 'attach']);
        Wsc\Tests\Adapter\Watchers::run();
        echo "nothing to do\n";
        $rounds = 0;
        $ws = new Wsc\Connection($argv[1]);
        $ws->onMessage = function ($ws, $data) {
            echo "$data\n";
            $ws->close();
        };
        $ws->onClose = function ($ws) use (&$rounds) {
            echo "closed\n";
            if (++$rounds === 2) {
                $ws->reConnect(0.01);
                $ws->send('third');
            }
        };
        foreach (['first', 'second'] as $data) {
            $ws->connect();
            $ws->send($data);
            Wsc\Tests\Adapter\Watchers::run();
            echo "done\n";
        }
        $ws->reConnect(60);
        $ws->cancelReconnect();
        Wsc\Tests\Adapter\Watchers::run();
        echo "the end\n";
        PHP;

    /**
     * @dataProvider adapters
     */
    public function testAnotherLoopRunsConnectionsAndEndsWithThem(string $adapter): void
    {
        $server = Server::echo();
        $script = Script::code(self::PROGRAM, [$server->url, __DIR__ . '/Adapter/Fakes.php', $adapter]);

        self::assertSame(
            "nothing to do\nfirst\nclosed\ndone\nsecond\nclosed\nthird\nclosed\ndone\nthe end\n",
            $script->output
        );
    }

    /**
     * @dataProvider adapters
     */
    public function testTheExampleRuns(string $adapter): void
    {
        $server = Server::echo();
        $example = dirname(__DIR__) . '/examples/' . strtolower($adapter) . '.php';
        $script = new Script([$example, $server->url], ['AUTOLOAD' => __DIR__ . '/Adapter/autoload.php']);

        self::assertSame("recv: hello\nclosed: 1000 \n", $script->output);
        self::assertSame(0, $script->status);
    }

    /**
     * @return list<array{string}>
     */
    public static function adapters(): array
    {
        return [['Revolt'], ['React']];
    }
}

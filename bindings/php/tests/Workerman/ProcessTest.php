<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

use PHPUnit\Framework\TestCase;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Script;
use Wsc\Tests\Support\Server;

/**
 * Before the worker's loop, after a fork, and at the process's end.
 */
final class ProcessTest extends TestCase
{
    private const BEGINNING = <<<'PHP'
        require $argv[2];
        use Workerman\Worker;
        use Wsc\Workerman\AsyncTcpConnection;
        $connect = function (callable $onOpen) use ($argv) {
            Worker::$globalEvent = new Workerman\Events\Select();
            $c = new AsyncTcpConnection($argv[1]);
            $c->onWebSocketConnect = $onOpen;
            $c->connect();
            method_exists(Worker::$globalEvent, 'run') ? Worker::$globalEvent->run() : Worker::$globalEvent->loop();
        };
        PHP;

    /**
     * @dataProvider versions
     */
    public function testWithoutALoopItSaysWhereToConnect(int $version): void
    {
        $output = self::output($version, <<<'PHP'
            $c = new AsyncTcpConnection($argv[1]);
            try {
                $c->connect();
            } catch (Wsc\Exception\StateException $fault) {
                echo $fault->getMessage();
            }
            PHP, 'ws://127.0.0.1:1');

        self::assertStringContainsString('onWorkerStart', $output);
    }

    /**
     * @dataProvider versions
     */
    public function testAConnectionMadeBeforeAForkSaysSoInTheChild(int $version): void
    {
        $server = self::waitingServer();
        $output = self::output($version, <<<'PHP'
            $connect(function ($c) use ($argv) {
                $pid = pcntl_fork();
                if ($pid > 0) {
                    pcntl_waitpid($pid, $status);
                    echo 'parent: ', var_export($c->send('x'), true);
                    exit;
                }
                foreach (['send', 'close'] as $method) {
                    try {
                        $c->$method('x');
                        echo "nothing\n";
                    } catch (Wsc\Exception\ForkedException $fault) {
                        echo get_class($fault), "\n";
                    }
                }
                // A new one works, on a new loop.
                Worker::$globalEvent = new Workerman\Events\Select();
                $new = new AsyncTcpConnection($argv[1]);
                $new->onWebSocketConnect = function () {
                    echo "open\n";
                    exit;
                };
                $new->connect();
                method_exists(Worker::$globalEvent, 'run') ? Worker::$globalEvent->run() : Worker::$globalEvent->loop();
            });
            PHP, $server->url);

        $forked = \Wsc\Exception\ForkedException::class;
        self::assertSame("$forked\n$forked\nopen\nparent: true", $output);
    }

    /**
     * @dataProvider versions
     */
    public function testTheProcessesEndClosesTheConnection(int $version): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            for ($i = 0; $i < 100; ++$i) {
                $peer->readUntil(Peer::TEXT);
            }
            $listener->report(unpack('n', $peer->readUntil(Peer::CLOSE))[1]);
        });
        $output = self::output($version, <<<'PHP'
            $connect(function ($c) {
                for ($i = 0; $i < 100; ++$i) {
                    $c->send("message $i");
                }
                exit;
            });
            PHP, $server->url);

        self::assertSame(1000, $server->report());
        self::assertSame('', $output);
    }

    /**
     * @dataProvider versions
     */
    public function testTheProcessesEndTellsWhatWasNotSent(int $version): void
    {
        $server = self::waitingServer();
        $output = self::output($version, <<<'PHP'
            $connect(function ($c) {
                $c->maxSendBufferSize = 1 << 30;
                $c->send(str_repeat('x', 16_000_000));
                $c->send('y');
                exit;
            });
            PHP, $server->url);

        self::assertStringContainsString('2 accepted message(s) to 127.0.0.1 were not sent', $output);
    }

    /**
     * As with Wsc\Connection: see LifetimeTest. It is closed, as Workerman's own is.
     *
     * @dataProvider versions
     */
    public function testADestructorOfTheProgramMayStillUseTheConnection(int $version): void
    {
        $server = self::waitingServer();
        $output = self::output($version, <<<'PHP'
            class Feed
            {
                public function __construct(private AsyncTcpConnection $c)
                {
                }

                public function __destruct()
                {
                    echo var_export($this->c->send('bye'), true), ' ', $this->c->getSendBufferQueueSize(), ' ';
                    $this->c->close('bye');
                    $this->c->destroy();
                    echo $this->c->getStatus(false);
                }
            }
            $connect(function ($c) {
                $c->onMessage = [new Feed($c)];
                exit;
            });
            PHP, $server->url);

        self::assertSame('false 0 CLOSED', $output);
    }

    /**
     * As with Wsc\Connection: see FiberTest.
     *
     * @dataProvider versions
     */
    public function testNoClassIsLoadedBetweenAnEventAndItsCallback(int $version): void
    {
        $server = Server::start(static function (Listener $listener): void {
            $peer = $listener->accept();
            $peer->upgrade([], Peer::frame(Peer::PING) . Peer::frame(Peer::TEXT, 'message'));
            $peer->read();
            $peer->write("\xff\0");
            $peer->read();
            $peer->end();
        });
        $output = self::output($version, <<<'PHP'
            Worker::$globalEvent = new Workerman\Events\Select();
            $watch = false;
            spl_autoload_register(function (string $class) use (&$watch): void {
                echo $watch ? "$class is loaded late\n" : '';
            }, true, true);
            $c = new AsyncTcpConnection($argv[1]);
            foreach (['onConnect', 'onWebSocketConnect', 'onMessage', 'onWebSocketPing', 'onError'] as $name) {
                $c->$name = function ($c) use ($name) {
                    echo "$name\n";
                    if ($name === 'onWebSocketPing') {
                        $c->send('');
                    }
                };
            }
            $c->onClose = fn () => exit("onClose\n");
            $c->connect();
            $watch = true;
            method_exists(Worker::$globalEvent, 'run') ? Worker::$globalEvent->run() : Worker::$globalEvent->loop();
            PHP, $server->url);

        self::assertSame(
            "onConnect\nonWebSocketConnect\nonWebSocketPing\nonMessage\nonError\nonClose\n",
            $output
        );
    }

    /**
     * @return array<string, array{int}>
     */
    public static function versions(): array
    {
        return ['stand-in 4' => [4], 'stand-in 5' => [5]];
    }

    private static function waitingServer(): Server
    {
        return Server::start(static function (Listener $listener): void {
            $first = $listener->acceptUpgraded();
            $second = $listener->acceptUpgraded();
            $listener->await();
        });
    }

    private static function output(int $version, string $code, string $url): string
    {
        $code = self::BEGINNING . "\n" . $code;
        $standIn = __DIR__ . "/StandIn/v$version.php";
        $loop = 'require ' . var_export(__DIR__ . '/StandIn/SelectLoop.php', true) . ';';
        return Script::code($loop . $code, [$url, $standIn])->output;
    }
}

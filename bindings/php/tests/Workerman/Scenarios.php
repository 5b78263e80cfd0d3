<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

use Wsc\Deflate;
use Wsc\Tests\Support\Certificate;
use Wsc\Tests\Support\Listener;
use Wsc\Tests\Support\Peer;
use Wsc\Tests\Support\Server;

/**
 * What programs that use Workerman's client may rely on, and its defects.
 */
final class Scenarios
{
    /** Bytes that no socket takes at once. */
    private const MUCH = 16_000_000;

    /**
     * @return array<string, Scenario>
     */
    public static function all(): array
    {
        // Made here, not in the processes that servers and clients run in.
        Certificate::file();
        return self::opening() + self::sending() + self::receiving() + self::controlFrames() + self::ending()
            + self::reconnecting() + self::properties() + self::exceptions() + self::failures();
    }

    /**
     * @return array<string, Scenario>
     */
    private static function opening(): array
    {
        return [
            'events come in order' => new Scenario(
                server: self::echoOnce(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $probe->see('open');
                        $c->send('hello');
                    };
                    $c->connect();
                },
                seen: ['connected', 'open', 'message hello', 'closed'],
            ),
            'nothing is called before connect() returns' => new Scenario(
                server: self::upgradeAndEnd(),
                client: static function (Probe $probe): void {
                    $probe->connection()->connect();
                    $probe->see('connect() has returned');
                },
                seen: ['connect() has returned', 'connected', 'open', 'closed'],
            ),
            'the request has what was set' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->accept();
                    $peer->upgrade(['Sec-WebSocket-Protocol: chat']);
                    $lines = explode("\r\n", trim($peer->request));
                    $listener->report($lines[0]);
                    foreach (['Cookie', 'X-Number', 'Origin', 'Sec-WebSocket-Protocol', 'Sec-WebSocket-Version'] as $name) {
                        $found = preg_grep("/^$name:/i", $lines);
                        $listener->report(implode(' and ', $found));
                    }
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection('/path/to?x=1&y=%20z');
                    $c->headers = ['Cookie' => 'a=1; b=2', 'X-Number' => 5];
                    $c->websocketOrigin = 'http://example.org';
                    $c->websocketClientProtocol = 'chat';
                    $c->connect();
                },
                seen: [
                    'connected', 'open', 'closed', 'server: GET /path/to?x=1&y=%20z HTTP/1.1',
                    'server: Cookie: a=1; b=2', 'server: X-Number: 5', 'server: Origin: http://example.org',
                    'server: Sec-WebSocket-Protocol: chat', 'server: Sec-WebSocket-Version: 13',
                ],
                reports: true
            ),
            'the answer is given to onWebSocketConnect' => new Scenario(
                server: static function (Listener $listener): void {
                    $listener->accept()->upgrade(['X-Answer: yes']);
                    $listener->await();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static function ($c, $response) use ($probe): void {
                        $probe->see(is_string($response)
                            ? strtok($response, "\r") . preg_match('/^X-Answer: yes\r$/m', $response)
                            : implode(' ', [
                                get_class($response), $response->getStatusCode(), $response->getReasonPhrase(),
                                $response->getHeader('X-Answer'),
                            ]));
                        $probe->finish();
                    };
                    $c->connect();
                },
                seen: ['connected', 'Workerman\Protocols\Http\Response 101 Switching Protocols yes'],
                seenOn4: ['connected', 'HTTP/1.1 101 Switching Protocols1'],
            ),
            'repeated header fields' => new Scenario(
                server: static function (Listener $listener): void {
                    $listener->accept()->upgrade(['Set-Cookie: a=1', 'Set-Cookie: b=2']);
                    $listener->await();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static function ($c, $response) use ($probe): void {
                        $probe->see(is_string($response)
                            ? (string) substr_count($response, 'Set-Cookie')
                            : implode(' and ', (array) $response->getHeader('Set-Cookie')));
                        $probe->finish();
                    };
                    $c->connect();
                },
                seen: ['connected', 'a=1 and b=2'],
                seenOn4: ['connected', '2'],
                theirs: ['connected', 'b=2'],
                theirsOn4: ['connected', '2'],
                why: '#27'
            ),
            'connect() while open does nothing' => new Scenario(
                server: self::echoOnce(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $probe->see('open');
                        $c->connect();
                        $c->send('hello');
                    };
                    $c->connect();
                    $c->connect();
                },
                seen: ['connected', 'open', 'message hello', 'closed'],
            ),
            'a name whose first address is dead' => new Scenario(
                server: self::upgradeAndEnd(),
                client: static function (Probe $probe): void {
                    $probe->connection(strtr($probe->url, ['127.0.0.1' => 'localhost']))->connect();
                },
                seen: ['connected', 'open', 'closed'],
                theirs: self::localhostIsTwo() ? ['error 1', 'closed'] : [],
                why: '#11, of which this is the half that needs no name server'
            ),
            'an address without a server' => new Scenario(
                server: static function (): void {
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection('ws://127.0.0.1:' . Server::unusedPort());
                    $c->onError = static function ($c, $code, $message) use ($probe): void {
                        $probe->see("error $code " . preg_replace('/\d+(\.\d+)* seconds.*/', '# seconds', strtr(
                            $message,
                            [$c->getRemoteAddress() => '<address>']
                        )));
                    };
                    $c->connect();
                },
                seen: ['error 1 connect <address> fail after # seconds', 'closed'],
            ),
            'wss://' => new Scenario(
                server: static function (): void {
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection('wss://example.org/path');
                    $probe->see("$c->transport {$c->getRemoteHost()} {$c->getRemoteURI()}");
                    $probe->finish();
                },
                seen: ['ssl example.org /path'],
                theirs: ['thrown: RuntimeException class \Protocols\Wss not exist'],
                theirsOn4: ['thrown: Exception class \Protocols\Wss not exist'],
                why: 'wss:// is understood'
            ),
            'the example of the documentation reconnects for ever' => new Scenario(
                server: static function (Listener $listener): void {
                    for ($i = 0; $i < 3; ++$i) {
                        $peer = $listener->acceptUpgraded();
                        $listener->report($peer->readUntil(Peer::TEXT));
                        $peer->end();
                    }
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $left = 3;
                    $c->onWebSocketConnect = static fn ($c) => $c->send('hello');
                    $c->onClose = static function ($c) use ($probe, &$left): void {
                        --$left > 0 ? $c->reConnect() : $probe->finish();
                    };
                    $c->connect();
                },
                seen: ['connected', 'connected', 'connected', 'server: hello', 'server: hello', 'server: hello'],
                reports: true
            ),
        ];
    }

    /**
     * @return array<string, Scenario>
     */
    private static function sending(): array
    {
        return [
            'what send() returns' => new Scenario(
                server: self::readAndEnd(2),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $probe->see('before ' . var_export($c->send('early'), true));
                    $c->onMessage = null;
                    $c->onWebSocketPing = static function () use ($probe, $c): void {
                        $c->websocketType = "\x81";
                        $probe->see('open ' . var_export($c->send('later'), true));
                    };
                    $c->onClose = static function ($c) use ($probe): void {
                        $probe->see('closed ' . var_export($c->send('too late'), true));
                        $probe->finish();
                    };
                    $c->connect();
                },
                seen: ['before NULL', 'connected', 'open', 'open true', 'closed false', 'server: early', 'server: later'],
                reports: true
            ),
            'messages wait for the handshake' => new Scenario(
                server: self::readAndEnd(3),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->send('1');
                    $c->connect();
                    $c->send('2');
                    $c->onConnect = static fn ($c) => $c->send('3');
                },
                seen: ['open', 'closed', 'server: 1', 'server: 2', 'server: 3'],
                reports: true
            ),
            'messages sent in onWebSocketConnect' => new Scenario(
                server: self::readAndEnd(2),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('second');
                    $c->connect();
                    $c->send('first');
                },
                seen: ['connected', 'closed', 'server: first', 'server: second'],
                theirs: ['connected', 'closed', 'server: second', 'server: first'],
                why: '#22',
                reports: true
            ),
            'a full send buffer' => new Scenario(
                server: self::upgradeAndWait(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onBufferFull = static fn () => $probe->see('full');
                    $c->onError = static fn ($c, $code, $message) => $probe->see("error $code $message");
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        foreach ([self::MUCH, 10, 10] as $length) {
                            $probe->see(var_export($c->send(str_repeat('x', $length)), true));
                        }
                        $probe->see('failed: ' . $c::$statistics['send_fail']);
                        $probe->see($c->getSendBufferQueueSize() > 1e6 && !$c->bufferIsEmpty() ? 'much waits' : 'little waits');
                        $probe->finish();
                    };
                    $c->connect();
                },
                seen: [
                    'connected', 'full', 'NULL', 'error 2 send buffer full and drop package', 'false',
                    'error 2 send buffer full and drop package', 'false', 'failed: 2', 'much waits',
                ],
            ),
            'onBufferDrain comes when the buffer is empty again' => new Scenario(
                server: self::readAndEnd(1, whenCalled: true),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onBufferFull = static fn () => $probe->see('full');
                    $c->onBufferDrain = static fn ($c) => $probe->see('empty ' . $c->getSendBufferQueueSize());
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $c->send(str_repeat('x', self::MUCH));
                        $probe->call();
                    };
                    $c->connect();
                },
                seen: ['connected', 'full', 'empty 0', 'closed', 'server: ' . self::MUCH . ' bytes'],
                reports: true
            ),
            'onBufferDrain comes without onBufferFull, too' => new Scenario(
                server: self::readAndEnd(1, whenCalled: true),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->maxSendBufferSize = 2 * self::MUCH;
                    $c->onBufferFull = static fn () => $probe->see('full');
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $c->send(str_repeat('x', self::MUCH));
                        $probe->call();
                        $c->onBufferDrain = static fn () => $probe->see('empty');
                    };
                    $c->connect();
                },
                seen: ['connected', 'empty', 'closed', 'server: ' . self::MUCH . ' bytes'],
                reports: true
            ),
            'onBufferDrain comes although onMessage has filled the buffer anew' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $listener->accept();
                    $peer->text('go');
                    $listener->report(Probe::shorten($peer->read()[1]));
                    $listener->accept();
                    $listener->report(Probe::shorten($peer->read()[1]));
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onBufferDrain = static fn ($c) => $probe->see('empty ' . $c->getSendBufferQueueSize());
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $c->send(str_repeat('x', self::MUCH));
                        $probe->call();
                        // The drain is to be noticed after the message, and before the message's callback.
                        Server::wait(static fn (): bool => $c->bufferIsEmpty());
                    };
                    $c->onMessage = static function ($c) use ($probe): void {
                        $c->send(str_repeat('y', self::MUCH));
                        $probe->call();
                    };
                    $c->connect();
                },
                seen: ['connected', 'empty 0', 'closed', 'server: ' . self::MUCH . ' bytes', 'server: ' . self::MUCH . ' bytes'],
                theirs: [],
                reports: true
            ),
            'websocketType' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    for ($i = 0; $i < 2; ++$i) {
                        $listener->report(implode(' ', $peer->read()));
                    }
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static function ($c): void {
                        foreach (["\x81", "\x82"] as $type) {
                            $c->websocketType = $type;
                            $c->send('x');
                        }
                    };
                    $c->connect();
                },
                seen: ['connected', 'closed', 'server: 1 x', 'server: 2 x'],
                reports: true
            ),
            'raw frames' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $listener->report(implode(' ', $peer->read()));
                    $listener->report(implode(' ', $peer->read()));
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static function ($c): void {
                        $c->send("\x89\x80\0\0\0\0", true);
                        $c->send("\x81\x82\1\1\1\1" . ('hi' ^ "\1\1"), true);
                    };
                    $c->connect();
                },
                seen: ['connected', 'closed', 'server: 9 ', 'server: 1 hi'],
                reports: true
            ),
            'raw fragments' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    for ($i = 0; $i < 4; ++$i) {
                        $listener->report(implode(' ', $peer->read()));
                    }
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static function ($c): void {
                        $c->send("\x02\x83\0\0\0\0one\x00\x83\0\0\0\0two", true);
                        $c->send("\x80\x85\0\0\0\0three\x81\x85\0\0\0\0whole", true);
                    };
                    $c->connect();
                },
                seen: ['connected', 'closed', 'server: 2 one', 'server: 0 two', 'server: 0 three', 'server: 1 whole'],
                reports: true
            ),
            'a raw close frame' => new Scenario(
                server: $readClose = static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    [$type, $payload] = $peer->read();
                    $listener->report($type . ' ' . bin2hex($payload));
                    $peer->write(Peer::frame(Peer::CLOSE, $payload));
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send("\x88\x82\0\0\0\0\x0b\xb9", true);
                    $c->connect();
                },
                seen: ['connected', 'closed', 'server: 8 0bb9'],
                reports: true
            ),
            'a raw close frame as the last data' => new Scenario(
                server: $readClose,
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->close("\x88\x85\0\0\0\0\x0b\xb9bye", true);
                    $c->connect();
                },
                seen: ['connected', 'closed', 'server: 8 0bb9627965'],
                reports: true
            ),
            'a number as a message' => new Scenario(
                server: self::readAndEnd(1),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send(17);
                    $c->connect();
                },
                seen: ['connected', 'closed', 'server: 17'],
                theirs: ['connected', 'the worker was stopped', 'server: nobody'],
                theirsOn4: ['connected', 'closed', 'server: 17'],
                why: 'send() takes numbers on both versions',
                reports: true
            ),
            'text that is not UTF-8' => new Scenario(
                server: self::readAndEnd(1),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $probe->see(var_export($c->send("\xff"), true));
                        $c->send('x');
                    };
                    $c->connect();
                },
                seen: ['connected', 'error 2', 'false', 'closed', 'server: x'],
                theirs: ['connected', 'true', 'closed', "server: \xff"],
                why: '#18, for what is sent',
                reports: true
            ),
            'a payload of 65535 bytes' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $listener->report((string) (ord(self::raw($peer, 2)[1]) & 0x7f));
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send(str_repeat('x', 65535));
                    $c->connect();
                },
                seen: ['connected', 'closed', 'server: 126'],
                theirs: ['connected', 'closed', 'server: 127'],
                why: '#14',
                reports: true
            ),
            'the mask' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $listener->report(substr(self::raw($peer, 6), 2) === "\0\0\0\0" ? 'none' : 'random');
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('x');
                    $c->connect();
                },
                seen: ['connected', 'closed', 'server: random'],
                theirs: ['connected', 'closed', 'server: none'],
                why: '#5',
                reports: true
            ),
        ];
    }

    /**
     * @return array<string, Scenario>
     */
    private static function receiving(): array
    {
        return [
            'a ping between fragments' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $peer->write(Peer::frame(Peer::TEXT, 'AAAA', false));
                    $peer->write(Peer::frame(Peer::PING, 'pp') . Peer::frame(Peer::CONTINUATION, 'BBBB'));
                    $listener->report($peer->readUntil(Peer::PONG));
                    $peer->end();
                },
                client: self::sayHello(),
                seen: ['connected', 'message AAAABBBB', 'closed', 'server: pp'],
                theirs: ['connected', 'message BBBB', 'closed', 'server: AAAApp'],
                why: '#1',
                reports: true
            ),
            'messages that end alike' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    foreach (['first-', 'second-'] as $beginning) {
                        $peer->read();
                        $peer->write(Peer::frame(Peer::TEXT, $beginning, false));
                        $peer->write(Peer::frame(Peer::CONTINUATION, 'END'));
                    }
                    $peer->read();
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('next');
                    $c->onMessage = static function ($c, $data) use ($probe): void {
                        $probe->see($data);
                        $c->send('next');
                    };
                    $c->connect();
                },
                seen: ['connected', 'first-END', 'second-END', 'closed'],
                theirs: ['connected', 'first-END', 'first-END', 'closed'],
                theirsOn4: ['connected', 'first-END', 'second-END', 'closed'],
                why: '#2'
            ),
            'thousands of pings' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $peer->write(str_repeat(Peer::frame(Peer::PONG), 20_000));
                    $peer->text('alive');
                    $listener->await();
                },
                client: static function (Probe $probe): void {
                    ini_set('memory_limit', '64M');
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('go');
                    $c->onMessage = static function ($c, $data) use ($probe): void {
                        $probe->see($data);
                        $probe->finish();
                    };
                    $c->connect();
                },
                seen: ['connected', 'alive'],
                theirs: ['connected', 'died: Allowed memory size of # bytes exhausted (tried to allocate # bytes)'],
                why: '#3'
            ),
            'a message together with the answer to the handshake' => new Scenario(
                server: static function (Listener $listener): void {
                    $listener->accept()->upgrade([], Peer::frame(Peer::TEXT, 'hello'));
                    $listener->await();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onMessage = static function ($c, $data) use ($probe): void {
                        $probe->see($data);
                        $probe->finish();
                    };
                    $c->onWebSocketConnect = static fn () => $probe->after(0.3, static function () use ($probe): void {
                        $probe->see('late');
                        $probe->finish();
                    });
                    $c->connect();
                },
                seen: ['connected', 'hello'],
                theirs: ['connected', 'late'],
                theirsOn4: ['connected', 'hello'],
                why: '#4'
            ),
            'pauseRecv() and resumeRecv()' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->text($peer->readUntil(Peer::TEXT));
                    $peer->read();
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $c->pauseRecv();
                        $c->send('hello');
                        $probe->after(0.1, static function () use ($c, $probe): void {
                            $probe->see('nothing yet');
                            $c->resumeRecv();
                        });
                    };
                    $c->onMessage = static function ($c, $data) use ($probe): void {
                        $probe->see($data);
                        $c->send('thanks');
                    };
                    $c->connect();
                },
                seen: ['connected', 'nothing yet', 'hello', 'closed'],
            ),
            'a pause before the others of a packet' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $peer->write(Peer::frame(Peer::TEXT, '1') . Peer::frame(Peer::TEXT, '2') . Peer::frame(Peer::TEXT, '3'));
                    $peer->read();
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('go');
                    $c->onMessage = static function ($c, $data) use ($probe): void {
                        $probe->see($data);
                        if ($data === '1') {
                            $c->pauseRecv();
                            $probe->after(0.05, static function () use ($c, $probe): void {
                                $probe->see('resume');
                                $c->resumeRecv();
                            });
                        } elseif ($data === '3') {
                            $c->send('thanks');
                        }
                    };
                    $c->connect();
                },
                seen: ['connected', '1', 'resume', '2', '3', 'closed'],
            ),
            'pipe()' => new Scenario(
                server: static function (Listener $listener): void {
                    $a = $listener->acceptUpgraded();
                    $b = $listener->acceptUpgraded();
                    $a->read();
                    $a->text('piped');
                    $listener->report($b->readUntil(Peer::TEXT));
                    $a->end();
                    $b->end();
                },
                client: static function (Probe $probe): void {
                    $a = $probe->connection();
                    $b = $probe->connection();
                    $a->onWebSocketConnect = static fn () => $b->connect();
                    $b->onWebSocketConnect = static function ($b) use ($a): void {
                        $a->pipe($b);
                        $a->send('start');
                    };
                    $a->connect();
                },
                seen: ['connected', 'connected', 'closed', 'server: piped'],
                reports: true
            ),
            'without onMessage' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->text($peer->readUntil(Peer::TEXT));
                    $listener->await();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onMessage = null;
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $c->send('hello');
                        $probe->after(0.2, static function () use ($probe): void {
                            $probe->see('alive');
                            $probe->finish();
                        });
                    };
                    $c->connect();
                },
                seen: ['connected', 'alive'],
                theirs: ['connected', 'the worker was stopped'],
                theirsOn4: ['connected', 'alive'],
                why: 'a message nobody wants is dropped on both versions'
            ),
            'text from the server that is not UTF-8' => new Scenario(
                server: self::answerWith("\x81\x01\xff"),
                client: self::sayHello(),
                seen: ['connected', 'error 5', 'closed'],
                theirs: ['connected', "message \xff", 'closed'],
                why: '#18'
            ),
            'a frame with a reserved bit' => new Scenario(
                server: self::answerWith("\xc1\x01x"),
                client: self::sayHello(),
                seen: ['connected', 'error 5', 'closed'],
                theirs: ['connected', 'message x', 'closed'],
                why: '#18'
            ),
            'a message above maxPackageSize' => new Scenario(
                server: self::answerWith(Peer::frame(Peer::TEXT, str_repeat('x', 2000))),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->maxPackageSize = 1000;
                    // What is sent has no limit.
                    $c->onWebSocketConnect = static fn ($c) => $c->send(str_repeat('x', 5000));
                    $c->connect();
                },
                seen: ['connected', 'error 5', 'closed'],
                theirs: ['connected', 'closed'],
                why: '#25'
            ),
            'maxPackageSize raised and lowered while open' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    foreach ([5000, 1, 2000] as $size) {
                        $peer->read();
                        $peer->write(Peer::frame(Peer::TEXT, str_repeat('x', $size)));
                    }
                    while ($peer->read() !== null) {
                        // Until the client goes.
                    }
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $limits = [10000, 1000, 1000];
                    $next = static function ($c) use (&$limits): void {
                        $c->maxPackageSize = array_shift($limits);
                        $c->send('go on');
                    };
                    $c->maxPackageSize = 1000;
                    $c->onWebSocketConnect = $next;
                    $c->onMessage = static function ($c, $data) use ($probe, $next): void {
                        $probe->see(strlen($data) . ' bytes');
                        $next($c);
                    };
                    $c->connect();
                },
                seen: ['connected', '5000 bytes', '1 bytes', 'error 5', 'closed'],
                theirs: ['connected', '5000 bytes', '1 bytes', 'closed'],
                why: '#25'
            ),
            'compression' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->accept();
                    $offered = str_contains($peer->readRequest(), 'permessage-deflate');
                    $peer->upgrade($offered ? ['Sec-WebSocket-Extensions: permessage-deflate'] : []);
                    $listener->report($offered ? 'offered' : 'not offered');
                    $text = str_repeat('the same again, ', 50);
                    if ($offered) {
                        $frame = Peer::frame(Peer::TEXT, gzdeflate($text));
                        $frame[0] = $frame[0] | "\x40";
                        $peer->write($frame);
                        $listener->report(strlen($peer->read()[1]) < 100 ? 'sent compressed' : 'sent whole');
                    }
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $probe->set($c, 'deflate', new Deflate());
                    $c->onMessage = static function ($c, $data) use ($probe): void {
                        $probe->see(strlen($data) . ' bytes');
                        $c->send($data);
                    };
                    $c->connect();
                },
                seen: [
                    'connected', 'open', '800 bytes', 'closed', 'server: offered', 'server: sent compressed',
                ],
                theirs: ['connected', 'open', 'closed', 'server: not offered'],
                why: '#19',
                reports: true
            ),
            'the type of a message' => new Scenario(
                server: self::answerWith(Peer::frame(Peer::BINARY, 'x')),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('go');
                    $c->onMessage = static fn ($c, $data, $type = null) => $probe->see($type?->name ?? 'unknown');
                    $c->connect();
                },
                seen: ['connected', 'Binary', 'closed'],
                theirs: ['connected', 'unknown', 'closed'],
                why: '#28'
            ),
        ];
    }

    /**
     * @return array<string, Scenario>
     */
    private static function controlFrames(): array
    {
        $answerToPing = static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $peer->read();
            $peer->write(Peer::frame(Peer::PING, 'p'));
            $listener->report(implode(' ', $peer->read()));
            $peer->end();
        };
        return [
            'a ping is answered' => new Scenario(
                server: $answerToPing,
                client: self::sayHello(),
                seen: ['connected', 'closed', 'server: 10 p'],
                reports: true
            ),
            'onWebSocketPing answers by itself' => new Scenario(
                server: $answerToPing,
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('go');
                    $c->onWebSocketPing = static function ($c, $data) use ($probe): void {
                        $probe->see("ping $data");
                        $c->send('mine');
                    };
                    $c->connect();
                },
                seen: ['connected', 'ping p', 'closed', 'server: 10 mine'],
                reports: true
            ),
            'a message sent in onWebSocketPong' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $peer->write(Peer::frame(Peer::PONG, 'p'));
                    $listener->report(implode(' ', $peer->read()));
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('go');
                    $c->onWebSocketPong = static function ($c, $data) use ($probe): void {
                        $probe->see("pong $data");
                        $c->send('message');
                    };
                    $c->connect();
                },
                seen: ['connected', 'pong p', 'closed', 'server: 1 message'],
                theirs: ['connected', 'pong p', 'closed', 'server: 10 message'],
                why: '#23',
                reports: true
            ),
            'websocketPingInterval' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    for ($i = 0; $i < 3; ++$i) {
                        $payload = $peer->readUntil(Peer::PING);
                        $peer->write(Peer::frame(Peer::PONG, $payload));
                    }
                    $listener->report($payload === '' ? 'empty' : 'numbered');
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->websocketPingInterval = 0.05;
                    $c->connect();
                },
                seen: ['connected', 'open', 'closed', 'server: numbered'],
                theirs: ['connected', 'open', 'closed', 'server: empty'],
                why: 'pings carry a number, by which their round trip is measured',
                reports: true
            ),
            'a server that does not answer pings' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    for ($i = 0; $i < 10 && $peer->read() !== null; ++$i) {
                    }
                    $listener->report($i < 10 ? 'gone' : 'still there');
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->websocketPingInterval = 0.05;
                    $probe->set($c, 'pongTimeout', 0.05);
                    $c->connect();
                },
                seen: ['connected', 'open', 'error 5', 'closed', 'server: gone'],
                theirs: ['connected', 'open', 'closed', 'server: still there'],
                why: '#20',
                reports: true
            ),
            'pings and a full send buffer' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $listener->await();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection('/', [], ['onError']);
                    $c->websocketPingInterval = 0.02;
                    $probe->set($c, 'pongTimeout', \INF);
                    $c->onError = static fn ($c, $code) => $probe->see("error $code");
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $c->send(str_repeat('x', self::MUCH));
                        $probe->after(0.2, static function () use ($probe): void {
                            $probe->see('no more');
                            $probe->finish();
                        });
                    };
                    $c->connect();
                },
                seen: ['connected', 'no more'],
                theirs: ['connected', 'error 2', 'no more'],
                why: '#21'
            ),
        ];
    }

    /**
     * @return array<string, Scenario>
     */
    private static function ending(): array
    {
        return [
            'close() with a last message' => new Scenario(
                server: self::readAndEnd(1),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->close('bye');
                    $c->connect();
                },
                seen: ['connected', 'closed', 'server: bye'],
                reports: true
            ),
            'close() sends a close frame' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $frame = $peer->read();
                    $listener->report($frame === null ? 'no frame' : "$frame[0] " . unpack('n', $frame[1])[1]);
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->close('bye');
                    $c->connect();
                },
                seen: ['connected', 'closed', 'server: 8 1000'],
                theirs: ['connected', 'closed', 'server: no frame'],
                why: '#12',
                reports: true
            ),
            'onClose comes after close(), which waits for the server' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $peer->echo();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection('/', [], ['onClose']);
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $c->send('hello');
                        $c->onClose = static fn () => $probe->see('closed');
                        $c->close();
                        $probe->see($c->getStatus(false));
                        $probe->see('send: ' . var_export($c->send('x'), true));
                        $probe->after(0.1, static fn () => $probe->finish());
                    };
                    $c->connect();
                },
                seen: ['connected', 'CLOSING', 'send: false', 'closed'],
                theirs: ['connected', 'closed', 'CLOSED', 'send: false'],
                why: '#12: the close handshake takes time'
            ),
            'no message comes after close()' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $peer->write(str_repeat(Peer::frame(Peer::TEXT, 'x'), 5));
                    $peer->readUntil(Peer::CLOSE);
                    $peer->text('late');
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('go');
                    $c->onMessage = static function ($c, $data) use ($probe): void {
                        $probe->see($data);
                        $c->close();
                    };
                    $c->connect();
                },
                seen: ['connected', 'x', 'closed'],
            ),
            'close() before the connection is open' => new Scenario(
                server: self::upgradeAndWait(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onClose = static fn ($c) => $probe->see('closed ' . $c->getStatus(false));
                    $c->connect();
                    $c->close();
                    $probe->see('close() has returned');
                    $probe->after(0.1, static fn () => $probe->finish());
                },
                seen: ['closed CLOSED', 'close() has returned'],
            ),
            'destroy()' => new Scenario(
                server: self::upgradeAndWait(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $c->onClose = static fn () => $probe->see('closed');
                        $c->destroy();
                        $c->destroy();
                        $probe->see($c->getStatus(false));
                        $probe->after(0.1, static fn () => $probe->finish());
                    };
                    $c->connect();
                },
                seen: ['connected', 'closed', 'CLOSED'],
            ),
            'what is left after onClose' => new Scenario(
                server: self::upgradeAndEnd(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onBufferFull = $c->onBufferDrain = 'strlen';
                    $c->onClose = static fn () => $probe->after(0.01, static function () use ($c, $probe): void {
                        foreach (
                            [
                                'onConnect', 'onWebSocketConnect', 'onMessage', 'onError', 'onClose',
                                'onBufferFull', 'onBufferDrain',
                            ] as $name
                        ) {
                            $probe->see($c->$name === null ? "no $name" : $name);
                        }
                        $probe->see(count($c::$connections) . ' connections');
                        $probe->finish();
                    });
                    $probe->see(count($c::$connections) . ' connections');
                    $c->connect();
                },
                seen: [
                    '1 connections', 'connected', 'open', 'onConnect', 'onWebSocketConnect', 'no onMessage', 'no onError',
                    'no onClose', 'no onBufferFull', 'no onBufferDrain', '0 connections',
                ],
            ),
            'the close frame of the server is answered' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $peer->write(Peer::closeFrame(4001, 'because'));
                    $frame = $peer->read();
                    $listener->report($frame === null ? 'no answer' : "$frame[0] " . unpack('n', $frame[1])[1]);
                    $peer->end();
                },
                client: self::sayHello(),
                seen: ['connected', 'closed', 'server: 8 4001'],
                theirs: ['connected', 'closed', 'server: no answer'],
                why: '#12',
                reports: true
            ),
            'onWebSocketClose' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $peer->write(Peer::closeFrame(4001, 'because') . Peer::frame(Peer::TEXT, 'more'));
                    $peer->read();
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('go');
                    $c->onWebSocketClose = static function ($c, $payload = '') use ($probe): void {
                        $probe->see('close frame ' . substr($payload, 2));
                        $c->close();
                    };
                    $c->connect();
                },
                seen: ['connected', 'close frame because', 'closed'],
                theirs: ['connected', "close frame because\x81\x04more", 'closed'],
                theirsOn4: ['connected', 'close frame ', 'closed'],
                why: '#13; on 4 the payload is not given'
            ),
            'the close code' => new Scenario(
                server: self::answerWith(Peer::closeFrame(4001, 'because')),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('go');
                    $c->onClose = static function ($c, ...$arguments) use ($probe): void {
                        $probe->see(json_encode($arguments));
                        $probe->finish();
                    };
                    $c->connect();
                },
                seen: ['connected', '[4001,"because",true,0]'],
                theirs: ['connected', '[]'],
                why: '#28'
            ),
            'messages that were never sent' => new Scenario(
                server: self::upgradeAndWait(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static function ($c) use ($probe): void {
                        $c->onClose = static function ($c, $code = 0, $reason = '', $clean = '', $unsent = '?') use ($probe): void {
                            $probe->see("closed, $unsent unsent");
                        };
                        $c->maxSendBufferSize = 2 * self::MUCH;
                        $c->send(str_repeat('x', self::MUCH));
                        $c->send('y');
                        $c->destroy();
                        $probe->finish();
                    };
                    $c->connect();
                },
                seen: ['connected', 'closed, 2 unsent'],
                theirs: ['connected', 'closed, ? unsent'],
                why: '#28'
            ),
        ];
    }

    /**
     * @return array<string, Scenario>
     */
    private static function reconnecting(): array
    {
        $unused = static fn (): string => 'ws://127.0.0.1:' . Server::unusedPort();
        return [
            'reconnect() in onClose keeps the callbacks' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $peer->end();
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $peer->text('again');
                    $listener->await();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('hello');
                    $c->onMessage = static function ($c, $data) use ($probe): void {
                        $probe->see($data);
                        $probe->finish();
                    };
                    $c->onClose = static function ($c) use ($probe): void {
                        $probe->see('closed ' . $c->getStatus(false));
                        $c->reConnect($probe->delay());
                        $probe->see($c->getStatus(false));
                    };
                    $c->connect();
                },
                seen: ['connected', 'closed CLOSED', 'INITIAL', 'connected', 'again'],
            ),
            'reconnect() in onError prevents onClose' => new Scenario(
                server: static function (): void {
                },
                client: static function (Probe $probe) use ($unused): void {
                    $c = $probe->connection($unused());
                    $left = 3;
                    $c->onError = static function ($c, $code) use ($probe, &$left): void {
                        $probe->see("error $code");
                        --$left > 0 ? $c->reconnect() : $probe->finish();
                    };
                    $c->connect();
                },
                seen: ['error 1', 'error 1', 'error 1'],
            ),
            'fractions of a second' => new Scenario(
                server: static function (): void {
                },
                client: static function (Probe $probe) use ($unused): void {
                    $c = $probe->connection($unused());
                    $since = 0.0;
                    $c->onError = null;
                    $c->onClose = static function ($c) use ($probe, &$since): void {
                        if ($since === 0.0) {
                            $since = microtime(true);
                            $c->reconnect(0.2);
                        } else {
                            $probe->see(microtime(true) - $since > 0.15 ? 'waited' : 'at once');
                            $probe->finish();
                        }
                    };
                    $c->connect();
                },
                seen: ['waited'],
                theirs: ['the worker was stopped'],
                theirsOn4: ['waited'],
                why: '#24'
            ),
            'close() takes a reconnect back' => new Scenario(
                server: static function (Listener $listener): void {
                    $listener->acceptUpgraded()->end();
                    $listener->await();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $again = true;
                    $c->onClose = static function ($c) use ($probe, &$again): void {
                        $probe->see('closed');
                        if ($again) {
                            $again = false;
                            $c->reconnect($probe->delay());
                            $probe->after(0.01, static fn () => $c->close());
                            $probe->after($probe->delay() + 0.2, static fn () => $probe->finish());
                        }
                    };
                    $c->connect();
                },
                seen: ['connected', 'open', 'closed', 'closed'],
                theirs: ['connected', 'open', 'closed', 'closed', 'connected'],
                why: '#8'
            ),
            'cancelReconnect()' => new Scenario(
                server: static function (Listener $listener): void {
                    $listener->acceptUpgraded()->end();
                    $listener->await();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onClose = static function ($c) use ($probe): void {
                        $probe->see('closed');
                        $c->reconnect($probe->delay());
                        $c->cancelReconnect();
                        $probe->after($probe->delay() + 0.1, static fn () => $probe->finish());
                    };
                    $c->connect();
                },
                seen: ['connected', 'open', 'closed'],
            ),
            'a message for the next attempt' => new Scenario(
                server: static function (Listener $listener): void {
                    $listener->acceptUpgraded()->end();
                    $listener->report($listener->acceptUpgraded()->readUntil(Peer::TEXT));
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $again = true;
                    $c->onClose = static function ($c) use ($probe, &$again): void {
                        if (!$again) {
                            $probe->finish();
                        }
                        $again = false;
                        $c->reconnect($probe->delay());
                        $probe->after(0.01, static fn () => $probe->see(var_export($c->send('queued'), true)));
                    };
                    $c->connect();
                },
                seen: ['connected', 'open', 'NULL', 'connected', 'open', 'server: queued'],
                reports: true
            ),
        ];
    }

    /**
     * @return array<string, Scenario>
     */
    private static function properties(): array
    {
        return [
            'defaults' => new Scenario(
                server: static function (): void {
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection('/path?x');
                    $probe->see(implode(' ', [
                        $c->transport, $c->maxSendBufferSize, $c->maxPackageSize, $c->bytesRead, $c->bytesWritten,
                        $c->protocol, $c::STATUS_INITIAL, $c::$statistics['connection_count'], $c->getStatus(false),
                    ]));
                    $probe->see(($c->context instanceof \stdClass ? 'stdClass ' : '') . get_debug_type($c->worker));
                    $probe->see($c instanceof \Workerman\Connection\TcpConnection ? 'a TcpConnection' : 'something else');
                    $probe->finish();
                },
                seen: ['tcp 1048576 10485760 0 0 \Workerman\Protocols\Ws 0 1 INITIAL', 'stdClass null', 'a TcpConnection'],
            ),
            'status' => new Scenario(
                server: self::upgradeAndEnd(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $see = static fn () => $probe->see($c->getStatus() . ' ' . $c->getStatus(false));
                    $see();
                    $c->onConnect = $c->onWebSocketConnect = $see;
                    $c->onClose = static function () use ($probe, $see): void {
                        $see();
                        $probe->finish();
                    };
                    $c->connect();
                    $see();
                },
                seen: ['0 INITIAL', '1 CONNECTING', '2 ESTABLISHED', '2 ESTABLISHED', '16 CLOSED'],
                seenOn4: ['0 INITIAL', '1 CONNECTING', '2 ESTABLISHED', '2 ESTABLISHED', '8 CLOSED'],
            ),
            'addresses' => new Scenario(
                server: self::upgradeAndEnd(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection(strtr($probe->url, ['127.0.0.1' => 'localhost']) . '/path?x=1');
                    $port = parse_url($probe->url, PHP_URL_PORT);
                    $see = static fn () => $probe->see(strtr(implode(' ', [
                        $c->getRemoteAddress(), $c->getRemoteHost(), $c->getRemoteURI(), $c->getRemoteIp(),
                        $c->getRemotePort() === $port ? '<port>' : $c->getRemotePort(),
                        $c->getLocalIp(), $c->getLocalPort() > 0 ? 'local' : 'none', $c->isIpV4() ? 4 : 6,
                    ]), [":$port" => ':<port>']));
                    $see();
                    $c->onConnect = $see;
                    $c->connect();
                },
                seen: [
                    'localhost:<port> localhost /path?x=1 localhost <port>  none 4',
                    '127.0.0.1:<port> localhost /path?x=1 127.0.0.1 <port> 127.0.0.1 local 4', 'open', 'closed',
                ],
                // Workerman's own fails if the first address is dead.
                theirs: self::localhostIsTwo() ? [] : Scenario::SAME
            ),
            'counters' => new Scenario(
                server: self::echoOnce(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $c->send('hello');
                    $c->onClose = static function ($c) use ($probe): void {
                        $probe->see($c->bytesRead > 100 && $c->bytesWritten > 100 ? 'bytes' : 'no bytes');
                        $probe->see($c::$statistics['total_request'] . ' message');
                        $probe->finish();
                    };
                    $c->connect();
                },
                seen: ['connected', 'message hello', 'bytes', '1 message'],
            ),
            'properties of the program\'s own' => new Scenario(
                server: self::upgradeAndEnd(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    foreach (['timer_id', 'native', 'open', 'paused', 'queue', 'url', 'loop', 'state'] as $name) {
                        $c->$name = $name;
                    }
                    $c->list[] = 1;
                    $c->onClose = static function ($c) use ($probe): void {
                        $probe->see("$c->timer_id $c->native $c->open $c->paused $c->queue $c->loop " . count($c->list));
                        $probe->finish();
                    };
                    $c->connect();
                },
                seen: ['connected', 'open', 'timer_id native open paused queue loop 1'],
            ),
            'context->handshakeStep' => new Scenario(
                server: self::upgradeAndEnd(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onWebSocketConnect = static fn ($c) => $probe->see('step ' . $c->context->handshakeStep);
                    $c->connect();
                },
                seen: ['connected', 'step 2', 'closed'],
            ),
        ];
    }

    /**
     * @return array<string, Scenario>
     */
    private static function exceptions(): array
    {
        $throw = static fn (string $callback): \Closure => static function (Probe $probe) use ($callback): void {
            $c = $probe->connection();
            $c->errorHandler = static fn (\Throwable $fault) => $probe->see('handled ' . $fault->getMessage());
            $c->onWebSocketConnect = static fn ($c) => $c->send('hello');
            $c->$callback = static fn () => throw new \LogicException($callback);
            $c->connect();
        };
        return [
            'an exception in onMessage' => new Scenario(
                server: self::echoOnce(),
                client: $throw('onMessage'),
                seen: ['connected', 'handled onMessage', 'closed'],
                seenOn4: ['connected', 'the worker was stopped'],
            ),
            'an exception in onConnect' => new Scenario(
                server: self::echoOnce(),
                client: $throw('onConnect'),
                seen: ['handled onConnect', 'message hello', 'closed'],
                seenOn4: ['the worker was stopped'],
            ),
            'an exception in onWebSocketConnect' => new Scenario(
                server: self::upgradeAndWait(),
                client: $throw('onWebSocketConnect'),
                seen: ['connected', 'the worker was stopped'],
            ),
            'an exception without errorHandler' => new Scenario(
                server: self::upgradeAndWait(),
                client: static function (Probe $probe): void {
                    // Workerman 5 takes some milliseconds to stop.
                    $c = $probe->connection('/', [], ['onWebSocketConnect']);
                    $c->onConnect = static fn () => throw new \LogicException('no');
                    $c->connect();
                },
                seen: ['the worker was stopped'],
            ),
        ];
    }

    /**
     * @return array<string, Scenario>
     */
    private static function failures(): array
    {
        $answer = static fn (string $bytes): \Closure => static function (Listener $listener) use ($bytes): void {
            $peer = $listener->accept();
            $peer->readRequest();
            $peer->write($bytes);
            $peer->end();
        };
        $refusal = $answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        $noTls = static function (Listener $listener): void {
            $peer = $listener->accept();
            self::raw($peer, 1);
            $peer->write("HTTP/1.1 400 Bad Request\r\n\r\n");
            $peer->end();
        };
        $connect = static function (Probe $probe): void {
            $probe->connection()->connect();
        };
        return [
            'a refused handshake' => new Scenario(
                server: $refusal,
                client: $connect,
                seen: ['connected', 'error 4', 'closed'],
                theirs: ['connected', 'closed'],
                why: '#25'
            ),
            'a refused handshake, told as Workerman does' => new Scenario(
                server: $refusal,
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->reportAllFailures = false;
                    $c->connect();
                },
                seen: ['connected', 'closed'],
            ),
            'the HTTP status of a refusal' => new Scenario(
                server: $refusal,
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->onError = static fn ($c, $code, $message, $why = null, $when = null, $status = 0)
                        => $probe->see("$code {$why?->name} {$when?->name} $status");
                    $c->connect();
                },
                seen: ['connected', '4 HttpStatus Upgrade 403', 'closed'],
                theirs: ['connected', 'closed'],
                why: '#25'
            ),
            'a server without TLS' => new Scenario(
                server: $noTls,
                client: static function (Probe $probe): void {
                    // Whether Workerman calls onConnect is a matter of luck here.
                    $c = $probe->connection('/', [], ['onConnect']);
                    $c->transport = 'ssl';
                    $c->connect();
                },
                seen: ['error 3', 'closed'],
                theirs: ['closed'],
                why: '#25'
            ),
            'a right answer with the wrong status' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->accept();
                    $peer->write(strtr($peer->answer(), ['101 Switching Protocols' => '200 OK']));
                    $peer->end();
                },
                client: $connect,
                seen: ['connected', 'error 4', 'closed'],
                theirs: ['connected', 'open', 'closed'],
                why: '#17'
            ),
            'a subprotocol that was not offered' => new Scenario(
                server: static function (Listener $listener): void {
                    $listener->accept()->upgrade(['Sec-WebSocket-Protocol: other']);
                },
                client: $connect,
                seen: ['connected', 'error 4', 'closed'],
                theirs: ['connected', 'open', 'closed'],
                why: '#17'
            ),
            'an endless answer' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->accept();
                    $peer->readRequest();
                    try {
                        $peer->write("HTTP/1.1 101 Switching Protocols\r\nX-Endless: " . str_repeat('x', 5_000_000));
                        $listener->report('all was read');
                    } catch (\RuntimeException) {
                        $listener->report('the client left');
                    }
                },
                client: $connect,
                seen: ['connected', 'error 4', 'closed', 'server: the client left'],
                theirs: ['connected', 'closed', 'server: all was read'],
                why: '#7',
                reports: true
            ),
            'a connection that is cut' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->acceptUpgraded();
                    $peer->read();
                    $peer->reset();
                },
                client: self::sayHello(),
                seen: ['connected', 'closed'],
            ),
            'a header that cannot be sent' => new Scenario(
                server: self::upgradeAndEnd(),
                client: static function (Probe $probe): void {
                    $c = $probe->connection();
                    $c->headers = ['X-Bad' => "a\r\nX-Injected: b"];
                    $c->connect();
                },
                seen: ["thrown: Wsc\\Exception\\InvalidArgumentException headers['X-Bad']: the header value contains "
                    . 'CR, LF, NUL or another control character'],
                theirs: ['connected', 'open', 'closed'],
                why: 'bad headers are refused, neither dropped nor sent'
            ),
            'a server of TLS 1.3, its certificate and its name given' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->accept();
                    $peer->secure(STREAM_CRYPTO_METHOD_TLSv1_3_SERVER);
                    try {
                        $peer->upgrade();
                    } catch (\RuntimeException) {
                    }
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $context = ['ssl' => ['cafile' => Certificate::file(), 'peer_name' => 'test.example']];
                    $c = $probe->connection('/', $context, ['onConnect']);
                    $c->transport = 'ssl';
                    $c->connect();
                },
                seen: ['open', 'closed'],
                theirs: ['closed'],
                why: '#6'
            ),
            'a large message with TLS' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->accept();
                    $peer->secure();
                    $peer->upgrade();
                    $peer->text(strlen($peer->read()[1]) . ' bytes');
                    $peer->read();
                },
                client: static function (Probe $probe): void {
                    $context = ['ssl' => ['cafile' => Certificate::file(), 'peer_name' => 'test.example']];
                    $c = $probe->isDropIn
                        ? new class ($probe->url, $context) extends \Wsc\Workerman\AsyncTcpConnection {
                            use CountsWrites;
                        }
                        : new class ($probe->url, $context) extends \Workerman\Connection\AsyncTcpConnection {
                            use CountsWrites;
                        };
                    $c->transport = 'ssl';
                    $c->onWebSocketConnect = static fn ($c) => $c->send(str_repeat('x', 2_000_000));
                    $c->onMessage = static function ($c, $data) use ($probe): void {
                        $probe->see($data);
                        $probe->see($c->writes > 100 ? 'hundreds of turns' : 'few turns');
                        $probe->finish();
                    };
                    $c->connect();
                },
                seen: ['2000000 bytes', 'few turns'],
                theirs: ['2000000 bytes', 'hundreds of turns'],
                why: '#26'
            ),
            'a certificate that nobody vouches for' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->accept();
                    $peer->secure();
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection('/', [], ['onConnect']);
                    $c->transport = 'ssl';
                    $c->connect();
                },
                seen: ['error 3', 'closed'],
                theirs: ['closed'],
                why: '#25'
            ),
            'a TLS option that is not supported' => new Scenario(
                server: self::upgradeAndWait(),
                client: static function (Probe $probe): void {
                    $context = ['ssl' => ['verify_peer' => true, 'ciphers' => 'NONE']];
                    $c = $probe->connection('/', $context, ['onConnect']);
                    $c->transport = 'ssl';
                    $c->connect();
                },
                seen: [
                    'thrown: Wsc\Exception\InvalidArgumentException '
                    . 'socket context ssl.ciphers: libwsc has nothing like it',
                ],
                theirs: ['closed'],
                why: 'options that the library cannot follow are refused'
            ),
            'a proxy that refuses' => new Scenario(
                server: $answer("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
                client: static function (Probe $probe): void {
                    $c = $probe->connection('ws://example.org');
                    $c->proxyHttp = substr($probe->url, 5);
                    $c->connect();
                },
                seen: ['error 1', 'closed'],
                theirsOn4: [],
                why: '4 has no proxies'
            ),
            'a proxy, and the Host header' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->accept();
                    $peer->readRequest();
                    preg_match_all('/^(?:CONNECT|Proxy-Authorization).*\w/m', $peer->request, $found);
                    $listener->report(implode('; ', $found[0]));
                    $peer->write("HTTP/1.1 200 Connection established\r\n\r\n");
                    $peer->request = '';
                    $peer->upgrade();
                    preg_match('/^Host.*\w/m', $peer->request, $found);
                    $listener->report(preg_replace('/:\d{5}/', ':<port of the proxy>', $found[0]));
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection('ws://example.org:8000/path');
                    $c->proxyHttp = substr($probe->url, 5);
                    $c->proxyAuthorization = 'Basic dTpw';
                    $c->connect();
                },
                seen: [
                    'connected', 'open', 'closed',
                    'server: CONNECT example.org:8000 HTTP/1.1; Proxy-Authorization: Basic dTpw',
                    'server: Host: example.org:8000',
                ],
                theirs: [
                    'connected', 'open', 'closed',
                    'server: CONNECT example.org:8000 HTTP/1.1; Proxy-Authorization: Basic dTpw',
                    'server: Host: example.org:<port of the proxy>',
                ],
                theirsOn4: [],
                why: '#15; 4 has no proxies',
                reports: true
            ),
            'a proxy that takes its time' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->accept();
                    $peer->readRequest();
                    // The client's loop, if it turns, makes another connection.
                    $listener->accept();
                    $peer->write("HTTP/1.1 200 Connection established\r\n\r\n");
                    $peer->request = '';
                    $peer->upgrade();
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    ini_set('default_socket_timeout', '1');
                    $first = null;
                    $see = static function (string $what) use ($probe, &$first): void {
                        $probe->see($what);
                        if ($first !== null) {
                            $probe->finish();
                        }
                        $first = $what;
                    };
                    $c = $probe->connection('ws://example.org', [], ['onWebSocketConnect', 'onClose']);
                    $c->proxyHttp = substr($probe->url, 5);
                    $c->onConnect = static fn () => $see('connected');
                    $probe->after(0.1, static function () use ($probe, $see, &$stream): void {
                        $see('the loop turns');
                        $stream = stream_socket_client('tcp' . substr($probe->url, 2));
                    });
                    $c->connect();
                },
                seen: ['the loop turns', 'connected'],
                theirs: ['connected', 'the loop turns'],
                theirsOn4: [],
                why: '#10; 4 has no proxies'
            ),
            'the Host header of a message sent before connect()' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->accept();
                    $peer->readRequest();
                    $peer->write("HTTP/1.1 200 Connection established\r\n\r\n");
                    $peer->request = '';
                    $peer->upgrade();
                    preg_match('/^Host.*\w/m', $peer->request, $found);
                    $listener->report($found[0]);
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection('ws://example.org/path');
                    $c->proxyHttp = substr($probe->url, 5);
                    $c->send('early');
                    $c->connect();
                },
                seen: ['connected', 'open', 'closed', 'server: Host: example.org'],
                theirs: ['connected', 'open', 'closed', 'server: Host: example.org:0'],
                theirsOn4: [],
                why: '#16; on 4, without proxies, it needs a server on port 80',
                reports: true
            ),
            'a SOCKS proxy that refuses' => new Scenario(
                server: static function (Listener $listener): void {
                    $peer = $listener->accept();
                    self::raw($peer, 3);
                    $peer->write("\5\0");
                    self::raw($peer, 5 + 11 + 2);
                    $peer->write("\5\5\0\1\0\0\0\0\0\0");
                    $listener->report(str_starts_with(self::raw($peer, 4), 'GET ') ? 'got the request' : 'got nothing');
                    $peer->end();
                },
                client: static function (Probe $probe): void {
                    $c = $probe->connection('ws://example.org:8000');
                    $c->proxySocks5 = substr($probe->url, 5);
                    $c->connect();
                },
                seen: ['error 1', 'closed', 'server: got nothing'],
                theirs: ['connected', 'closed', 'server: got the request'],
                theirsOn4: [],
                why: '#9; 4 has no proxies',
                reports: true
            ),
        ];
    }

    /**
     * Whether localhost is ::1 before it is 127.0.0.1, where the servers listen.
     */
    private static function localhostIsTwo(): bool
    {
        $addresses = socket_addrinfo_lookup('localhost', null, ['ai_socktype' => SOCK_STREAM]) ?: [];
        return count($addresses) > 1 && socket_addrinfo_explain($addresses[0])['ai_family'] === AF_INET6;
    }

    /**
     * Says hello when the connection is open.
     */
    private static function sayHello(): \Closure
    {
        return static function (Probe $probe): void {
            $c = $probe->connection();
            $c->onWebSocketConnect = static fn ($c) => $c->send('hello');
            $c->connect();
        };
    }

    private static function echoOnce(): \Closure
    {
        return static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $peer->text($peer->readUntil(Peer::TEXT));
            $peer->end();
        };
    }

    private static function upgradeAndEnd(): \Closure
    {
        return static function (Listener $listener): void {
            $listener->acceptUpgraded()->end();
        };
    }

    private static function upgradeAndWait(): \Closure
    {
        return static function (Listener $listener): void {
            $peer = $listener->acceptUpgraded();
            $listener->await();
        };
    }

    /**
     * Reports messages. Before the last one it sends a ping, if there are more than one.
     */
    /**
     * @param bool $whenCalled read nothing before the client's `Probe::call`
     */
    private static function readAndEnd(int $messages, bool $whenCalled = false): \Closure
    {
        return static function (Listener $listener) use ($messages, $whenCalled): void {
            $peer = $listener->acceptUpgraded();
            if ($whenCalled) {
                $listener->accept();
            }
            for ($i = 1; $i <= $messages; ++$i) {
                if ($i > 1 && $i === $messages) {
                    $peer->write(Peer::frame(Peer::PING));
                }
                do {
                    $frame = $peer->read();
                } while ($frame !== null && $frame[0] !== Peer::TEXT);
                $listener->report($frame === null ? 'nobody' : Probe::shorten($frame[1]));
            }
            $peer->end();
        };
    }

    /**
     * Answers the first message with these bytes, and hangs up when the client has, or has said more.
     */
    private static function answerWith(string $bytes): \Closure
    {
        return static function (Listener $listener) use ($bytes): void {
            $peer = $listener->acceptUpgraded();
            $peer->read();
            $peer->write($bytes . ($bytes[0] === "\x88" ? '' : Peer::frame(Peer::PING)));
            $peer->read();
            $peer->end();
        };
    }

    private static function raw(Peer $peer, int $count): string
    {
        return (fn (): ?string => $this->bytes($count))->call($peer) ?? '';
    }
}

<?php

declare(strict_types=1);

namespace Wsc\Workerman;

use Workerman\Protocols\Http\Response;
use Workerman\Timer;
use Workerman\Worker;
use Wsc\Adapter\Workerman as Adapter;
use Wsc\Connection;
use Wsc\Counter;
use Wsc\Exception\ForkedException;
use Wsc\Exception\InvalidArgumentException;
use Wsc\Exception\WscException;
use Wsc\Internal\Event;
use Wsc\Internal\EventLoop;
use Wsc\Internal\EventType;
use Wsc\Internal\Failure;
use Wsc\Internal\Handlers;
use Wsc\Internal\NativeConnection;
use Wsc\Internal\Run;
use Wsc\MessageType;
use Wsc\Part;
use Wsc\Phase;
use Wsc\Proxy;
use Wsc\Settings;
use Wsc\Status;
use Wsc\Workerman\Internal\Attempt;
use Wsc\Workerman\Internal\Context;
use Wsc\Workerman\Internal\Installed;
use Wsc\Workerman\Internal\RawFrames;
use Wsc\Workerman\Internal\SocketContext;

/**
 * Workerman's AsyncTcpConnection with its ws:// (and wss://) done by libwsc.
 *
 * Properties, methods, callbacks and their order are Workerman's, of the version that is installed; the
 * package's README lists what differs. Addresses of other schemes are left to Workerman's own code.
 *
 * Callbacks are given more than Workerman gives them; they need not declare it:
 *
 *     onMessage($connection, string $data, \Wsc\MessageType $type)
 *     onClose($connection, int $code, string $reason, bool $clean, int $unsent)
 *     onError($connection, int $code, string $text, \Wsc\Status $why, \Wsc\Phase $when, int $httpStatus)
 *     onWebSocketClose($connection, string $payload)
 *
 * An attempt has a NativeConnection of its own. Nothing of an attempt that was given up can therefore
 * turn up in the next one.
 */
#[\AllowDynamicProperties]
class AsyncTcpConnection extends \Workerman\Connection\AsyncTcpConnection
{
    /** onError: no connection to the server. */
    public const CONNECT_FAIL = 1;

    /** onError: a message was not accepted for sending. The connection stays as it is. */
    public const SEND_FAIL = 2;

    /** onError: TLS failed, the certificate for instance. */
    public const TLS_FAIL = Connection::TLS_FAIL;

    /** onError: the server did not accept the handshake as a WebSocket server does. */
    public const HANDSHAKE_FAIL = Connection::HANDSHAKE_FAIL;

    /** onError: the library ended the open connection: breach of the protocol, too big a message, silence. */
    public const SESSION_FAIL = Connection::SESSION_FAIL;

    /** Seconds for which bytesRead and bytesWritten may be out of date. */
    private const COUNT_INTERVAL = 0.1;

    /** After how many messages the time is asked for, which costs as much as many of them. */
    private const UNCOUNTED = 32;

    private const PING = "\x89";
    private const PONG = "\x8a";
    private const CLOSE = "\x88";

    /** The first bytes of fragments of a message. */
    private const FRAGMENTS = ["\x01" => Part::First, "\x02" => Part::First, "\x00" => Part::More, "\x80" => Part::Last];

    /** Bytes of paths that URLs must have encoded, and that Workerman sends as they are. */
    private const NOT_IN_URL = '/[^!$%&\'()*+,\-.\/0-9:;=?@A-Z_a-z~\[\]]/';

    /** Request headers that the library writes itself. Programs copy them out of their browsers. */
    private const OWN_HEADERS = [
        'connection', 'upgrade', 'content-length', 'transfer-encoding', 'sec-websocket-key',
        'sec-websocket-version', 'sec-websocket-extensions', 'sec-websocket-accept',
    ];

    /** What `$reportAllFailures` is at first. */
    public static bool $defaultReportAllFailures = true;

    /**
     * Whether onError is told TLS_FAIL, HANDSHAKE_FAIL and SESSION_FAIL, which Workerman does not know.
     * If not, the text goes to the standard output, as Workerman's does.
     */
    public bool $reportAllFailures;

    // Parents of some versions declare these, without types; so do we.

    /** @var callable|null */
    public $onWebSocketConnect = null;

    /** @var callable|null */
    public $onWebSocketPing = null;

    /** @var callable|null */
    public $onWebSocketPong = null;

    /** @var callable|null */
    public $onWebSocketClose = null;

    /**
     * @var string|null a BINARY_TYPE_*; or "\x89", "\x8a": pings, pongs. While onWebSocketPing runs it is "\x8a", for
     *     its answer: a callback that suspends its Fiber before has what others send meanwhile go out as pongs.
     */
    public $websocketType = "\x81";

    /** @var float|int|string|null seconds between pings; empty: none */
    public $websocketPingInterval = null;

    /** @var string|null */
    public $websocketOrigin = null;

    /** @var string|null subprotocols to offer, separated by commas */
    public $websocketClientProtocol = null;

    /**
     * The settings that Workerman has no names for: timeouts, TLS, compression, proxies. `tls` takes the place
     * of the socket context's ssl options, `proxy` that of proxyHttp and proxySocks5.
     */
    public readonly Settings $wsc;

    private static ?Handlers $wscHandlers = null;

    /** The process whose end is watched. */
    private static int $watched = 0;

    /** Everything private in one property: programs give the connection properties of their own. */
    private readonly Attempt $wscAttempt;

    /**
     * @param mixed $remoteAddress ws:// or wss://, or what Workerman's own class takes
     * @param array<mixed> $socketContext as for stream_context_create
     */
    public function __construct(mixed $remoteAddress, array $socketContext = [])
    {
        $address = \is_string($remoteAddress) ? $remoteAddress : '';
        $isSecure = \strncasecmp($address, 'wss://', 6) === 0;
        $this->wsc = new Settings();
        $this->wscAttempt = new Attempt();
        $this->wscAttempt->isWebSocket = $isSecure || \strncasecmp($address, 'ws://', 5) === 0;
        $this->reportAllFailures = self::$defaultReportAllFailures;
        if ($this->wscAttempt->isWebSocket) {
            $remoteAddress = 'ws' . \substr($address, $isSecure ? 3 : 2);
        }
        parent::__construct($remoteAddress, $socketContext);
        if ($isSecure) {
            $this->transport = 'ssl';
        }
        if ($this->wscAttempt->isWebSocket) {
            $this->context = new Context();
        }
        if ($this->wscAttempt->isWebSocket && Worker::$globalEvent !== null) {
            // The earlier the stream is opened, the lower its number: select takes none above 1023.
            Adapter::attach();
        }
    }

    /**
     * Opens the connection, without waiting. Does nothing if it is open or opening.
     *
     * @throws WscException an InvalidArgumentException names the setting that cannot be used; a
     *     StateException says that there is no event loop
     */
    public function connect(): void
    {
        if (!$this->wscAttempt->isWebSocket) {
            parent::connect();
            return;
        }
        $status = $this->{Installed::property('status')};
        if (!\in_array($status, [self::STATUS_INITIAL, self::STATUS_CLOSING, self::STATUS_CLOSED], true)) {
            return;
        }
        Adapter::attach();
        self::prepareProcess();
        if ($status !== self::STATUS_INITIAL) {
            $this->retire();
        }
        $this->cancelReconnect();
        $port = Installed::property('remotePort');
        if (!$this->$port) {
            $this->$port = $this->transport === 'ssl' ? 443 : 80;
            $this->{Installed::property('remoteAddress')} = "{$this->getRemoteHost()}:{$this->$port}";
        }
        $native = $this->native();
        $this->configure($native);
        $native->connect();
        self::$wscHandlers ??= new Handlers(self::receive(...), self::receiveRun(...), self::handle(...));
        $native->loop->queue->register($native->id, $this, self::$wscHandlers);
        $this->{Installed::property('connectStartTime')} = \microtime(true);
        if (\property_exists($this, 'eventLoop')) {
            $this->eventLoop ??= Worker::$globalEvent;
        }
        static::$connections[$this->{Installed::property('realId')}] = $this;
        $this->resetContext();
        $this->enter(self::STATUS_CONNECTING);
    }

    /**
     * Opens the connection again, now or later. The attempt that is under way, if any, ends without onClose.
     *
     * @param mixed $after seconds, fractions too
     *
     * @throws WscException
     */
    public function reconnect(mixed $after = 0): void
    {
        if (!$this->wscAttempt->isWebSocket) {
            parent::reconnect($after);
            return;
        }
        if (!\is_numeric($after)) {
            throw new \TypeError('reconnect(): the time to wait must be a number');
        }
        $this->cancelReconnect();
        if ($this->{Installed::property('status')} !== self::STATUS_INITIAL) {
            $this->retire();
        }
        $this->enter(self::STATUS_INITIAL);
        static::$connections[$this->{Installed::property('realId')}] = $this;
        if ($after > 0) {
            $timer = Timer::add((float) $after, function (): void {
                $this->wscAttempt->delay = false;
                $this->connect();
            }, null, false);
            $this->wscAttempt->delay = \is_int($timer) ? $timer : false;
        } else {
            $this->connect();
        }
    }

    public function cancelReconnect(): void
    {
        if (!$this->wscAttempt->isWebSocket) {
            parent::cancelReconnect();
        } elseif ($this->wscAttempt->delay !== false) {
            Timer::del($this->wscAttempt->delay);
            $this->wscAttempt->delay = false;
        }
    }

    /**
     * Sends a message, or queues it. The frame's type is that of websocketType.
     *
     * @param mixed $sendBuffer
     * @param mixed $raw whether it consists of WebSocket frames already
     *
     * @return bool|null true: the kernel has it; null: it waits; false: it was not accepted
     *
     * @throws WscException an InvalidArgumentException for a websocketType or raw data that the library cannot send
     */
    public function send(mixed $sendBuffer, mixed $raw = false): ?bool
    {
        $attempt = $this->wscAttempt;
        if (!$attempt->isWebSocket) {
            return parent::send($sendBuffer, $raw);
        }
        if (!$attempt->accepting) {
            return false;
        }
        if (!\is_string($sendBuffer)) {
            if ($sendBuffer !== null && !\is_scalar($sendBuffer) && !$sendBuffer instanceof \Stringable) {
                throw new \TypeError('send(): the message must be a string');
            }
            $sendBuffer = (string) $sendBuffer;
        }
        if (!$raw) {
            return $this->sendFrame($this->websocketType ?? Ws::BINARY_TYPE_BLOB, $sendBuffer);
        }
        $frames = RawFrames::parse($sendBuffer);
        if ($frames === null) {
            throw new InvalidArgumentException(
                'send(): the raw data is not made of whole frames, of types that there are',
                Status::Invalid
            );
        }
        $result = true;
        foreach ($frames as [$type, $payload]) {
            $sent = $this->sendFrame($type, $payload);
            if ($sent === false) {
                return false;
            }
            $result = $sent === null ? null : $result;
        }
        return $result;
    }

    /**
     * Sends what is queued, then closes with the WebSocket close handshake; onClose follows. While the
     * connection is not open yet, it is `destroy`.
     *
     * @param mixed $data a last message
     * @param mixed $raw as for `send`
     * @param int $code 1000 or 3000 to 4999, 0 for none
     * @param string $reason UTF-8, at most 123 bytes
     *
     * @throws WscException
     */
    public function close(mixed $data = null, mixed $raw = false, int $code = 1000, string $reason = ''): void
    {
        if (!$this->wscAttempt->isWebSocket) {
            parent::close($data, $raw);
            return;
        }
        $this->shut($data, $raw, self::STATUS_CLOSING, $code, $reason);
    }

    /**
     * `close` that waits for the server no longer than lingerTimeout.
     *
     * @throws WscException
     */
    public function end(mixed $data = null, mixed $raw = false): void
    {
        if (!$this->wscAttempt->isWebSocket) {
            parent::end($data, $raw);
            return;
        }
        if (!$this->shut($data, $raw, Installed::status('ENDING', 'CLOSING'), 1000, '')) {
            return;
        }
        $this->wscAttempt->delay = Timer::add(\max(0.001, $this->lingerTimeout ?? 1.0), function (): void {
            $this->wscAttempt->delay = false;
            $this->destroy();
        }, null, false);
    }

    /**
     * Ends the connection at once, without handshake. onClose is called before this returns.
     */
    public function destroy(): void
    {
        if (!$this->wscAttempt->isWebSocket) {
            parent::destroy();
            return;
        }
        if ($this->{Installed::property('status')} === self::STATUS_CLOSED) {
            return;
        }
        $unsent = $this->unsent();
        $this->finish(1006, '', false, $unsent);
    }

    public function pauseRecv(): void
    {
        if (!$this->wscAttempt->isWebSocket) {
            parent::pauseRecv();
            return;
        }
        $this->wscAttempt->paused = true;
        $native = $this->wscAttempt->native;
        if ($native !== null) {
            $native->pauseRecv();
            $native->loop->queue->hold($native->id);
        }
    }

    /**
     * What was held back is delivered by the event loop, not before this returns.
     */
    public function resumeRecv(): void
    {
        if (!$this->wscAttempt->isWebSocket) {
            parent::resumeRecv();
            return;
        }
        $this->wscAttempt->paused = false;
        $native = $this->wscAttempt->native;
        if ($native !== null) {
            $native->resumeRecv();
            $native->loop->release($native->id);
        }
    }

    public function getLocalAddress(): string
    {
        if (!$this->wscAttempt->isWebSocket) {
            return parent::getLocalAddress();
        }
        return $this->wscAttempt->native !== null && $this->hasSocket() ? $this->wscAttempt->native->localAddress() : '';
    }

    public function getSendBufferQueueSize(): int
    {
        return $this->wscAttempt->isWebSocket ? $this->wscAttempt->native?->bufferedAmount() ?? 0 : parent::getSendBufferQueueSize();
    }

    public function bufferIsEmpty(): bool
    {
        return $this->wscAttempt->isWebSocket ? $this->getSendBufferQueueSize() === 0 : parent::bufferIsEmpty();
    }

    /**
     * The attempt's connection in the library, made when it is first needed: never before the fork.
     *
     * @throws WscException
     */
    private function native(): NativeConnection
    {
        if ($this->wscAttempt->native === null) {
            $native = new NativeConnection(EventLoop::get(), 'ws://localhost/');
            $native->setSize('wsc_conn_set_max_frame_size', \PHP_INT_MAX, 'maxFrameSize');
            $this->wscAttempt->accepted = $this->wscAttempt->queued = 0;
            $this->wscAttempt->automaticPong = true;
            // Makes the library tell when the queue is empty after every time that it is not.
            $native->limitQueue(1);
            $this->wscAttempt->drainIsTold = false;
            if ($this->wscAttempt->paused) {
                $native->pauseRecv();
            }
            $this->wscAttempt->native = $native;
        }
        return $this->wscAttempt->native;
    }

    /**
     * @throws WscException
     */
    private function configure(NativeConnection $native): void
    {
        $tls = match ($this->transport) {
            'ssl' => true,
            'tcp' => false,
            default => throw new InvalidArgumentException('transport: neither "tcp" nor "ssl"', Status::Invalid),
        };
        $host = $this->getRemoteHost();
        $context = $this->{Installed::property('socketContext')};
        $this->wsc->writeSettings($native);
        SocketContext::apply($native, \is_array($context) ? $context : [], $tls && $this->wsc->tls === null);
        if ($this->wsc->proxy === null) {
            Proxy::apply($this->workermansProxy(), $native);
        }
        $native->setUrl(\sprintf(
            '%s://%s:%d%s',
            $tls ? 'wss' : 'ws',
            $host,
            $this->{Installed::property('remotePort')},
            self::encode($this->getRemoteURI())
        ));
        $protocols = $this->setHeaders($native);
        $native->setText('wsc_conn_set_origin', (string) $this->websocketOrigin, 'websocketOrigin');
        $native->setText(
            'wsc_conn_set_subprotocols',
            (string) ($this->websocketClientProtocol ?? $protocols),
            'websocketClientProtocol'
        );
        $native->setTime(
            'wsc_conn_set_ping_interval',
            empty($this->websocketPingInterval) ? \INF : (float) $this->websocketPingInterval,
            'websocketPingInterval'
        );
        $this->limitReceived($native);
        $this->choosePong($native);
        $native->shareSettings();
    }

    private static function encode(string $path): string
    {
        return \preg_match(self::NOT_IN_URL, $path) !== 1 ? $path : (string) \preg_replace_callback(
            self::NOT_IN_URL,
            static fn (array $match): string => \rawurlencode($match[0]),
            \strtr($path, ["\r" => '', "\n" => ''])
        );
    }

    private function workermansProxy(): ?Proxy
    {
        if (!empty($this->proxySocks5)) {
            $user = (string) ($this->proxySocks5Username ?? '');
            $password = (string) ($this->proxySocks5Password ?? '');
            $credentials = $user . $password === '' ? '' : \rawurlencode($user) . ':' . \rawurlencode($password) . '@';
            return new Proxy("socks5h://$credentials$this->proxySocks5");
        }
        if (empty($this->proxyHttp)) {
            return null;
        }
        $authorization = (string) ($this->proxyAuthorization ?? '');
        return new Proxy(
            "http://$this->proxyHttp",
            $authorization === '' ? [] : ['Proxy-Authorization' => $authorization]
        );
    }

    /**
     * @return string|null the value of Sec-WebSocket-Protocol, which has a setting of its own
     *
     * @throws WscException
     */
    private function setHeaders(NativeConnection $native): ?string
    {
        $headers = $this->headers ?? [];
        if (\is_string($headers)) {
            $lines = $headers;
            $headers = [];
            foreach (\preg_split('/\r\n/', $lines, -1, \PREG_SPLIT_NO_EMPTY) ?: [] as $line) {
                [$name, $value] = \explode(':', $line, 2) + ['', ''];
                $headers[$name][] = $value;
            }
        }
        $protocols = null;
        $sent = [];
        foreach ($headers as $name => $value) {
            $lower = \strtolower((string) $name);
            if ($lower === 'sec-websocket-protocol') {
                $protocols = \implode(',', (array) $value);
            } elseif (!\in_array($lower, self::OWN_HEADERS, true)) {
                $sent[$name] = $value;
            }
        }
        $native->setHeaders($sent);
        return $protocols;
    }

    private function limitReceived(NativeConnection $native): void
    {
        $this->wscAttempt->receiveLimit = $this->maxPackageSize;
        $native->setSize('wsc_conn_set_max_receive_size', (int) $this->maxPackageSize, 'maxPackageSize');
    }

    /**
     * Whoever has onWebSocketPing answers pings himself.
     */
    private function choosePong(NativeConnection $native): void
    {
        $automatic = $this->onWebSocketPing === null;
        $native->set('wsc_conn_set_auto_pong', 'automaticPong', $automatic);
        $this->wscAttempt->automaticPong = $automatic;
    }

    private function enter(int $status): void
    {
        $this->{Installed::property('status')} = $status;
        $this->wscAttempt->accepting = $status === self::STATUS_INITIAL || $status === self::STATUS_CONNECTING
            || $status === self::STATUS_ESTABLISHED;
    }

    private function hasSocket(): bool
    {
        $status = $this->{Installed::property('status')};
        return $status !== self::STATUS_INITIAL && $status !== self::STATUS_CONNECTING
            && $status !== self::STATUS_CLOSED;
    }

    /**
     * @throws WscException
     */
    private function sendFrame(string $type, string $payload): ?bool
    {
        $attempt = $this->wscAttempt;
        $native = $attempt->native ?? $this->native();
        if ($attempt->queued > 0) {
            $limit = $this->maxSendBufferSize;
            // It can only have become less since the last message.
            if ($attempt->queued >= $limit && ($attempt->queued = $native->bufferedAmount()) >= $limit) {
                return $this->refuse(Status::QueueFull->value);
            }
            if (!$attempt->drainIsTold) {
                // That was done by the first message, which the queue has been holding since.
                $native->limitQueue(\PHP_INT_MAX);
                $attempt->drainIsTold = true;
            }
        }
        $endsMessage = true;
        if ($type === Ws::BINARY_TYPE_BLOB) {
            $status = $native->ffi->wsc_conn_send_text($native->handle, $payload, \strlen($payload));
        } elseif ($type === Ws::BINARY_TYPE_ARRAYBUFFER) {
            $status = $native->ffi->wsc_conn_send_binary($native->handle, $payload, \strlen($payload));
        } elseif (isset(self::FRAGMENTS[$type])) {
            $part = self::FRAGMENTS[$type];
            $endsMessage = $part === Part::Last;
            $status = $this->sendFragment($native, $type, $part, $payload);
        } else {
            $endsMessage = false;
            if (!$attempt->open) {
                return false;
            }
            if ($type === self::CLOSE) {
                $this->shut(null, false, self::STATUS_CLOSING, ...RawFrames::closing($payload));
                return null;
            }
            $status = match ($type) {
                self::PONG => $native->pong($payload),
                self::PING => $native->ping($payload),
                default => throw new InvalidArgumentException(
                    'websocketType: not a type that can be sent',
                    Status::Invalid
                ),
            };
        }
        if ($status !== 0) {
            return $this->refuse($status);
        }
        if ($endsMessage) {
            ++$attempt->accepted;
        }
        $attempt->queued = $native->ffi->wsc_conn_buffered_amount($native->handle);
        if ($attempt->queued === 0) {
            return $this->transport === 'ssl' || !$attempt->open ? null : true;
        }
        if ($attempt->queued >= $this->maxSendBufferSize) {
            $this->call($this->onBufferFull);
        }
        return null;
    }

    private function sendFragment(NativeConnection $native, string $type, Part $part, string $payload): int
    {
        $message = match ($type) {
            "\x01" => MessageType::Text,
            "\x02" => MessageType::Binary,
            default => $this->wscAttempt->fragmented,
        };
        $status = $native->sendMessage($message->value, $part->value, 0, $payload);
        if ($status === 0) {
            $this->wscAttempt->fragmented = $message;
        }
        return $status;
    }

    /**
     * Judges a message that the library did not accept.
     *
     * @return false
     */
    private function refuse(int $number): bool
    {
        $status = Status::of($number);
        $text = match ($status) {
            Status::QueueFull => 'send buffer full and drop package',
            Status::State, Status::Null => 'client closed',
            Status::Utf8 => 'the text is not UTF-8: binary data needs Ws::BINARY_TYPE_ARRAYBUFFER',
            Status::TooBig => $status->text(),
            default => throw Failure::of($status, 'send()'),
        };
        ++self::$statistics['send_fail'];
        $this->call($this->onError, self::SEND_FAIL, $text, $status, Phase::Open, 0);
        return false;
    }

    /**
     * @return bool whether onClose is yet to come
     *
     * @throws WscException
     */
    private function shut(mixed $data, mixed $raw, int $status, int $code, string $reason): bool
    {
        $this->cancelReconnect();
        if (!$this->wscAttempt->accepting) {
            return false;
        }
        if ($data !== null) {
            $this->send($data, $raw);
        }
        $native = $this->wscAttempt->native;
        if ($native === null || !$this->wscAttempt->open) {
            $this->destroy();
            return false;
        }
        // Unless the data was a close frame, whose code comes before ours.
        if ($this->wscAttempt->accepting) {
            $native->close($code, $reason);
            // Workerman does not call onMessage after `close` either.
            $native->loop->queue->discard($native->id);
        }
        $this->enter($status);
        return true;
    }

    private function unsent(): int
    {
        $native = $this->wscAttempt->native;
        return $native === null || $native->isFreed() ? 0 : $this->wscAttempt->accepted - $native->counter(Counter::MessagesSent);
    }

    /**
     * Parts with the attempt: no event of it comes any more.
     */
    private function retire(): void
    {
        $this->countBytes();
        $this->wscAttempt->earlierBytes = [$this->bytesRead, $this->bytesWritten];
        $native = $this->wscAttempt->native;
        if ($native !== null) {
            $native->loop->queue->unregister($native->id);
            $native->loop->queue->discard($native->id);
        }
        $this->wscAttempt->native = null;
        $this->wscAttempt->open = $this->wscAttempt->paused = false;
        $this->wscAttempt->queued = 0;
    }

    private function finish(int $code, string $reason, bool $clean, int $unsent): void
    {
        $this->cancelReconnect();
        $this->retire();
        $this->enter(self::STATUS_CLOSED);
        $this->call($this->onClose, $code, $reason, $clean, $unsent);
        $status = $this->{Installed::property('status')};
        if ($status === self::STATUS_CLOSED || $status === self::STATUS_INITIAL) {
            $this->resetContext();
        }
        if ($status !== self::STATUS_CLOSED) {
            return;
        }
        // The callbacks may refer to the connection, and would keep each other in memory.
        $this->onMessage = $this->onClose = $this->onError = $this->onBufferFull = $this->onBufferDrain = null;
        if (\property_exists($this, 'eventLoop')) {
            $this->eventLoop = $this->errorHandler = null;
        }
        $id = $this->{Installed::property('realId')};
        if ($this->worker) {
            unset($this->worker->connections[$id]);
            $this->worker = null;
        }
        unset(static::$connections[$id]);
    }

    private function resetContext(): void
    {
        unset($this->context->handshakeStep);
        $this->context->websocketCurrentFrameLength = 0;
        $this->context->websocketDataBuffer = $this->context->tmpWebsocketData = '';
    }

    private function countBytes(): void
    {
        $attempt = $this->wscAttempt;
        if ($attempt->native !== null && !$attempt->native->isFreed()) {
            $this->bytesRead = $attempt->earlierBytes[0] + $attempt->native->counter(Counter::BytesReceived);
            $this->bytesWritten = $attempt->earlierBytes[1] + $attempt->native->counter(Counter::BytesSent);
        }
    }

    /**
     * To ask the library with every message would cost more than the message. While they come fast, bytesRead and
     * bytesWritten are of some time ago.
     */
    private function countBytesNowAndSoon(): void
    {
        $this->wscAttempt->uncounted = self::UNCOUNTED;
        $now = \hrtime(true);
        if ($now < $this->wscAttempt->countAt) {
            return;
        }
        $this->countBytes();
        $this->wscAttempt->countAt = $now + (int) (self::COUNT_INTERVAL * 1e9);
        $connection = \WeakReference::create($this);
        Timer::add(self::COUNT_INTERVAL, static function () use ($connection): void {
            $connection = $connection->get();
            if ($connection !== null) {
                $connection->countBytes();
                $connection->wscAttempt->uncounted = 0;
            }
        }, null, false);
    }

    /**
     * Calls one of the callbacks that Workerman's connection calls.
     */
    private function call(?callable $callback, mixed ...$arguments): void
    {
        if ($callback !== null) {
            try {
                $callback($this, ...$arguments);
            } catch (\Throwable $fault) {
                Installed::handle($fault, $this, false);
            }
        }
    }

    /**
     * Calls one of the callbacks that Workerman's protocol class calls.
     */
    private function callProtocol(?callable $callback, mixed ...$arguments): void
    {
        if ($callback !== null) {
            try {
                $callback($this, ...$arguments);
            } catch (\Throwable $fault) {
                Installed::handle($fault, $this, true);
            }
        }
    }

    private static function receive(self $connection, string $data, MessageType $type): void
    {
        $attempt = $connection->wscAttempt;
        if (--$attempt->uncounted < 0) {
            $connection->countBytesNowAndSoon();
        }
        ++self::$statistics['total_request'];
        $onMessage = $connection->onMessage;
        if ($onMessage !== null && $attempt->accepting) {
            try {
                $onMessage($connection, $data, $type);
            } catch (\Throwable $fault) {
                Installed::handle($fault, $connection, false);
            }
        }
        if (
            $connection->maxPackageSize !== $attempt->receiveLimit
            || ($connection->onWebSocketPing === null) !== $attempt->automaticPong
        ) {
            $connection->followSettings();
        }
    }

    private static function receiveRun(self $connection, Run $run): void
    {
        $attempt = $connection->wscAttempt;
        $connection->countBytesNowAndSoon();
        $type = $run->type;
        $slots = $run->slots;
        $fields = $run->data;
        while (($at = $run->next++) < $run->end) {
            ++self::$statistics['total_request'];
            $onMessage = $connection->onMessage;
            if ($onMessage !== null && $attempt->accepting) {
                try {
                    $onMessage($connection, \FFI::string($fields[$at] ?? null, $slots[$at]->len), $type);
                } catch (\Throwable $fault) {
                    Installed::handle($fault, $connection, false);
                }
            }
        }
        $connection->followSettings();
    }

    private static function handle(self $connection, Event $event): void
    {
        $native = $connection->wscAttempt->native;
        if ($native !== null) {
            $connection->followSettings();
            $connection->countBytes();
            $connection->tell($event, $native);
            $connection->followSettings();
        }
    }

    /**
     * Tells the library of properties that have a meaning at any time: a callback may have changed them, or ended
     * the attempt.
     */
    private function followSettings(): void
    {
        $attempt = $this->wscAttempt;
        if ($attempt->native === null) {
            return;
        }
        if ($this->maxPackageSize !== $attempt->receiveLimit) {
            $this->limitReceived($attempt->native);
        }
        if (($this->onWebSocketPing === null) !== $attempt->automaticPong) {
            $this->choosePong($attempt->native);
        }
    }

    private function tell(Event $item, NativeConnection $native): void
    {
        switch ($item->type) {
            case EventType::Connect:
                $this->enter(self::STATUS_ESTABLISHED);
                $this->{Installed::property('remoteAddress')} = $native->peerAddress();
                $this->context->handshakeStep = 1;
                $this->call($this->onConnect);
                break;
            case EventType::Handshake:
                $this->shakeHands($item->data);
                break;
            case EventType::Ping:
                if ($this->wscAttempt->accepting && $this->onWebSocketPing !== null) {
                    // It is how Workerman lets the callback answer.
                    $type = $this->websocketType;
                    $this->websocketType = self::PONG;
                    $this->callProtocol($this->onWebSocketPing, $item->data);
                    $this->websocketType = $type;
                }
                break;
            case EventType::Pong:
                if ($this->wscAttempt->accepting) {
                    $this->callProtocol($this->onWebSocketPong, $item->data);
                }
                break;
            case EventType::BufferDrain:
                $this->drained($native);
                break;
            case EventType::Error:
                $this->fail($item);
                break;
            case EventType::Close:
                $this->closed($item);
                break;
        }
    }

    private function shakeHands(string $head): void
    {
        $this->wscAttempt->open = true;
        if (!$this->wscAttempt->accepting) {
            return;
        }
        $this->context->handshakeStep = 2;
        if (Installed::isVersion4()) {
            if ($this->transport === 'ssl') {
                $this->call($this->onSslHandshake ?? null);
            }
            $protocol = (new \Wsc\Response($head))->getHeader('Sec-WebSocket-Protocol');
            if ($protocol !== null) {
                $this->websocketServerProtocol = $protocol;
            }
        }
        $this->callProtocol($this->onWebSocketConnect, Installed::response($head));
    }

    private function drained(NativeConnection $native): void
    {
        if ($this->wscAttempt->drainIsTold) {
            // What callbacks have sent since makes the queue full again, and it is told again when it is empty.
            $native->limitQueue(1);
            $this->wscAttempt->drainIsTold = false;
        }
        $this->wscAttempt->queued = $native->bufferedAmount();
        if ($this->wscAttempt->queued === 0) {
            $this->call($this->onBufferDrain);
        }
    }

    private function fail(Event $event): void
    {
        $code = match ($event->phase) {
            Phase::Tls => self::TLS_FAIL,
            Phase::Upgrade => self::HANDSHAKE_FAIL,
            Phase::Open, Phase::Closing => self::SESSION_FAIL,
            default => self::CONNECT_FAIL,
        };
        $text = $event->data;
        $isGone = \in_array($event->status, [Status::Closed, Status::Reset, Status::Io], true);
        if ($code === self::SESSION_FAIL && $isGone) {
            // The connection is gone, which is onClose's to tell.
            return;
        }
        if ($event->phase === Phase::Tcp) {
            $text = \sprintf(
                'connect %s fail after %s seconds: %s',
                $this->getRemoteAddress(),
                \round(\microtime(true) - $this->{Installed::property('connectStartTime')}, 4),
                $text
            );
        }
        if ($code > self::SEND_FAIL && !$this->reportAllFailures) {
            Worker::safeEcho("$text\n");
            return;
        }
        $this->enter(self::STATUS_CLOSING);
        $this->call($this->onError, $code, $text, $event->status, $event->phase, $event->code);
    }

    private function closed(Event $event): void
    {
        $native = $this->wscAttempt->native;
        if ($event->status === Status::Ok && $event->code !== 1006 && $this->wscAttempt->accepting) {
            // It was the server that closed.
            $this->enter(self::STATUS_CLOSING);
            $this->callProtocol(
                $this->onWebSocketClose,
                $event->code === 1005 ? '' : \pack('n', $event->code) . $event->data
            );
        }
        // The callback may have destroyed the connection, or begun a new attempt.
        if ($this->wscAttempt->native === $native) {
            $this->finish($event->code, $event->data, $event->clean, $event->unsent);
        }
    }

    /**
     * Prepares the process: its end closes the connections that are still open, and says what was lost.
     */
    private static function prepareProcess(): void
    {
        if (self::$watched === \getmypid()) {
            return;
        }
        self::$watched = (int) \getmypid();
        // A coroutine of Swoole that loaded one of them when it has an event could be overtaken by the next.
        \array_map(\class_exists(...), [Installed::class, Response::class, Ws::class, Timer::class]);
        \register_shutdown_function(static function (): void {
            if (self::$watched !== \getmypid()) {
                return;
            }
            foreach (self::$connections as $connection) {
                if ($connection instanceof self && $connection->wscAttempt->native !== null) {
                    $connection->leave($connection->wscAttempt->native);
                }
            }
        });
    }

    private function leave(NativeConnection $native): void
    {
        try {
            $native->flush();
            $native->close(1000, '');
            $native->flush();
            // Or the end of the process would write once more, after the count.
            $native->abort();
        } catch (ForkedException) {
            return;
        }
        $unsent = $this->unsent();
        if ($unsent > 0) {
            $text = \sprintf(
                '%d accepted message(s) to %s were not sent before the process ended',
                $unsent,
                $this->getRemoteHost()
            );
            empty(Worker::$logFile) ? Worker::safeEcho("$text\n") : Worker::log($text);
        }
    }
}

<?php

declare(strict_types=1);

namespace Wsc;

use Wsc\Exception\InvalidArgumentException;
use Wsc\Exception\WscException;
use Wsc\Internal\Event;
use Wsc\Internal\EventLoop;
use Wsc\Internal\EventType;
use Wsc\Internal\Failure;
use Wsc\Internal\Handlers;
use Wsc\Internal\NativeConnection;
use Wsc\Internal\Run;
use Wsc\Internal\StreamDescriptor;

/**
 * One WebSocket connection, which can be opened again and again.
 *
 * Set the properties, then call `connect`; the settings among them are read by
 * `connect` and `reConnect`. The callbacks are read when they are called, and
 * called by `Loop::run` or `Loop::dispatch`. They get the connection first, and
 * may declare fewer parameters than they are given. Per attempt the order is:
 * onConnect, onWebSocketConnect, messages in the order received, onError if
 * something failed, then onClose exactly once.
 *
 * From `connect` to onClose, and while a reconnect is scheduled, the loop keeps
 * the connection alive; nobody else needs to hold a reference.
 */
final class Connection
{
    use HasSettings;

    /** `send` sends text, which must be UTF-8. */
    public const BINARY_TYPE_BLOB = "\x81";

    /** `send` sends binary data. */
    public const BINARY_TYPE_ARRAYBUFFER = "\x82";

    /** onError: no connection to the server. */
    public const CONNECT_FAIL = 1;

    /** onError: a message was not accepted for sending. The connection stays as it is. */
    public const SEND_FAIL = 2;

    /** onError: TLS failed, the certificate for instance. */
    public const TLS_FAIL = 3;

    /** onError: the server did not accept the handshake as a WebSocket server does. */
    public const HANDSHAKE_FAIL = 4;

    /** onError: the open connection broke: reset, silent for too long, or in breach of the protocol. */
    public const SESSION_FAIL = 5;

    /** The library's WSC_SEND_NO_COMPRESS. */
    private const NO_COMPRESS = 1;

    /**
     * Request headers: name => value, or name => list of values.
     *
     * @var array<string, string|int|float|\Stringable|list<string>>
     */
    public array $headers = [];

    /** BINARY_TYPE_BLOB or BINARY_TYPE_ARRAYBUFFER: what `send` sends. Takes effect at once. */
    public string $websocketType = self::BINARY_TYPE_BLOB;

    /** Seconds between pings, 0 for none. */
    public float $websocketPingInterval = 20.0;

    /** The Origin header; null or '': none. */
    public ?string $websocketOrigin = null;

    /** Subprotocols to offer, separated by commas; null or '': none. */
    public ?string $websocketClientProtocol = null;

    /** Bytes waiting to be sent at which onBufferFull is called and further messages are refused. */
    public int $maxSendBufferSize = 1048576;

    /** The largest message to receive, in bytes. What is sent has no limit but maxSendBufferSize, the queue's. */
    public int $maxPackageSize = 16777216;

    /** The largest frame to receive, in bytes; null: as maxPackageSize, for a message may arrive as one frame. */
    public ?int $maxFrameSize = null;

    /**
     * Whether onMessage gets long messages in parts, as they arrive, instead of whole. A message that arrives
     * at once is still given whole.
     */
    public bool $streaming = false;

    /** Brings the connection back when it is lost; null: it stays closed. */
    public ?AutoReconnect $autoReconnect = null;

    /** Whether pings are answered without your doing. If not, answer them with `pong` in onWebSocketPing. */
    public bool $automaticPong = true;

    // PHP has no type for a property that holds any callable.

    /** @var (callable(self): mixed)|null TCP is connected; TLS and the handshake follow */
    public mixed $onConnect = null;

    /** @var (callable(self, Response): mixed)|null the connection is open */
    public mixed $onWebSocketConnect = null;

    /** @var (callable(self, string, MessageType, Part): mixed)|null a message, or with `streaming` a part of one */
    public mixed $onMessage = null;

    /** @var (callable(self, string): mixed)|null */
    public mixed $onWebSocketPing = null;

    /** @var (callable(self, string): mixed)|null */
    public mixed $onWebSocketPong = null;

    /** @var (callable(self, int, string, Status, Phase, int): mixed)|null *_FAIL, a text, why, when, HTTP status or 0 */
    public mixed $onError = null;

    /**
     * Close code, reason, whether clean, messages unsent, whether the server closed first.
     *
     * @var (callable(self, int, string, bool, int, bool): mixed)|null
     */
    public mixed $onClose = null;

    /**
     * An automatic reconnect is due: number of the attempt, and seconds since onClose. It begins when this
     * returns or suspends its Fiber. Until then the URL and every setting may be changed, for fresh
     * credentials. `cancelReconnect` takes it back, and so does an exception.
     *
     * @var (callable(self, int, float): mixed)|null
     */
    public mixed $onReconnect = null;

    /** @var (callable(self): mixed)|null maxSendBufferSize is reached */
    public mixed $onBufferFull = null;

    /** @var (callable(self): mixed)|null after onBufferFull: everything was sent */
    public mixed $onBufferDrain = null;

    private static ?Handlers $handlers = null;

    private readonly NativeConnection $native;

    /** The type of the message that lacks its last part; null: there is none. */
    private ?MessageType $unfinished = null;

    /** Whether the user has ended the attempt. */
    private bool $ended = false;

    /** When the last attempt ended, by hrtime. */
    private int $closedAt = 0;

    /**
     * @param string $url ws:// or wss://, perhaps with user:password@ for Basic authorization; or ws+unix:// or
     *     wss+unix://, the path of a socket, a colon, path and query
     *
     * @throws WscException an InvalidArgumentException for a bad URL
     */
    public function __construct(string $url)
    {
        $this->native = new NativeConnection(EventLoop::get(), $url);
    }

    private function __clone()
    {
    }

    /**
     * The URL for the next attempt.
     *
     * @throws WscException
     */
    public function setUrl(string $url): void
    {
        $this->native->setUrl($url);
    }

    /**
     * Opens the connection, without waiting; ends a scheduled reconnect's wait.
     *
     * @throws WscException an InvalidArgumentException names the setting that cannot be used; a
     *     StateException says that the connection is open or opening
     */
    public function connect(): void
    {
        $this->applySettings();
        $this->native->connect();
        $this->attempt();
    }

    /**
     * Opens the connection again, or for the first time. An attempt that is still running is aborted,
     * and its onClose comes before the new one.
     *
     * @param float $after seconds to wait before
     *
     * @throws WscException
     */
    public function reConnect(float $after = 0): void
    {
        $this->applySettings();
        $this->native->reconnect($after);
        $this->native->loop->queue->discard($this->native->id);
        $this->attempt();
    }

    /**
     * Takes back `reConnect` while it waits.
     *
     * @throws WscException
     */
    public function cancelReconnect(): void
    {
        $this->native->cancelReconnect();
        $this->releaseIfOver();
    }

    /**
     * Sends a message: text or binary, as websocketType says. Before the connection is open it is queued.
     *
     * @return bool false: not accepted, because the send buffer is full (wait for onBufferDrain) or the
     *     connection has just been lost (onClose is about to say so). onError is told SEND_FAIL as well.
     *
     * @throws WscException an InvalidArgumentException for text that is not UTF-8; a StateException after your
     *     `close` or after onClose
     */
    public function send(string $data): bool
    {
        $native = $this->native;
        $type = $this->websocketType;
        if ($type === self::BINARY_TYPE_BLOB) {
            $status = $native->ffi->wsc_conn_send_text($native->handle, $data, \strlen($data));
        } elseif ($type === self::BINARY_TYPE_ARRAYBUFFER) {
            $status = $native->ffi->wsc_conn_send_binary($native->handle, $data, \strlen($data));
        } else {
            throw new InvalidArgumentException('websocketType: not a BINARY_TYPE_*', Status::Invalid);
        }
        return $status === 0 || $this->refuse($status, 'send()', $this->unfinished === null);
    }

    /**
     * @return bool as `send`
     *
     * @throws WscException as `send`
     */
    public function sendText(string $text): bool
    {
        $status = $this->native->sendText($text);
        return $status === 0 || $this->refuse($status, 'sendText()', $this->unfinished === null);
    }

    /**
     * @return bool as `send`
     *
     * @throws WscException as `send`
     */
    public function sendBinary(string $data): bool
    {
        $status = $this->native->sendBinary($data);
        return $status === 0 || $this->refuse($status, 'sendBinary()', $this->unfinished === null);
    }

    /**
     * Sends a message or a part of one. Parts begin with Part::First and end with Part::Last; until then the
     * connection takes no other message.
     *
     * @param string $data of a text whole characters, in each part
     * @param MessageType $type the same for all parts of a message
     * @param bool $compress false: not, although `deflate` was agreed on. Of parts the first counts
     *
     * @return bool as `send`
     *
     * @throws WscException as `send`; a StateException for a part out of turn
     */
    public function sendMessage(
        string $data,
        MessageType $type = MessageType::Text,
        Part $part = Part::Whole,
        bool $compress = true
    ): bool {
        $flags = $compress ? 0 : self::NO_COMPRESS;
        $status = $this->native->sendMessage($type->value, $part->value, $flags, $data);
        if ($status !== 0) {
            $continues = $part === Part::More || $part === Part::Last;
            return $this->refuse($status, 'sendMessage()', $continues === ($this->unfinished !== null));
        }
        $this->unfinished = $part === Part::First || $part === Part::More ? $type : null;
        return true;
    }

    /**
     * Adds a message to those that are sent first whenever the connection opens, after a reconnect too: a
     * log-in, the subscriptions.
     *
     * @throws WscException an InvalidArgumentException for text that is not UTF-8, or too much of it
     */
    public function addPrologue(string $data, MessageType $type = MessageType::Text): void
    {
        $this->native->call('wsc_conn_add_prologue', 'addPrologue()', $type->value, $data, \strlen($data));
    }

    /**
     * Removes all messages of the prologue.
     *
     * @throws WscException
     */
    public function clearPrologue(): void
    {
        $this->native->call('wsc_conn_clear_prologue', 'clearPrologue()');
    }

    /**
     * Gives the next attempt a connected socket in place of one of its own: TLS, if the URL asks for it, and the
     * handshake follow on it. Close yours whenever you like.
     *
     * @param resource $stream a connected stream of TCP or unix, without TLS, from which nothing was read ahead
     *
     * @throws WscException an InvalidArgumentException for anything else
     */
    public function useSocket($stream): void
    {
        $this->native->call('wsc_conn_set_socket', 'useSocket()', StreamDescriptor::of($stream));
    }

    /**
     * @param string $payload at most 125 bytes
     *
     * @return bool as `send`
     *
     * @throws WscException as `send`; an InvalidArgumentException for a longer payload
     */
    public function ping(string $payload = ''): bool
    {
        $status = $this->native->ping($payload);
        return $status === 0 || $this->refuse($status, 'ping()', true);
    }

    /**
     * @param string $payload at most 125 bytes
     *
     * @return bool as `send`
     *
     * @throws WscException as `send`; an InvalidArgumentException for a longer payload
     */
    public function pong(string $payload = ''): bool
    {
        $status = $this->native->pong($payload);
        return $status === 0 || $this->refuse($status, 'pong()', true);
    }

    /**
     * Sends what is queued, then closes with the WebSocket close handshake; onClose follows. Cancels a
     * scheduled reconnect. Without an attempt it does nothing.
     *
     * @param int $code 1000 or 3000 to 4999, 0 for none
     * @param string $reason UTF-8, at most 123 bytes
     *
     * @throws WscException an InvalidArgumentException for a bad code or reason
     */
    public function close(int $code = 1000, string $reason = ''): void
    {
        $this->native->close($code, $reason);
        $this->ended = true;
        $this->releaseIfOver();
    }

    /**
     * Ends the attempt at once, without handshake; queued and undelivered messages are dropped. onClose
     * follows. Cancels a scheduled reconnect. Without an attempt it does nothing.
     *
     * @throws WscException
     */
    public function abort(): void
    {
        $this->native->abort();
        $this->ended = true;
        $this->native->loop->queue->discard($this->native->id);
        $this->releaseIfOver();
    }

    /**
     * Workerman's name for `abort`.
     *
     * @throws WscException
     */
    public function destroy(): void
    {
        $this->abort();
    }

    /**
     * Stops messages, pings and pongs until `resumeRecv`. The end of the connection ends the pause.
     *
     * @throws WscException
     */
    public function pauseRecv(): void
    {
        $this->native->pauseRecv();
        $this->native->loop->queue->hold($this->native->id);
    }

    /**
     * @throws WscException
     */
    public function resumeRecv(): void
    {
        $this->native->resumeRecv();
        $this->native->loop->release($this->native->id);
    }

    /**
     * Writes queued messages as far as the socket takes them now. The loop does it unasked: call this
     * before a long computation outside the loop.
     *
     * @throws WscException
     */
    public function flush(): void
    {
        $this->native->flush();
    }

    public function getState(): State
    {
        $state = $this->native->state();
        // The library is ahead by the events that are yet to be delivered.
        return $state === State::Closed && $this->native->loop->queue->holdsEndOf($this->native->id) ? State::Closing : $state;
    }

    /**
     * @return string "192.0.2.1:80" or "[::1]:80"; "" while there is no socket
     *
     * @throws WscException
     */
    public function getRemoteAddress(): string
    {
        return $this->native->peerAddress();
    }

    /**
     * @throws WscException
     */
    public function getRemoteIp(): string
    {
        return self::ip($this->native->peerAddress());
    }

    /**
     * @throws WscException
     */
    public function getRemotePort(): int
    {
        return self::port($this->native->peerAddress());
    }

    /**
     * @throws WscException
     */
    public function getLocalAddress(): string
    {
        return $this->native->localAddress();
    }

    /**
     * @throws WscException
     */
    public function getLocalIp(): string
    {
        return self::ip($this->native->localAddress());
    }

    /**
     * @throws WscException
     */
    public function getLocalPort(): int
    {
        return self::port($this->native->localAddress());
    }

    /**
     * Bytes accepted by `send` and not yet taken by the kernel.
     */
    public function getSendBufferQueueSize(): int
    {
        return $this->native->bufferedAmount();
    }

    /**
     * @throws WscException
     */
    public function bytesRead(): int
    {
        return $this->counter(Counter::BytesReceived);
    }

    /**
     * @throws WscException
     */
    public function bytesWritten(): int
    {
        return $this->counter(Counter::BytesSent);
    }

    /**
     * @throws WscException
     */
    public function counter(Counter $counter): int
    {
        return $this->native->counter($counter);
    }

    /**
     * What is known of the last attempt, good or bad: phases and their times, addresses, TLS, the server's answer.
     *
     * @throws WscException
     */
    public function getReport(): Report
    {
        return Report::of($this->native);
    }

    /**
     * @throws WscException
     */
    private function applySettings(): void
    {
        $native = $this->native;
        $native->setHeaders($this->headers);
        $native->setText('wsc_conn_set_origin', $this->websocketOrigin ?? '', 'websocketOrigin');
        $native->setText('wsc_conn_set_subprotocols', $this->websocketClientProtocol ?? '', 'websocketClientProtocol');
        $native->set('wsc_conn_set_auto_pong', 'automaticPong', $this->automaticPong);
        $native->setTime(
            'wsc_conn_set_ping_interval',
            $this->websocketPingInterval === 0.0 ? \INF : $this->websocketPingInterval,
            'websocketPingInterval'
        );
        $native->setSize('wsc_conn_set_send_queue_limit', $this->maxSendBufferSize, 'maxSendBufferSize');
        $native->setSize('wsc_conn_set_max_receive_size', $this->maxPackageSize, 'maxPackageSize');
        $native->setSize('wsc_conn_set_max_frame_size', $this->maxFrameSize ?? $this->maxPackageSize, 'maxFrameSize');
        $native->set('wsc_conn_set_streaming', 'streaming', $this->streaming);
        if ($this->streaming) {
            $native->loop->native->batch->hasParts = true;
        }
        AutoReconnect::apply($this->autoReconnect, $native);
        $this->writeSettings($native);
        $native->shareSettings();
    }

    private function attempt(): void
    {
        $this->ended = false;
        self::$handlers ??= new Handlers(self::receive(...), self::receiveRun(...), self::handle(...));
        $this->native->loop->queue->register($this->native->id, $this, self::$handlers);
    }

    /**
     * Lets the loop drop its reference once no event can come any more.
     */
    private function releaseIfOver(): void
    {
        $state = $this->native->state();
        if (
            ($state === State::Closed || $state === State::Initial)
            && !$this->native->loop->queue->holdsEndOf($this->native->id)
        ) {
            $this->native->loop->queue->unregister($this->native->id);
        }
    }

    /**
     * Judges a message that the library did not accept.
     *
     * @param bool $isInTurn whether it was due
     *
     * @return false
     *
     * @throws WscException
     */
    private function refuse(int $number, string $call, bool $isInTurn): bool
    {
        $status = Status::of($number);
        $lost = $status === Status::State && $isInTurn && !$this->ended
            && \in_array($this->getState(), [State::Open, State::Closing], true);
        if ($status !== Status::QueueFull && !$lost) {
            throw Failure::of($status, $call);
        }
        $this->notify(
            $this->onError,
            self::SEND_FAIL,
            $lost ? 'client closed' : 'send buffer full and drop package',
            $status,
            Phase::Open,
            0
        );
        return false;
    }

    /**
     * Whether the parts that were sent of a message wait for the next connection. The library, which says by its
     * refusals whether a part is due, takes none of another type: it is invalid then, and otherwise out of turn.
     */
    private function isKept(MessageType $unfinished): bool
    {
        $other = $unfinished === MessageType::Text ? MessageType::Binary : MessageType::Text;
        return $this->native->sendMessage($other->value, Part::More->value, 0, '') === Status::Invalid->value;
    }

    private static function receive(self $connection, string $data, MessageType $type, Part $part): void
    {
        $onMessage = $connection->onMessage;
        if ($onMessage !== null) {
            $onMessage($connection, $data, $type, $part);
        }
    }

    private static function receiveRun(self $connection, Run $run): void
    {
        $type = $run->type;
        $slots = $run->slots;
        $fields = $run->data;
        while (($at = $run->next++) < $run->end) {
            $onMessage = $connection->onMessage;
            if ($onMessage !== null) {
                $onMessage($connection, \FFI::string($fields[$at] ?? null, $slots[$at]->len), $type, Part::Whole);
            }
        }
    }

    private static function handle(self $connection, Event $event): void
    {
        $connection->tell($event);
    }

    private function tell(Event $event): void
    {
        switch ($event->type) {
            case EventType::Connect:
                $this->notify($this->onConnect);
                break;
            case EventType::Handshake:
                $this->notify($this->onWebSocketConnect, new Response($event->data));
                break;
            case EventType::Ping:
                $this->notify($this->onWebSocketPing, $event->data);
                break;
            case EventType::Pong:
                $this->notify($this->onWebSocketPong, $event->data);
                break;
            case EventType::BufferFull:
                $this->notify($this->onBufferFull);
                break;
            case EventType::BufferDrain:
                $this->notify($this->onBufferDrain);
                break;
            case EventType::Error:
                $this->notify(
                    $this->onError,
                    self::errorCode($event->phase),
                    $event->data,
                    $event->status,
                    $event->phase,
                    $event->code
                );
                break;
            case EventType::Close:
                $this->closedAt = \hrtime(true);
                if ($this->unfinished !== null && !$this->isKept($this->unfinished)) {
                    $this->unfinished = null;
                }
                $this->releaseIfOver();
                $this->notify(
                    $this->onClose,
                    $event->code,
                    $event->data,
                    $event->clean,
                    $event->unsent,
                    $event->byPeer
                );
                break;
            case EventType::Reconnect:
                $this->reconnectIsDue($event->attempt + 1);
                break;
        }
    }

    /**
     * The library begins the attempt with the next poll, with the settings as they are then.
     */
    private function reconnectIsDue(int $attempt): void
    {
        try {
            $this->notify($this->onReconnect, $attempt, (\hrtime(true) - $this->closedAt) / 1e9);
            $this->applySettings();
        } catch (\Throwable $fault) {
            // Its settings would not be those that the program wants.
            $this->cancelReconnect();
            throw $fault;
        }
    }

    private function notify(?callable $callback, mixed ...$arguments): void
    {
        if ($callback !== null) {
            $callback($this, ...$arguments);
        }
    }

    private static function errorCode(Phase $phase): int
    {
        return match ($phase) {
            Phase::Tls => self::TLS_FAIL,
            Phase::Upgrade => self::HANDSHAKE_FAIL,
            Phase::Open, Phase::Closing => self::SESSION_FAIL,
            default => self::CONNECT_FAIL,
        };
    }

    private static function ip(string $address): string
    {
        return \trim(\substr($address, 0, (int) \strrpos($address, ':')), '[]');
    }

    private static function port(string $address): int
    {
        return (int) \substr((string) \strrchr($address, ':'), 1);
    }
}

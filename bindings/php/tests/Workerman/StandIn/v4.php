<?php

/**
 * Stands in for Workerman 4: as much of its interface as the drop-in needs, and no more. The class that
 * would connect does nothing.
 */

namespace Workerman {
    use Workerman\Events\EventInterface;

    class Worker
    {
        public static $globalEvent = null;

        public static $logFile = '';

        public static function getEventLoop()
        {
            return static::$globalEvent;
        }

        public static function stopAll($code = 0, $log = '')
        {
            exit($code);
        }

        public $onWorkerStart = null;

        private static $all = [];

        public function __construct()
        {
            self::$all[] = $this;
        }

        /**
         * Runs the workers in this process. SIGINT ends it.
         */
        public static function runAll()
        {
            pcntl_async_signals(true);
            pcntl_signal(SIGINT, static fn () => exit(0));
            static::$globalEvent = new \Workerman\Events\Select();
            foreach (self::$all as $worker) {
                ($worker->onWorkerStart)($worker);
            }
            static::$globalEvent->loop();
        }

        public static function safeEcho($text)
        {
            echo $text;
        }

        public static function log($text)
        {
            echo $text, "\n";
        }
    }

    class Timer
    {
        public static function add($seconds, callable $func, $args = [], $persistent = true)
        {
            $flag = $persistent ? EventInterface::EV_TIMER : EventInterface::EV_TIMER_ONCE;
            return Worker::$globalEvent->add($seconds, $flag, $func, $args ?? []);
        }

        public static function del($timer)
        {
            return Worker::$globalEvent->del($timer, EventInterface::EV_TIMER);
        }
    }
}

namespace Workerman\Events {
    use Wsc\Tests\Workerman\StandIn\SelectLoop;

    interface EventInterface
    {
        public const EV_READ = 1;
        public const EV_TIMER = 8;
        public const EV_TIMER_ONCE = 16;

        public function add($fd, $flag, $func, $args = []);

        public function del($fd, $flag);

        public function loop();
    }

    class Select extends SelectLoop implements EventInterface
    {
        public function add($fd, $flag, $func, $args = [])
        {
            if ($flag === self::EV_READ) {
                $this->watch($fd, $func);
                return true;
            }
            return $this->schedule($fd, $flag === self::EV_TIMER ? $fd : null, $func, $args);
        }

        public function del($fd, $flag)
        {
            return $flag === self::EV_READ ? $this->unwatch($fd) : $this->unschedule($fd);
        }

        public function loop()
        {
            while (true) {
                $this->turn();
            }
        }
    }
}

namespace Workerman\Protocols {
    class Ws
    {
        public const BINARY_TYPE_BLOB = "\x81";
        public const BINARY_TYPE_ARRAYBUFFER = "\x82";
    }
}

namespace Workerman\Connection {
    #[\AllowDynamicProperties]
    abstract class ConnectionInterface
    {
        public static $statistics = [
            'connection_count' => 0, 'total_request' => 0, 'throw_exception' => 0, 'send_fail' => 0,
        ];

        public $onMessage = null;
        public $onClose = null;
        public $onError = null;
    }

    class TcpConnection extends ConnectionInterface
    {
        public const STATUS_INITIAL = 0;
        public const STATUS_CONNECTING = 1;
        public const STATUS_ESTABLISHED = 2;
        public const STATUS_CLOSING = 4;
        public const STATUS_CLOSED = 8;

        private const NAMES = [0 => 'INITIAL', 1 => 'CONNECTING', 2 => 'ESTABLISHED', 4 => 'CLOSING', 8 => 'CLOSED'];

        public $protocol = null;
        public $onConnect = null;
        public $onBufferFull = null;
        public $onBufferDrain = null;
        public $transport = 'tcp';
        public $worker = null;
        public $bytesRead = 0;
        public $bytesWritten = 0;
        public $id = 0;
        public $maxSendBufferSize = 1048576;
        public $context = null;
        public static $defaultMaxSendBufferSize = 1048576;
        public $maxPackageSize = 1048576;
        public static $defaultMaxPackageSize = 10485760;
        public static $connections = [];
        protected static $_idRecorder = 1;
        protected $_id = 0;
        protected $_status = self::STATUS_ESTABLISHED;
        protected $_remoteAddress = '';

        public function getStatus($rawOutput = true)
        {
            return $rawOutput ? $this->_status : self::NAMES[$this->_status];
        }

        public function send($sendBuffer, $raw = false)
        {
            return null;
        }

        public function close($data = null, $raw = false)
        {
        }

        public function destroy()
        {
        }

        public function pauseRecv()
        {
        }

        public function resumeRecv()
        {
        }

        public function pipe(self $dest, $raw = false)
        {
            $this->onMessage = fn ($source, $data) => $dest->send($data);
            $this->onClose = fn () => $dest->close();
            $dest->onBufferFull = fn () => $this->pauseRecv();
            $dest->onBufferDrain = fn () => $this->resumeRecv();
        }

        public function getRemoteAddress()
        {
            return $this->_remoteAddress;
        }

        public function getRemoteIp()
        {
            return substr($this->_remoteAddress, 0, (int) strrpos($this->_remoteAddress, ':'));
        }

        public function getRemotePort()
        {
            return (int) substr((string) strrchr($this->_remoteAddress, ':'), 1);
        }

        public function getLocalAddress()
        {
            return '';
        }

        public function getLocalIp()
        {
            return substr($this->getLocalAddress(), 0, (int) strrpos($this->getLocalAddress(), ':'));
        }

        public function getLocalPort()
        {
            return (int) substr((string) strrchr($this->getLocalAddress(), ':'), 1);
        }

        public function getSendBufferQueueSize()
        {
            return 0;
        }

        public function getRecvBufferQueueSize()
        {
            return 0;
        }

        public function bufferIsEmpty()
        {
            return true;
        }

        public function isIpV4()
        {
            return !str_contains($this->getRemoteIp(), ':');
        }

        public function isIpV6()
        {
            return str_contains($this->getRemoteIp(), ':');
        }

        public function getSocket()
        {
            return null;
        }

        public function __destruct()
        {
            --self::$statistics['connection_count'];
        }
    }

    class AsyncTcpConnection extends TcpConnection
    {
        protected $_status = self::STATUS_INITIAL;
        protected $_remoteHost = '';
        protected $_remotePort = 80;
        protected $_connectStartTime = 0;
        protected $_remoteURI = '';
        protected $_contextOption = [];

        public function __construct($remoteAddress, $socketContext = [])
        {
            $url = parse_url($remoteAddress);
            if (($url['scheme'] ?? '') !== 'ws') {
                throw new \RuntimeException('The stand-in knows ws:// only');
            }
            $this->_remoteHost = $url['host'];
            $this->_remotePort = $url['port'] ?? 0;
            $this->_remoteURI = ($url['path'] ?? '/') . (isset($url['query']) ? '?' . $url['query'] : '');
            $this->_remoteAddress = "$this->_remoteHost:$this->_remotePort";
            $this->id = $this->_id = self::$_idRecorder++;
            $this->protocol = '\Workerman\Protocols\Ws';
            ++self::$statistics['connection_count'];
            $this->maxSendBufferSize = self::$defaultMaxSendBufferSize;
            $this->maxPackageSize = self::$defaultMaxPackageSize;
            $this->_contextOption = $socketContext;
            $this->context = new \stdClass();
            static::$connections[$this->_id] = $this;
        }

        public function connect()
        {
        }

        public function reconnect($after = 0)
        {
        }

        public function cancelReconnect()
        {
        }

        public function getRemoteHost()
        {
            return $this->_remoteHost;
        }

        public function getRemoteURI()
        {
            return $this->_remoteURI;
        }
    }
}

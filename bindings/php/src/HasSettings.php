<?php

declare(strict_types=1);

namespace Wsc;

use Wsc\Exception\WscException;
use Wsc\Internal\NativeConnection;

/**
 * The settings that Wsc\Connection has itself and Wsc\Workerman\AsyncTcpConnection has under `wsc`.
 *
 * Times are seconds, fractions allowed, and INF is no limit; sizes are bytes. They are read by `connect` and
 * `reConnect`, which throw an InvalidArgumentException that names the one that cannot be used.
 */
trait HasSettings
{
    /** For DNS, TCP, proxy and TLS together. */
    public float $connectTimeout = 10.0;

    /** For the host's name, within connectTimeout. */
    public float $dnsTimeout = \INF;

    /** For the TCP connection, within connectTimeout. */
    public float $tcpTimeout = \INF;

    /** For the proxy, within connectTimeout. */
    public float $proxyTimeout = \INF;

    /** For the TLS handshake, within connectTimeout. */
    public float $tlsTimeout = \INF;

    /** For the server's answer to the upgrade request. */
    public float $handshakeTimeout = 10.0;

    /** How long the server may stay silent after a ping. Whatever arrives is an answer. */
    public float $pongTimeout = 20.0;

    /** How long the server may send nothing at all. */
    public float $idleTimeout = \INF;

    /** How long the server may take to answer `close`. */
    public float $closeTimeout = 5.0;

    /** The largest response head. */
    public int $maxHeaderSize = 65536;

    /** Of how many frames a received message may consist. */
    public int $maxFragments = 131072;

    /** Bytes received but not yet delivered at which reading stops until some were. */
    public int $maxReceiveBufferSize = 4194304;

    /** How many HTTP redirects are followed. Credentials are not taken to another server. */
    public int $maxRedirects = 0;

    /** Certificates and versions for wss://; null: nothing special. */
    public ?Tls $tls = null;

    /** null: none. */
    public ?Proxy $proxy = null;

    /** null: compression is not offered. */
    public ?Deflate $deflate = null;

    /** The IP address to connect from, with or without a port; '': the system chooses. */
    public string $localAddress = '';

    /** The network interface to connect through, such as eth0; '': the system chooses. */
    public string $interface = '';

    /** Whether small writes leave at once (TCP_NODELAY). */
    public bool $tcpNoDelay = true;

    /** After which silence TCP sends keepalive probes, 1 second at least. INF: none. */
    public float $keepalive = \INF;

    /** How long TCP may wait for sent data to be acknowledged. INF: the system's own limit. */
    public float $tcpUserTimeout = \INF;

    /**
     * @internal
     *
     * @throws WscException
     */
    private function writeSettings(NativeConnection $native): void
    {
        $native->setTime('wsc_conn_set_connect_timeout', $this->connectTimeout, 'connectTimeout');
        $phases = 'wsc_conn_set_phase_timeout';
        $native->setTime($phases, $this->dnsTimeout, 'dnsTimeout', Phase::Dns->value);
        $native->setTime($phases, $this->tcpTimeout, 'tcpTimeout', Phase::Tcp->value);
        $native->setTime($phases, $this->proxyTimeout, 'proxyTimeout', Phase::Proxy->value);
        $native->setTime($phases, $this->tlsTimeout, 'tlsTimeout', Phase::Tls->value);
        $native->setTime('wsc_conn_set_handshake_timeout', $this->handshakeTimeout, 'handshakeTimeout');
        $native->setTime('wsc_conn_set_pong_timeout', $this->pongTimeout, 'pongTimeout');
        $native->setTime('wsc_conn_set_idle_timeout', $this->idleTimeout, 'idleTimeout');
        $native->setTime('wsc_conn_set_close_timeout', $this->closeTimeout, 'closeTimeout');
        $native->set('wsc_conn_set_tcp_nodelay', 'tcpNoDelay', $this->tcpNoDelay);
        $native->setTime('wsc_conn_set_keepalive', $this->keepalive, 'keepalive');
        $native->setTime('wsc_conn_set_tcp_user_timeout', $this->tcpUserTimeout, 'tcpUserTimeout');
        $native->setSize('wsc_conn_set_max_header_size', $this->maxHeaderSize, 'maxHeaderSize');
        $native->setSize('wsc_conn_set_max_fragments', $this->maxFragments, 'maxFragments');
        $native->setSize('wsc_conn_set_receive_queue_limit', $this->maxReceiveBufferSize, 'maxReceiveBufferSize');
        $native->set(
            'wsc_conn_set_max_redirects',
            'maxRedirects',
            NativeConnection::unsigned($this->maxRedirects, 'maxRedirects')
        );
        $native->setText('wsc_conn_set_local_address', $this->localAddress, 'localAddress');
        $native->setText('wsc_conn_set_interface', $this->interface, 'interface');
        Tls::apply($this->tls, $native);
        Proxy::apply($this->proxy, $native);
        Deflate::apply($this->deflate, $native);
    }
}

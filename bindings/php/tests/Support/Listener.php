<?php

declare(strict_types=1);

namespace Wsc\Tests\Support;

/**
 * The server's side of a Server: what its script works with.
 */
final class Listener
{
    /** @var list<Peer> they hang up with their objects */
    private array $peers = [];

    /**
     * @param resource $socket
     */
    public function __construct(private $socket, private readonly Channel $channel)
    {
    }

    public function accept(): Peer
    {
        $stream = @stream_socket_accept($this->socket, Server::PATIENCE);
        if ($stream === false) {
            throw new \RuntimeException('Nobody connected');
        }
        return $this->peers[] = new Peer($stream);
    }

    public function acceptUpgraded(): Peer
    {
        $peer = $this->accept();
        $peer->upgrade();
        return $peer;
    }

    /**
     * Lets go of the connections so far.
     */
    public function forget(): void
    {
        $this->peers = [];
    }

    public function report(mixed $value): void
    {
        $this->channel->send($value);
    }

    /**
     * Waits for `Server::proceed`.
     */
    public function await(): void
    {
        $this->channel->receive();
    }
}

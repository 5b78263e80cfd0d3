<?php

declare(strict_types=1);

namespace Wsc;

use Wsc\Exception\WscException;
use Wsc\Internal\NativeConnection;

/**
 * The way through a proxy. Names of servers are resolved by the proxy.
 */
final class Proxy
{
    /**
     * @param string|null $url http://, https:// (TLS to the proxy), socks5:// or socks5h://, with
     *     user:password@ if wanted. null: what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say
     * @param array<string, string|\Stringable|list<string>> $headers further headers for an HTTP proxy; the
     *     server never sees them
     */
    public function __construct(
        #[\SensitiveParameter] public readonly ?string $url,
        public readonly array $headers = []
    ) {
    }

    /**
     * The proxy that the environment names, if any.
     */
    public static function fromEnvironment(): self
    {
        return new self(null);
    }

    /**
     * @internal
     *
     * @throws WscException an InvalidArgumentException for a bad URL or header
     */
    public static function apply(?self $proxy, NativeConnection $native): void
    {
        if (!$native->begin('proxy', $proxy !== null)) {
            return;
        }
        if ($proxy !== null && $proxy->url === null) {
            $native->call('wsc_conn_set_proxy_from_environment', 'proxy');
        } else {
            $native->call('wsc_conn_set_proxy', 'proxy->url', NativeConnection::text($proxy?->url ?? ''));
        }
        $native->replaceHeaders(
            'wsc_conn_clear_proxy_headers',
            'wsc_conn_add_proxy_header',
            'proxy->headers',
            $proxy?->headers ?? []
        );
    }
}

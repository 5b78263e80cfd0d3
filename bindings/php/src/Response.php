<?php

declare(strict_types=1);

namespace Wsc;

use Wsc\Internal\HttpHead;

/**
 * The server's answer to the handshake. As a string it is the raw response head.
 */
final class Response implements \Stringable
{
    /** @var list<array{string, string}>|null */
    private ?array $fields = null;

    /**
     * @internal
     */
    public function __construct(private readonly string $head)
    {
    }

    public function __toString(): string
    {
        return $this->head;
    }

    public function getStatusCode(): int
    {
        return (int) ($this->statusLine()[1] ?? 0);
    }

    public function getReasonPhrase(): string
    {
        return $this->statusLine()[2] ?? '';
    }

    /**
     * The first field of that name, in any case of letters.
     */
    public function getHeader(string $name): ?string
    {
        return $this->getHeaderLines($name)[0] ?? null;
    }

    /**
     * All fields of that name.
     *
     * @return list<string>
     */
    public function getHeaderLines(string $name): array
    {
        $values = [];
        foreach ($this->fields() as [$field, $value]) {
            if (\strcasecmp($field, $name) === 0) {
                $values[] = $value;
            }
        }
        return $values;
    }

    /**
     * All fields, by their names as first spelt.
     *
     * @return array<string, list<string>>
     */
    public function getHeaders(): array
    {
        $headers = [];
        $spelling = [];
        foreach ($this->fields() as [$name, $value]) {
            $headers[$spelling[\strtolower($name)] ??= $name][] = $value;
        }
        return $headers;
    }

    /**
     * @return list<string> version, code, reason
     */
    private function statusLine(): array
    {
        return \explode(' ', HttpHead::statusLine($this->head), 3);
    }

    /**
     * @return list<array{string, string}>
     */
    private function fields(): array
    {
        return $this->fields ??= HttpHead::fields($this->head);
    }
}

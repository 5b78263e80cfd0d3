<?php

declare(strict_types=1);

namespace Wsc\Tests;

use PHPUnit\Framework\TestCase;
use Wsc\Connection;
use Wsc\Counter;
use Wsc\Internal\Duration;
use Wsc\Internal\EventType;
use Wsc\Internal\ReportData;
use Wsc\Internal\ReportNumber;
use Wsc\MessageType;
use Wsc\Part;
use Wsc\Phase;
use Wsc\QueuePolicy;
use Wsc\Retry;
use Wsc\State;
use Wsc\Status;
use Wsc\Tls;
use Wsc\TlsVersion;
use Wsc\Workerman\Internal\SocketContext;

/**
 * PHP's enums repeat numbers of the declarations, which are generated: here they are compared.
 */
final class DeclarationsTest extends TestCase
{
    /**
     * @dataProvider enums
     *
     * @param class-string<\BackedEnum> $enum
     */
    public function testEnumHasTheConstantsOfTheDeclarations(string $enum, string $type, string $prefix): void
    {
        $declared = self::constants($type, $prefix);
        $cases = [];
        foreach ($enum::cases() as $case) {
            $cases[strtoupper(preg_replace('/(?<=[a-z])(?=[A-Z])/', '_', $case->name))] = $case->value;
        }

        self::assertNotSame([], $declared);
        self::assertEquals($declared, $cases);
    }

    /**
     * @return iterable<array{class-string<\BackedEnum>, string, string}>
     */
    public static function enums(): iterable
    {
        yield [Status::class, 'status', 'WSC_(?:ERR_)?'];
        yield [Phase::class, 'phase', 'WSC_PHASE_'];
        yield [State::class, 'state', 'WSC_STATE_'];
        yield [EventType::class, 'event_type', 'WSC_EVENT_'];
        yield [MessageType::class, 'message_type', 'WSC_MESSAGE_'];
        yield [Counter::class, 'counter', 'WSC_COUNTER_'];
        yield [Part::class, 'part', 'WSC_PART_'];
        yield [QueuePolicy::class, 'queue_policy', 'WSC_QUEUE_'];
        yield [ReportData::class, 'report_data', 'WSC_REPORT_'];
        yield [ReportNumber::class, 'report_number', 'WSC_REPORT_'];
        yield [Retry::class, 'retry', 'WSC_RETRY_'];
    }

    public function testTlsVersionsAreTheLibrarys(): void
    {
        self::assertSame(
            self::constants('tls_version', 'WSC_'),
            ['TLS_1_2' => TlsVersion::Tls12->value, 'TLS_1_3' => TlsVersion::Tls13->value]
        );
    }

    public function testConstantsWithoutATypeAreTheLibrarys(): void
    {
        $private = static fn (string $class, string $name): mixed
            => (new \ReflectionClassConstant($class, $name))->getValue();

        self::assertSame(
            self::constants('send', 'WSC_SEND_'),
            ['NO_COMPRESS' => $private(Connection::class, 'NO_COMPRESS')]
        );
        $pins = self::constants('pin_type', 'WSC_PIN_');
        self::assertSame($pins['CERTIFICATE'], $private(Tls::class, 'PIN_CERTIFICATE'));
        self::assertSame($pins['CERTIFICATE'], $private(SocketContext::class, 'PIN_CERTIFICATE'));
        self::assertSame($pins['PUBLIC_KEY'], $private(Tls::class, 'PIN_PUBLIC_KEY'));
    }

    public function testEveryStatusHasASentenceOfItsOwn(): void
    {
        $texts = array_map(static fn (Status $status): string => $status->text(), Status::cases());

        self::assertSame($texts, array_unique($texts));
    }

    public function testANumberOfANewerLibraryBecomesTheGeneralStatusOfItsGroup(): void
    {
        self::assertSame(
            [Status::Invalid, Status::State, Status::Io, Status::Tls, Status::Protocol, Status::Panic],
            array_map(Status::of(...), [19, 39, 59, 79, 99, 199])
        );
    }

    public function testForeverIsTheLibrarys(): void
    {
        self::assertSame(self::constants('constant', 'WSC_')['FOREVER'], Duration::FOREVER);
    }

    /**
     * @return array<string, int> by name without prefix
     */
    private static function constants(string $type, string $prefix): array
    {
        $declarations = file_get_contents(dirname(__DIR__) . '/src/Internal/wsc.cdef.h');
        self::assertSame(1, preg_match("/enum \\{([^}]*)\\} wsc_{$type}_t;/", $declarations, $body));
        preg_match_all("/\\b$prefix(\\w+) = (-?\\d+)/", $body[1], $matches);
        return array_combine($matches[1], array_map(intval(...), $matches[2]));
    }
}

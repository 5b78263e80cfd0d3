<?php

declare(strict_types=1);

namespace Wsc\Tests;

use PHPUnit\Framework\TestCase;
use Wsc\Counter;
use Wsc\Internal\Duration;
use Wsc\Internal\EventType;
use Wsc\MessageType;
use Wsc\Phase;
use Wsc\State;
use Wsc\Status;

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

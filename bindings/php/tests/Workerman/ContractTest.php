<?php

declare(strict_types=1);

namespace Wsc\Tests\Workerman;

use PHPUnit\Framework\TestCase;
use Wsc\Tests\Support\Server;

/**
 * The drop-in does what Workerman's own class does, but for the differences that are documented.
 *
 * With WORKERMAN_DIR set (directories of Workerman 4 and 5, separated by colons; for 5 also
 * WORKERMAN_COROUTINE_DIR, the directory of workerman/coroutine, unless there is a vendor directory) each
 * scenario also runs on the real thing, with the drop-in and with Workerman's own class.
 */
final class ContractTest extends TestCase
{
    /** @var array<string, string> */
    private static array $differences = [];

    private static ?Server $server = null;

    public static function setUpBeforeClass(): void
    {
        if (Flavour::installed() === []) {
            fwrite(STDERR, "Workerman itself: skipped, as WORKERMAN_DIR is not set; stand-ins take its place\n");
        }
    }

    public static function tearDownAfterClass(): void
    {
        ksort(self::$differences);
        foreach (self::$differences as $title => $difference) {
            fwrite(STDERR, "$title\n$difference");
        }
        if (self::$differences !== []) {
            fwrite(STDERR, count(self::$differences) . " differences, all documented\n");
        }
        self::$differences = [];
        self::$server = null;
    }

    /**
     * @dataProvider dropIns
     */
    public function testDropIn(Flavour $flavour, Scenario $scenario): void
    {
        self::assertSame($scenario->expected($flavour, true), self::play($scenario, $flavour, true));
    }

    /**
     * @return iterable<string, array{Flavour, Scenario}>
     */
    public static function dropIns(): iterable
    {
        foreach (Flavour::standIns() + Flavour::installed() as $name => $flavour) {
            foreach (Scenarios::all() as $title => $scenario) {
                yield "$title, $name" => [$flavour, $scenario];
            }
        }
    }

    public function testEveryDefectHasItsScenario(): void
    {
        $numbers = [];
        foreach (Scenarios::all() as $scenario) {
            preg_match_all('/#(\d+)/', $scenario->why, $found);
            $numbers = [...$numbers, ...array_map(intval(...), $found[1])];
        }
        sort($numbers);

        self::assertSame(range(1, 28), array_values(array_unique($numbers)));
    }

    /**
     * Whether Workerman's own class does the same, or what is documented.
     */
    public function testWorkermansOwnClass(): void
    {
        $this->addToAssertionCount(1);
        foreach (Flavour::installed() as $name => $flavour) {
            foreach (Scenarios::all() as $title => $scenario) {
                $ours = $scenario->expected($flavour, true);
                if ($scenario->expected($flavour, false) === []) {
                    continue;
                }
                try {
                    $theirs = self::play($scenario, $flavour, false);
                } catch (\RuntimeException $fault) {
                    self::fail("$title, $name: " . $fault->getMessage());
                }
                self::assertSame($scenario->expected($flavour, false), $theirs, "$title, $name");
                if ($ours !== $theirs) {
                    self::assertNotSame('', $scenario->why, "$title, $name: the difference is not documented");
                    self::$differences["$name: $title ($scenario->why)"] = sprintf(
                        "    drop-in:   %s\n    Workerman: %s\n",
                        implode(', ', $ours),
                        implode(', ', $theirs)
                    );
                }
            }
        }
    }

    /**
     * @return list<string>
     */
    private static function play(Scenario $scenario, Flavour $flavour, bool $isDropIn): array
    {
        // In a static property, so that `exit` in the client's process does not end the server with its object.
        self::$server = $server = Server::start($scenario->server);
        $seen = Probe::run($flavour, $isDropIn, $server->url, $scenario->client);
        if ($scenario->reports) {
            while (($report = $server->report()) !== null) {
                $seen[] = "server: $report";
            }
        }
        return $seen;
    }
}

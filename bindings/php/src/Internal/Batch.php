<?php

declare(strict_types=1);

namespace Wsc\Internal;

use FFI\CData;
use Wsc\MessageType;
use Wsc\Part;
use Wsc\Phase;
use Wsc\Status;

/**
 * The events of the last poll. They, and the bytes that they refer to, stay in the library's memory until
 * the next one.
 *
 * @internal
 */
final class Batch
{
    /** Events per poll. More costs memory and brings nothing measurable. */
    public const SIZE = 256;

    /** The first event that waits. */
    public int $next = 0;

    /** How many there are, with those that do not wait any more. */
    public int $count = 0;

    /** Whether a connection may receive messages in parts: reading where it is the case costs a little. */
    public bool $hasParts = false;

    public readonly CData $events;

    /** @var list<CData> the elements of $events: indexing makes an object each time */
    public readonly array $slots;

    /**
     * Their `data` fields, aliased: reading one from the element makes an object, too.
     *
     * FFI::string takes a variable by reference, as it would an element of this array, and copy the array for it:
     * give it `[$at] ?? null`, which is none.
     *
     * @var list<CData>
     */
    public readonly array $data;

    public function __construct(\FFI $ffi)
    {
        $this->events = $ffi->new('wsc_event_t[' . self::SIZE . ']');
        $slots = $data = [];
        for ($i = 0; $i < self::SIZE; ++$i) {
            $slots[] = $slot = $this->events[$i];
            // By value it would be the pointer of now, by reference it is the field.
            $field = &$slot->data;
            $data[] = $field;
            unset($field);
        }
        $this->slots = $slots;
        $this->data = $data;
    }

    /**
     * Takes the next event out of the library's memory.
     *
     * @return Event|Message|null null: a type that only a newer package knows
     */
    public function take(): Event|Message|null
    {
        $at = $this->next++;
        $slot = $this->slots[$at];
        return match ($slot->message_type) {
            0 => self::event($slot),
            1 => new Message($slot->conn_id, $this->string($at), MessageType::Text, $this->part($slot)),
            default => new Message($slot->conn_id, $this->string($at), MessageType::Binary, $this->part($slot)),
        };
    }

    /**
     * Whether a paused connection receives the event nevertheless, and without its pause ending.
     */
    public function isAboutSending(int $at): bool
    {
        return EventType::tryFrom($this->slots[$at]->type)?->isAboutSending() ?? false;
    }

    public function string(int $at): string
    {
        return \FFI::string($this->data[$at] ?? null, $this->slots[$at]->len);
    }

    public function part(CData $slot): Part
    {
        return $this->hasParts ? Part::from($slot->part) : Part::Whole;
    }

    /**
     * @return Event|null null: a type that only a newer package knows
     */
    public static function event(CData $slot): ?Event
    {
        $type = EventType::tryFrom($slot->type);
        return $type === null ? null : new Event(
            $slot->conn_id,
            $type,
            $slot->len === 0 ? '' : \FFI::string($slot->data, $slot->len),
            ($status = $slot->status) === 0 ? Status::Ok : Status::of($status),
            ($phase = $slot->phase) === 0 ? Phase::None : Phase::tryFrom($phase) ?? Phase::None,
            $slot->code,
            $slot->clean !== 0,
            $slot->by_peer !== 0,
            $slot->unsent,
            $slot->attempt
        );
    }
}

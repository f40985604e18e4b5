"""The records in a Veepoo band's memory: five minutes each, as fields of (tag, length, bytes).

B1 month, day, hour, minute of the start, without a year; B2 steps, sport, metres and tenths of
kcal, 16 bits big endian each; B4 the pulse of the five minutes. Blood oxygen, pressure, glucose and
the like are passed over: they are no measurements.
"""

from typing import NamedTuple

from config.errors import Rejected
from devices.value import HEART_RATE_BPM, STEPS_INCREMENT, Value
from devices.veepoo_frames import NO_BPM, Part
from devices.wall_clock import DAY_MS, MINUTE_MS, shown, stamp

START, ACTIVITY, PULSE = 0xB1, 0xB2, 0xB4
START_BYTES, STEPS_BYTES = 4, 2
RECORD_MIN = 5
RECORD_MS = RECORD_MIN * MINUTE_MS
LAST_HOUR, LAST_MINUTE = 23, 59
LEAP_YEAR = 2000
"""In it every month and day exists: for a look at a date without its year."""


class Record(NamedTuple):
    """Five minutes of a band's memory."""

    month: int
    day: int
    minute_of_day: int
    steps: int | None
    bpm: tuple[int, ...]
    """One for each minute; see NO_BPM."""


def fields(data: bytes) -> tuple[dict[int, bytes], bool]:
    """Return the fields that are whole, and whether the bytes end with a whole one, or with 0s."""
    found: dict[int, bytes] = {}
    offset = 0
    while offset < len(data) and data[offset] != 0:
        if offset + 2 > len(data) or offset + 2 + data[offset + 1] > len(data):
            return found, False
        length = data[offset + 1]
        found[data[offset]] = data[offset + 2 : offset + 2 + length]
        offset += 2 + length
    return found, not any(data[offset:])


def record_of(found: dict[int, bytes]) -> Record:
    """Return the record that the fields are; raise Rejected without a start or with a wrong one."""
    start = found.get(START, b"")
    if len(start) < START_BYTES:
        raise Rejected("incomplete", "a record without its time")
    month, day, hour, minute = start[:START_BYTES]
    if hour > LAST_HOUR or minute > LAST_MINUTE:
        raise Rejected("out_of_range", "no such time of day")
    stamp(LEAP_YEAR, month, day)
    activity = found.get(ACTIVITY)
    if activity is not None and len(activity) < STEPS_BYTES:
        raise Rejected("too_short", "the field of the steps")
    bpm = found.get(PULSE, b"")
    if len(bpm) > RECORD_MIN:
        raise Rejected("too_long", "more than one pulse a minute")
    steps = None if activity is None else int.from_bytes(activity[:STEPS_BYTES], "big")
    return Record(month, day, 60 * hour + minute, steps, tuple(bpm))


def start_ms(record: Record, wall_now_ms: int) -> int:
    """Return a record's start on the band's clock: the year is the latest that is not to come.

    A day's grace is given, for a band whose clock runs ahead.
    """
    latest_ms = wall_now_ms + DAY_MS
    for year in range(shown(latest_ms).year, shown(latest_ms).year - 9, -1):
        try:
            start = stamp(year, record.month, record.day, record.minute_of_day)
        except Rejected:
            continue  # 29 February
        if start <= latest_ms:
            return start
    raise Rejected("out_of_range", "no such day")


def values_of(record: Record, record_start_ms: int | None) -> list[Value]:
    """Return the pulse of each minute and the steps of all; stamped where the start is known."""
    values = [
        Value(
            HEART_RATE_BPM,
            bpm,
            device_ts_ms=None if record_start_ms is None else record_start_ms + minute * MINUTE_MS,
        )
        for minute, bpm in enumerate(record.bpm)
        if bpm not in NO_BPM
    ]
    if record.steps is not None:
        values.append(
            Value(STEPS_INCREMENT, record.steps, span_ms=RECORD_MS, device_ts_ms=record_start_ms)
        )
    return values


class Parts:
    """The parts of a day's records, gathered; order and repeats do not matter."""

    LEAST = 2
    """Bands send a record in two parts at least."""

    def __init__(self) -> None:
        self._pieces: dict[int, dict[int, bytes]] = {}
        self._told: set[int] = set()

    def take(self, part: Part) -> Record | None:
        """Add a part; return the record once steps and pulse of it have come, and once only."""
        pieces = self._pieces.setdefault(part.record, {})
        pieces[part.number] = part.piece
        if part.record in self._told:
            return None
        found, _ = self._fields(part.record)
        if START in found and ACTIVITY in found and PULSE in found:
            self._told.add(part.record)
            return record_of(found)
        return None

    def rest(self) -> tuple[list[Record], bool]:
        """Return, at the day's end, the records without steps or pulse; and whether all are whole.

        Of a record that lacks a part nothing is told: it is to be asked for again.
        """
        records, all_whole = [], True
        for number in self._pieces.keys() - self._told:
            found, is_whole = self._fields(number)
            if not is_whole or len(self._pieces[number]) < self.LEAST:
                all_whole = False
                continue
            self._told.add(number)
            records.append(record_of(found))
        return records, all_whole

    def _fields(self, record: int) -> tuple[dict[int, bytes], bool]:
        """Return the whole fields of the parts from 1 on without a gap, and whether that is all."""
        pieces = self._pieces[record]
        data, number = b"", 1
        while number in pieces:
            data += pieces[number]
            number += 1
        found, is_whole = fields(data)
        return found, is_whole and number > max(pieces)

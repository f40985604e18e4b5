"""The frames of FitPro bands (LH716, LT716, LM517 and others).

Layout: facts read in Gadgetbridge's constants, tests and recorded frames (AGPL: facts only). CD,
the length of what follows, the group, 1, the command, the length of the payload, the payload; all
numbers big endian. There is no checksum, but two lengths that must agree. DC instead of CD is an
acknowledgement. A frame may be longer than one packet of the link.
"""

from datetime import datetime
from typing import NamedTuple

from config.errors import Rejected
from devices.reassembly import Reassembly
from devices.wall_clock import DAY_MS, MINUTE_MS, stamp

SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9d"
WRITE = "6e400002-b5a3-f393-e0a9-e50e24dcca9d"
NOTIFY = "6e400003-b5a3-f393-e0a9-e50e24dcca9d"
"""One digit from the Nordic UART, which other families use."""

DATA, ACKNOWLEDGEMENT, VERSION = 0xCD, 0xDC, 1
LENGTH_BYTES, HEAD_BYTES, ACKNOWLEDGEMENT_BYTES = 3, 8, 8
LONGEST_FRAME = 2048

GENERAL, SPORT, REQUEST, BUTTON, BAND_INFO = 0x12, 0x15, 0x1A, 0x1C, 0x20
"""The groups."""
STEPS, SLEEP, FETCH, FIRST_WAITS, SECOND_WAITS, TOTALS, PULSES, THIRD_WAITS = (
    *(0x02, 0x03, 0x06, 0x07),
    *(0x08, 0x0C, 0x0E, 0x10),
)
"""The commands of the group SPORT."""
ACKNOWLEDGED = frozenset((STEPS, SLEEP, FIRST_WAITS, SECOND_WAITS, TOTALS, PULSES, THIRD_WAITS))
"""Those that the band wants acknowledged before it goes on."""

RECORDS_AT = 4
"""Records follow a date and their number."""
STEP_BYTES, PULSE_BYTES = 8, 8
SLOT_MIN = 15
SLOT_MS = SLOT_MIN * MINUTE_MS
MOST_BPM = 250
LONG_AGO = 2000
STEPS_SHIFT, STEPS_MASK = 52, 0xFFF
SLOT_SHIFT, SLOT_MASK = 21, 0x7FF
YEAR_SHIFT, MONTH_SHIFT, DAY_MASK, MONTH_MASK = 9, 5, 0x1F, 0x0F


class Frame(NamedTuple):
    """A whole frame."""

    group: int
    command: int
    payload: bytes
    size_bytes: int
    """Of all of it, as an acknowledgement says it back."""


class Acknowledgement(NamedTuple):
    """The band has taken a command of ours."""

    group: int


class Steps(NamedTuple):
    """The steps of one slot."""

    start_ms: int
    steps: int


class Pulse(NamedTuple):
    """One pulse of the memory; 0 where there was none."""

    at_ms: int
    bpm: int


def frame(group: int, command: int, payload: bytes = b"") -> bytes:
    """Return a whole frame."""
    inner = bytes((group, VERSION, command)) + len(payload).to_bytes(2, "big") + payload
    return bytes((DATA,)) + len(inner).to_bytes(2, "big") + inner


def length_of(data: bytes) -> int | None:
    """Return the length that a frame's head says; raise Rejected for what is no head."""
    if data[0] not in (DATA, ACKNOWLEDGEMENT):
        raise Rejected("unknown_form", "no first byte of this family")
    if len(data) < LENGTH_BYTES:
        return None
    length = LENGTH_BYTES + int.from_bytes(data[1:3], "big")
    if not HEAD_BYTES <= length <= LONGEST_FRAME:
        raise Rejected("out_of_range", "no frame is so long, or so short")
    return length


def check(data: bytes) -> None:
    """Raise Rejected where the two lengths of a frame do not agree."""
    if data[4] != VERSION:
        raise Rejected("unknown_form", "another version of the frame")
    if data[0] == ACKNOWLEDGEMENT:
        if len(data) != ACKNOWLEDGEMENT_BYTES:
            raise Rejected("too_long", "an acknowledgement has 8 bytes")
    elif int.from_bytes(data[6:8], "big") != len(data) - HEAD_BYTES:
        raise Rejected("bad_length", "the lengths in the frame do not agree")


def reassembly() -> Reassembly:
    """Return what makes frames of the pieces that come."""
    return Reassembly(length_of, check)


def read(data: bytes) -> Frame | Acknowledgement:
    """Return a frame that is whole and sound."""
    if data[0] == ACKNOWLEDGEMENT:
        return Acknowledgement(data[3])
    return Frame(data[3], data[5], data[HEAD_BYTES:], len(data))


def steps_of(message: Frame) -> list[Steps]:
    """Return the slots in a frame of steps: 64 bits each, their fields of no whole bytes.

    From the top: steps (12 bits), minutes (4), metres (16), the number of the quarter of an hour
    (11), a kind (2), and calories (19).
    """
    day_ms, records = _records(message.payload, STEP_BYTES)
    slots = []
    for record in records:
        packed = int.from_bytes(record, "big")
        start_ms = (packed >> SLOT_SHIFT & SLOT_MASK) * SLOT_MS
        if start_ms >= DAY_MS:
            raise Rejected("out_of_range", "a day has 96 quarters of an hour")
        slots.append(Steps(day_ms + start_ms, packed >> STEPS_SHIFT & STEPS_MASK))
    return slots


def pulses_of(message: Frame) -> list[Pulse]:
    """Return the pulses in a frame: seconds of the day, oxygen, two of pressure, the pulse.

    Oxygen and pressure of such bands are no measurements.
    """
    day_ms, records = _records(message.payload, PULSE_BYTES)
    pulses = []
    for record in records:
        at_ms, bpm = int.from_bytes(record[:4], "big") * 1000, record[7]
        if at_ms >= DAY_MS:
            raise Rejected("out_of_range", "a day has 86,400 seconds")
        if bpm > MOST_BPM:
            raise Rejected("out_of_range", "no such pulse")
        pulses.append(Pulse(day_ms + at_ms, bpm))
    return pulses


def _records(payload: bytes, size: int) -> tuple[int, list[bytes]]:
    """Return the midnight on the band's clock, and as many records as the payload says it has."""
    if len(payload) < RECORDS_AT:
        raise Rejected("too_short", "a date and the number of records")
    date, count = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big")
    if len(payload) != RECORDS_AT + count * size:
        raise Rejected("bad_length", "another number of records than it says")
    year = LONG_AGO + (date >> YEAR_SHIFT)
    day_ms = stamp(year, date >> MONTH_SHIFT & MONTH_MASK, date & DAY_MASK)
    return day_ms, [payload[at : at + size] for at in range(RECORDS_AT, len(payload), size)]


def set_clock(wall: datetime) -> bytes:
    """Return the frame that sets the clock: year, month, day, hour, minute, second in 32 bits."""
    packed = wall.year - LONG_AGO
    for bits, number in ((4, wall.month), (5, wall.day), (5, wall.hour), (6, wall.minute)):
        packed = packed << bits | number
    return frame(GENERAL, 0x01, (packed << 6 | wall.second).to_bytes(4, "big"))


def acknowledge(message: Frame) -> bytes:
    """Return the answer that the band waits for before it sends more."""
    return (
        bytes((ACKNOWLEDGEMENT, 0, ACKNOWLEDGEMENT_BYTES - LENGTH_BYTES, message.group, VERSION))
        + message.size_bytes.to_bytes(2, "big")
        + b"\1"
    )


PAIR = frame(GENERAL, 0x0A, b"\x02")
ASKED_FIRST = (frame(REQUEST, 0x0A), frame(REQUEST, 0x0C))
SET_UP = (frame(GENERAL, 0xFF, b"\x01"), frame(REQUEST, 0x01), frame(REQUEST, 0x0F))
"""The maker's app begins with these; without them the band gives no steps and empties itself."""
ASK_HARDWARE, ASK_BAND = frame(REQUEST, 0x10), frame(BAND_INFO, 0x02)
ASK_MEMORY = frame(SPORT, FETCH, b"\x01")
FIND = frame(GENERAL, 0x0B, b"\x01")

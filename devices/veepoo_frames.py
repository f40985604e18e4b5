"""The frames of Veepoo bands (H Band, H Ring apps): a first byte that says what, then the rest.

Layout: read in public clients written against real bands (a TK20 ring, an MT200, a W12). There is
no checksum. Writes have 20 bytes, filled with 0; replies are filled with 0 too, or cut short.
The records of a day come in parts: DF, the record's number (big endian), the part from 1, and a
piece of fields of (tag, length, bytes); DF FF FF ends a day. Nothing is said before the hello.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from config.errors import Rejected

SERVICE = "f0080001-0451-4000-b000-000000000000"
NOTIFY = "f0080002-0451-4000-b000-000000000000"
WRITE = "f0080003-0451-4000-b000-000000000000"

FRAME_BYTES = 20


class Command(IntEnum):
    """The first byte of a frame, as far as it concerns us."""

    BATTERY = 0xA0
    HELLO = 0xA1
    LIVE = 0xD0
    TOTALS = 0xD8
    DAY = 0xDF


NOT_READ = bytes.fromhex("80 90 93 96 a3 a6 a7 a8 b3 b8 bd c7 d3 da e0 f1 f4")
"""First bytes that bands were seen to send and that hold nothing of ours: blood oxygen and
pressure, electrocardiogram, sleep, watch face, the phone's link, and the like."""

NO_STEPS = 0xFFFFFFFF
NO_BPM = frozenset((0, 1, 2, 255))
"""0 while the sensor looks for the pulse, 1 and 2 when it is not worn, 255 where nothing was
measured."""
NOT_WORN = frozenset((1, 2))
END = b"\xff\xff"
PART_HEAD_BYTES = 4
CHARGE, CHARGE_IS_APART, CHARGE_APART = 4, 5, 6
"""Where the frame of the battery has its bytes."""


class Battery(NamedTuple):
    """The charge."""

    charge_pct: int


class Hello(NamedTuple):
    """The band's answer to the hello."""

    status: int


class Live(NamedTuple):
    """One live measurement of the pulse."""

    bpm: int


class Totals(NamedTuple):
    """Running totals of the day."""

    steps: int
    distance_m: int


class Part(NamedTuple):
    """A piece of one record of a day."""

    record: int
    number: int
    piece: bytes


class DayEnd(NamedTuple):
    """The band has sent all records of the day that was asked for."""


class Other(NamedTuple):
    """A frame with nothing of ours in it."""

    command: int


Message = Battery | Hello | Live | Totals | Part | DayEnd | Other


def read(data: bytes) -> Message:
    """Return what a frame says; raise Rejected for one that is cut short, or no frame of these."""
    if not data:
        raise Rejected("too_short", "no bytes")
    reader = READERS.get(data[0])
    if reader is not None:
        return reader(data)
    if data[0] not in NOT_READ:
        raise Rejected("unknown_form", "no first byte of this family")
    return Other(data[0])


def _need(data: bytes, least_bytes: int) -> None:
    if len(data) < least_bytes:
        raise Rejected("too_short", f"{least_bytes} bytes at least")


def _battery(data: bytes) -> Battery:
    """Read the charge; from a byte of its own where the one before says that it is there."""
    _need(data, CHARGE + 1)
    is_apart = len(data) > CHARGE_APART and data[CHARGE_IS_APART] == 1
    return Battery(data[CHARGE_APART if is_apart else CHARGE])


def _hello(data: bytes) -> Hello:
    _need(data, 4)
    return Hello(data[3])


def _live(data: bytes) -> Live:
    _need(data, 2)
    return Live(data[1])


def _totals(data: bytes) -> Totals:
    _need(data, 14)
    return Totals(int.from_bytes(data[2:6], "little"), int.from_bytes(data[6:10], "little"))


def _day(data: bytes) -> Part | DayEnd:
    _need(data, 3)
    if data[1:3] == END:
        return DayEnd()
    _need(data, PART_HEAD_BYTES + 1)
    return Part(int.from_bytes(data[1:3], "big"), data[3], data[PART_HEAD_BYTES:])


READERS: Mapping[int, Callable[[bytes], Message]] = {
    Command.BATTERY: _battery,
    Command.HELLO: _hello,
    Command.LIVE: _live,
    Command.TOTALS: _totals,
    Command.DAY: _day,
}


def ask(command: Command, data: bytes = b"") -> bytes:
    """Return a question, filled to its length."""
    return (bytes((command,)) + data).ljust(FRAME_BYTES, b"\0")


def hello(wall: datetime) -> bytes:
    """Return the hello, which sets the band's clock; the password is 0000, as bands are sold.

    It goes out unfilled: so it was sent to the ring that answered.
    """
    time = (wall.month, wall.day, wall.hour, wall.minute, wall.second)
    return (
        bytes((Command.HELLO, 0, 0, 0))
        + wall.year.to_bytes(2, "big")
        + bytes(time)
        + bytes((1, 0, 0xD8, 0))
    )


ASK_BATTERY = ask(Command.BATTERY)
ASK_TOTALS = ask(Command.TOTALS)
START = ask(Command.LIVE, b"\x01")
STOP = ask(Command.LIVE, b"\x00")


def ask_day(days_ago: int) -> bytes:
    """Return the question for a day's records, counted back from the band's today."""
    return ask(Command.DAY, bytes((1, days_ago, 0)))

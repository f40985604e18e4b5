"""The frames of WearFit 2.0 watches (DT78, DT92, C1 Plus): AB, the length of the rest, FF, command.

Layout: read in fbiego/dt78 (notes with captures) and fbiego/DT78-App-Android (MIT). The length is
big endian and counts from the FF on; a command has two bytes; there is no checksum.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from config.errors import Rejected
from devices.table import Field, unpack

SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
WRITE = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
NOTIFY = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"

START, FILL = 0xAB, 0xFF
LENGTH_BYTES, COMMAND_BYTES = 3, 6
"""Up to the end of the length, and of the command."""

PULSE_ONCE, PULSE_LIVE = 0x3109, 0x310A
STEPS_ASKED, STEPS_TOLD = 0x5180, 0x5108
BATTERY, CLOCK = 0x9180, 0x9380

NO_BPM = frozenset((0, 255))

PULSE_TABLE = (Field("bpm", "B"), Field("unknown", "B"))
BATTERY_TABLE = (Field("charging", "B"), Field("charge_pct", "B"))
TOTALS_TABLE = (
    Field("unknown", "x"),
    Field("steps", ">H"),
    Field("unknown", "x"),
    Field("kcal", ">H"),
    Field("rest", "5x"),
)


class Pulse(NamedTuple):
    """One measurement; see NO_BPM."""

    bpm: int


class Battery(NamedTuple):
    """The charge."""

    charge_pct: int
    is_charging: bool


class Totals(NamedTuple):
    """Running totals of the day."""

    steps: int
    kcal: int


class Other(NamedTuple):
    """A sound frame with nothing of ours in it."""

    command: int


Message = Pulse | Battery | Totals | Other


def read(data: bytes) -> Message:
    """Return what a frame says; raise Rejected for one of another length, or no such frame."""
    if data[:1] not in {b"", bytes((START,))}:
        raise Rejected("unknown_form", "the first byte is not AB")
    if len(data) < COMMAND_BYTES:
        raise Rejected("too_short", "not even a command")
    if data[LENGTH_BYTES] != FILL:
        raise Rejected("unknown_form", "no FF before the command")
    wanted = LENGTH_BYTES + int.from_bytes(data[1:LENGTH_BYTES], "big")
    if len(data) != wanted:
        wrong = "too_short" if len(data) < wanted else "too_long"
        raise Rejected(wrong, f"{wanted} bytes by its own length")
    command = int.from_bytes(data[4:COMMAND_BYTES], "big")
    reader = READERS.get(command)
    return Other(command) if reader is None else reader(data[COMMAND_BYTES:])


def _pulse(data: bytes) -> Pulse:
    return Pulse(unpack(PULSE_TABLE, data)["bpm"][0])


def _battery(data: bytes) -> Battery:
    fields = unpack(BATTERY_TABLE, data)
    return Battery(fields["charge_pct"][0], fields["charging"][0] == 1)


def _totals(data: bytes) -> Totals:
    fields = unpack(TOTALS_TABLE, data)
    return Totals(fields["steps"][0], fields["kcal"][0])


READERS: Mapping[int, Callable[[bytes], Message]] = {
    PULSE_ONCE: _pulse,
    PULSE_LIVE: _pulse,
    BATTERY: _battery,
    STEPS_TOLD: _totals,
}


def frame(command: int, data: bytes) -> bytes:
    """Return a whole frame."""
    rest = bytes((FILL,)) + command.to_bytes(2, "big") + data
    return bytes((START,)) + len(rest).to_bytes(2, "big") + rest


ASK_BATTERY = frame(BATTERY, b"\x01")
FIND = frame(0x7180, b"")
START_LIVE = frame(PULSE_LIVE, b"\x01")
STOP_LIVE = frame(PULSE_LIVE, b"\x00")


def set_clock(wall: datetime) -> bytes:
    """Return what sets the watch's wall clock."""
    time = (wall.month, wall.day, wall.hour, wall.minute, wall.second)
    return frame(CLOCK, b"\0" + wall.year.to_bytes(2, "big") + bytes(time))


def ask_totals(wall: datetime) -> bytes:
    """Return the question for the day's totals: for all that is stored from the next hour on.

    That is nothing, so the totals come alone. The public client asks so too, and sends hour 24.
    """
    date = (wall.year % 100, wall.month, wall.day, wall.hour + 1)
    return frame(STEPS_ASKED, bytes((0, *date, 0)))

"""The frames of Jring, KeepFit and JYouPro rings (service 0x56FF): 20 bytes each way.

Layout: read in the tests and encoder of PulseLoop (CC-BY-4.0), with frames recorded from a ring.
A command and its data, filled with 0; an answer has its question's command. There is no checksum.
Numbers are little endian; times are seconds since 1970 on the ring's local clock.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from config.errors import Rejected
from devices.family import SIG_UUID
from devices.table import Field, unpack
from devices.wall_clock import EPOCH

SERVICE, WRITE, NOTIFY = (SIG_UUID.format(number) for number in (0x56FF, 0x33F3, 0x33F4))
FRAME_BYTES = 20


class Command(IntEnum):
    """The first byte of a frame, as far as it concerns us."""

    CLOCK = 0x01
    TOTALS = 0x03
    BATTERY = 0x0B
    PULSE = 0x14
    """Starts a measurement, and is one value of it."""
    STOP_PULSE = 0x15
    COMBINED = 0x24
    PULSE_ENDED = 0x27
    KEEP_ALIVE = 0x3A
    APP = 0x48


NOT_READ = bytes.fromhex("02 04 0c 10 11 13 15 16 19 1a 20 21 23 28 33 3a 3e 3f 48 4b 52 f6")
"""First bytes that the ring is known to send and that hold nothing of ours, or nothing sure: of the
memory (10, 13, 16) public sources do not say how far apart its values are."""

MEASURE_FOR = 0xB4
"""As the maker's app starts a measurement; no public source says what the number is."""
APP_NAME = b"adhere"
"""A ring that another app claimed is silent until it is claimed anew."""
HOUR_MIN = 60

CLOCK_TABLE = (Field("command", "B"), Field("time_s", "<I"), Field("rest", "15x"))
TOTALS_TABLE = (
    Field("command", "B"),
    Field("time_s", "<I"),
    Field("steps", "<I"),
    Field("distance_m", "<I"),
    Field("kcal", "<I"),
    Field("rest", "3x"),
)
BATTERY_TABLE = (Field("command", "B"), Field("charge_pct", "B"), Field("rest", "18x"))
PULSE_TABLE = (
    Field("command", "B"),
    Field("time_s", "<I"),
    Field("bpm", "B"),
    Field("rest", "14x"),
)
COMBINED_TABLE = (Field("command", "B"), Field("bpm", "B"), Field("rest", "18x"))


class Clock(NamedTuple):
    """What the ring's clock shows, once it was set."""

    shown_ms: int


class Totals(NamedTuple):
    """Running totals of the day."""

    shown_ms: int
    steps: int
    distance_m: int


class Battery(NamedTuple):
    """The charge."""

    charge_pct: int


class Pulse(NamedTuple):
    """One value of a measurement; 0 while the sensor looks for it."""

    bpm: int
    shown_ms: int | None
    """When the ring says it was; None where it does not say."""


class PulseEnded(NamedTuple):
    """The ring has ended its measurement."""


class Other(NamedTuple):
    """A frame with nothing of ours in it."""

    command: int


Message = Clock | Totals | Battery | Pulse | PulseEnded | Other


def read(data: bytes) -> Message:
    """Return what a frame says; raise Rejected where it is none of these."""
    if len(data) != FRAME_BYTES:
        wrong = "too_short" if len(data) < FRAME_BYTES else "too_long"
        raise Rejected(wrong, "a frame has 20 bytes")
    reader = READERS.get(data[0])
    if reader is not None:
        return reader(data)
    if data[0] not in NOT_READ:
        raise Rejected("unknown_form", "no first byte of this family")
    return Other(data[0])


def _clock(data: bytes) -> Clock:
    (time_s,) = unpack(CLOCK_TABLE, data)["time_s"]
    return Clock(time_s * 1000)


def _totals(data: bytes) -> Totals:
    fields = unpack(TOTALS_TABLE, data)
    (time_s,), (steps,), (distance_m,) = (
        fields[name] for name in ("time_s", "steps", "distance_m")
    )
    return Totals(time_s * 1000, steps, distance_m)


def _battery(data: bytes) -> Battery:
    (charge_pct,) = unpack(BATTERY_TABLE, data)["charge_pct"]
    return Battery(charge_pct)


def _pulse(data: bytes) -> Pulse:
    fields = unpack(PULSE_TABLE, data)
    (time_s,), (bpm,) = fields["time_s"], fields["bpm"]
    return Pulse(bpm, time_s * 1000)


def _combined(data: bytes) -> Pulse:
    """Read the pulse beside pressure, oxygen and glucose, which are no measurements."""
    (bpm,) = unpack(COMBINED_TABLE, data)["bpm"]
    return Pulse(bpm, None)


READERS: Mapping[int, Callable[[bytes], Message]] = {
    Command.CLOCK: _clock,
    Command.TOTALS: _totals,
    Command.BATTERY: _battery,
    Command.PULSE: _pulse,
    Command.COMBINED: _combined,
    Command.PULSE_ENDED: lambda _data: PulseEnded(),
}


def frame(command: Command, data: bytes = b"") -> bytes:
    """Return a whole frame."""
    return (bytes((command,)) + data).ljust(FRAME_BYTES, b"\0")


def set_clock(wall: datetime, utc_offset_min: int) -> bytes:
    """Return the frame that sets the clock: local time, and the zone in whole hours."""
    time_s = int((wall - EPOCH).total_seconds())
    hours = int(utc_offset_min / HOUR_MIN)
    return frame(
        Command.CLOCK, time_s.to_bytes(4, "little") + hours.to_bytes(1, "little", signed=True)
    )


CLAIM = frame(Command.APP, APP_NAME)
ASK_TOTALS = frame(Command.TOTALS)
KEEP_ALIVE = frame(Command.KEEP_ALIVE)
START, STOP = frame(Command.PULSE, bytes((MEASURE_FOR,))), frame(Command.STOP_PULSE)

"""The frames of Colmi rings (R02, R03, R06, R09, R10; the QRing app): 16 bytes each way.

Layout: read in tahnok/colmi_r02_client (MIT) and its tests. A command, 14 bytes of data, and the
low byte of the sum of the 15 before it. A reply has its question's command; with its highest bit
set the ring refuses. Numbers are little endian, dates binary-coded decimal.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from config.errors import Rejected
from devices.table import Field, Fields, unpack
from devices.wall_clock import MINUTE_MS, stamp

SERVICE = "6e40fff0-b5a3-f393-e0a9-e50e24dcca9e"
WRITE = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
NOTIFY = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"

FRAME_BYTES = 16


class Command(IntEnum):
    """The first byte of a frame, as far as it concerns us."""

    SET_TIME = 0x01
    BATTERY = 0x03
    LOG = 0x15
    """The log of the pulse, one day."""
    SETTINGS = 0x16
    """How often the pulse is taken for the log."""
    STEPS = 0x43
    FIND = 0x50
    """Makes its light flash."""
    START_LIVE = 0x69
    STOP_LIVE = 0x6A


REFUSED = 0x80
NO_DATA, STEPS_HEADER = 0xFF, 0xF0
HEART_RATE = 1
"""The kind of live measurement; others (blood oxygen, stress) are no business of ours."""
NOT_WORN, TRY_AGAIN = 1, 2
"""What the ring says instead of a pulse."""

ENABLED = 1
LONG_AGO = 2000
QUARTER_MIN, QUARTERS = 15, 96

BATTERY_TABLE = (
    Field("command", "B"),
    Field("charge_pct", "B"),
    Field("charging", "B"),
    Field("rest", "13x"),
)
LIVE_TABLE = (
    Field("command", "B"),
    Field("kind", "B"),
    Field("error", "B"),
    Field("bpm", "B"),
    Field("rest", "12x"),
)
SETTINGS_TABLE = (
    Field("command", "B"),
    Field("action", "x"),
    Field("enabled", "B"),
    Field("interval_min", "B"),
    Field("rest", "12x"),
)
LOG_HEAD_TABLE = (
    Field("command", "B"),
    Field("index", "B"),
    Field("packets", "B"),
    Field("interval_min", "B"),
    Field("rest", "12x"),
)
LOG_DAY_TABLE = (
    Field("command", "B"),
    Field("index", "B"),
    Field("day_s", "<I"),
    Field("bpm", "9B"),
    Field("sum", "x"),
)
LOG_TABLE = (
    Field("command", "B"),
    Field("index", "B"),
    Field("bpm", "13B"),
    Field("sum", "x"),
)
STEPS_HEAD_TABLE = (
    Field("command", "B"),
    Field("mark", "B"),
    Field("quarters", "B"),
    Field("rest", "13x"),
)
STEPS_TABLE = (
    Field("command", "B"),
    Field("date", "3B"),
    Field("quarter", "B"),
    Field("index", "B"),
    Field("quarters", "B"),
    Field("calories", "<H"),
    Field("steps", "<H"),
    Field("distance_m", "<H"),
    Field("rest", "3x"),
)


class Battery(NamedTuple):
    """The charge."""

    charge_pct: int
    is_charging: bool


class Live(NamedTuple):
    """One live measurement; 0 while the sensor warms up."""

    kind: int
    error: int
    bpm: int


class Settings(NamedTuple):
    """How often the ring takes the pulse for its log."""

    is_enabled: bool
    interval_min: int


class LogHead(NamedTuple):
    """The first packet of a day's log of the pulse."""

    packets: int
    interval_min: int


class LogPart(NamedTuple):
    """One further packet of it: consecutive slots of the day, 0 where there was no pulse."""

    number: int
    day_ms: int | None
    """The midnight of its day, in packet 1 only."""
    bpm: tuple[int, ...]


class StepsHead(NamedTuple):
    """The first packet of a day's steps."""

    quarters: int


class Quarter(NamedTuple):
    """A quarter of an hour with steps."""

    start_ms: int
    number: int
    quarters: int
    """How many of them this day has."""
    steps: int


class NoData(NamedTuple):
    """The ring has nothing of the day that was asked for."""

    command: Command


class Other(NamedTuple):
    """A sound frame with nothing of ours in it."""

    command: int
    is_refusal: bool


Message = Battery | Live | Settings | LogHead | LogPart | StepsHead | Quarter | NoData | Other


def frame(command: Command, data: bytes = b"") -> bytes:
    """Return a whole frame, with its sum."""
    body = bytes((command,)) + data.ljust(FRAME_BYTES - 2, b"\0")
    return body + bytes((sum(body) & 0xFF,))


def read(data: bytes) -> Message:
    """Return what a frame says; raise Rejected where length or sum is wrong, or no such day is."""
    if len(data) != FRAME_BYTES:
        wrong = "too_short" if len(data) < FRAME_BYTES else "too_long"
        raise Rejected(wrong, "a frame has 16 bytes")
    if sum(data[:-1]) & 0xFF != data[-1]:
        raise Rejected("bad_checksum")
    reader = READERS.get(data[0])
    if reader is None:
        return Other(data[0] & ~REFUSED, bool(data[0] & REFUSED))
    return reader(data)


def _battery(data: bytes) -> Battery:
    fields = unpack(BATTERY_TABLE, data)
    return Battery(_one(fields, "charge_pct"), _one(fields, "charging") != 0)


def _live(data: bytes) -> Live:
    fields = unpack(LIVE_TABLE, data)
    return Live(_one(fields, "kind"), _one(fields, "error"), _one(fields, "bpm"))


def _settings(data: bytes) -> Settings:
    fields = unpack(SETTINGS_TABLE, data)
    return Settings(_one(fields, "enabled") == ENABLED, _one(fields, "interval_min"))


def _log(data: bytes) -> LogHead | LogPart | NoData:
    number = data[1]
    if number == NO_DATA:
        return NoData(Command.LOG)
    if number == 0:
        fields = unpack(LOG_HEAD_TABLE, data)
        return LogHead(_one(fields, "packets"), _one(fields, "interval_min"))
    if number == 1:
        fields = unpack(LOG_DAY_TABLE, data)
        return LogPart(number, _one(fields, "day_s") * 1000, fields["bpm"])
    return LogPart(number, None, unpack(LOG_TABLE, data)["bpm"])


def _steps(data: bytes) -> StepsHead | Quarter | NoData:
    if data[1] == NO_DATA:
        return NoData(Command.STEPS)
    if data[1] == STEPS_HEADER:
        return StepsHead(_one(unpack(STEPS_HEAD_TABLE, data), "quarters"))
    fields = unpack(STEPS_TABLE, data)
    year, month, day = (_from_bcd(byte) for byte in fields["date"])
    quarter = _one(fields, "quarter")
    if quarter >= QUARTERS:
        raise Rejected("out_of_range", "a day has 96 quarters of an hour")
    # The index counts quarters; one public reader takes it for hours, which makes four of one.
    return Quarter(
        stamp(LONG_AGO + year, month, day, quarter * QUARTER_MIN),
        _one(fields, "index"),
        _one(fields, "quarters"),
        _one(fields, "steps"),
    )


def _one(fields: Fields, name: str) -> int:
    return fields[name][0]


def _from_bcd(byte: int) -> int:
    """Return the number that a byte's two halves show as decimal digits."""
    try:
        return int(f"{byte:x}")
    except ValueError:
        raise Rejected("out_of_range", "not a decimal date") from None


def to_bcd(number: int) -> int:
    """Return two decimal digits as a byte."""
    tens, ones = divmod(number, 10)
    return 16 * tens + ones


READERS: Mapping[int, Callable[[bytes], Message]] = {
    Command.BATTERY: _battery,
    Command.START_LIVE: _live,
    Command.SETTINGS: _settings,
    Command.LOG: _log,
    Command.STEPS: _steps,
}


def set_time(wall: datetime) -> bytes:
    """Return the frame that sets the clock; the last word is the language, 1 for English."""
    parts = (wall.year - LONG_AGO, wall.month, wall.day, wall.hour, wall.minute, wall.second)
    return frame(Command.SET_TIME, bytes(map(to_bcd, parts)) + b"\x01")


def ask_log(day_ms: int) -> bytes:
    """Return the question for the pulse of a day, by its midnight on the ring's clock."""
    return frame(Command.LOG, (day_ms // 1000).to_bytes(4, "little"))


def ask_steps(days_ago: int) -> bytes:
    """Return the question for the steps of a day, counted back from the ring's today."""
    return frame(Command.STEPS, bytes((days_ago, 0x0F, 0x00, 0x5F, 0x01)))


ASK_BATTERY = frame(Command.BATTERY)
FIND = frame(Command.FIND, b"\x55\xaa")
START = frame(Command.START_LIVE, bytes((HEART_RATE, 1)))
STOP = frame(Command.STOP_LIVE, bytes((HEART_RATE, 0, 0)))
QUARTER_MS = QUARTER_MIN * MINUTE_MS

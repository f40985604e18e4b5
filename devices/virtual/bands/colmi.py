"""Colmi ring (QRing): live heart rate, a log of 288 slots a day, steps by the quarter of an hour.

Frames of 16 bytes: command, 14 bytes, the sum of the first 15. Source: colmi_r02_client (MIT) and
its recorded vectors. The ring keeps a wall clock that its client sets, and no time zone.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import IntEnum

from devices.virtual.bands.band import (
    BATTERY,
    HEART_RATE,
    STEPS_INCREMENT,
    Advert,
    Characteristic,
    Frame,
    Pulse,
    Service,
    Steps,
    VirtualBand,
    nobody_walks,
    utc_now_ms,
)
from devices.virtual.bands.common import Motor
from devices.virtual.bands.day import DAY_MS, MINUTE_MS
from devices.virtual.bands.memory import Memory, ahead_ms

COLMI_SERVICE = "6e40fff0-b5a3-f393-e0a9-e50e24dcca9e"
COLMI_WRITE = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
COLMI_NOTIFY = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"

HEART_RATE_KIND, NOT_WORN, NO_DATA, STEPS_HEADER = 0x01, 1, 0xFF, 0xF0
SET_SETTINGS = 2
"""Of the log; 1 asks for them."""
DATA_BYTES = 14

SLOT_MIN, SLOTS, LOG_PACKETS = 5, 288, 24
FIRST_PACKET_SLOTS, PACKET_SLOTS = 9, 13
QUARTER_MIN, QUARTERS = 15, 96
MOST_BPM = 254
"""255 is no pulse in this family."""

DAYS_KEPT = 7


class Command(IntEnum):
    """The first byte of a frame."""

    SET_TIME = 0x01
    BATTERY = 0x03
    LOG = 0x15
    LOG_SETTINGS = 0x16
    STEPS = 0x43
    FIND = 0x50
    START_LIVE = 0x69
    STOP_LIVE = 0x6A


def framed(command: int, data: bytes = b"") -> bytes:
    """Return a frame of 16 bytes with its sum."""
    frame = bytes([command]) + data.ljust(DATA_BYTES, b"\0")
    return frame + bytes([sum(frame) & 0xFF])


def decimal_byte(number: int) -> int:
    """Return 0-99 as two decimal digits in one byte."""
    return number // 10 << 4 | number % 10


def from_decimal_byte(byte: int) -> int:
    """Return the number that two decimal digits in one byte say."""
    return (byte >> 4) * 10 + (byte & 0x0F)


class ColmiRing:
    """The firmware. A frame with a wrong sum is met with silence."""

    services = (
        Service(
            COLMI_SERVICE,
            (
                Characteristic(COLMI_WRITE, ("write-without-response", "write")),
                Characteristic(COLMI_NOTIFY, ("notify",)),
            ),
        ),
    )

    def __init__(self, memory: Memory, battery_pct: int, warm_up_beats: int) -> None:
        self.battery_pct = battery_pct
        self.motor = Motor()
        """It has a light only."""
        self._memory, self._warm_up_beats = memory, warm_up_beats
        self._is_live = False
        self._warming = 0
        self._log_is_on, self._log_every_min = True, SLOT_MIN

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:
        """Return the live pulse, 0 while warming up, an error while not worn."""
        if not self._is_live:
            return ()
        bpm = self._memory.pulse(now_utc_ms)
        if bpm is None:
            return (_frame(Command.START_LIVE, bytes([HEART_RATE_KIND, NOT_WORN, 0])),)
        if self._warming:
            self._warming -= 1
            return (_frame(Command.START_LIVE, bytes([HEART_RATE_KIND, 0, 0])),)
        data = bytes([HEART_RATE_KIND, 0, min(bpm, MOST_BPM)])
        return (_frame(Command.START_LIVE, data, (HEART_RATE,)),)

    def written(  # noqa: PLR0911 - one return a command
        self, characteristic: str, data: bytes, now_utc_ms: int
    ) -> Sequence[Frame]:
        """Answer a command."""
        if characteristic != COLMI_WRITE or data != framed(data[0] if data else 0, data[1:-1]):
            return ()
        command, asked = data[0], data[1:-1]
        match command:
            case Command.SET_TIME:
                return self._set_time(asked, now_utc_ms)
            case Command.BATTERY:
                return (_frame(Command.BATTERY, bytes([self.battery_pct, 0]), (BATTERY,)),)
            case Command.LOG:
                return self._log(int.from_bytes(asked[:4], "little"), now_utc_ms)
            case Command.LOG_SETTINGS:
                return self._log_settings(asked)
            case Command.STEPS:
                return self._quarters(asked[0], now_utc_ms)
            case Command.START_LIVE if asked[:2] == bytes([HEART_RATE_KIND, 1]):
                self._is_live, self._warming = True, self._warm_up_beats
            case Command.STOP_LIVE:
                self._is_live = False
            case Command.FIND if asked[:2] == b"\x55\xaa":
                self.motor.shake()
        return ()

    def read(self, characteristic: str) -> bytes | None:  # noqa: ARG002 - a link's signature
        """Let nothing be read: everything is asked by a command."""
        return None

    def link_lost(self) -> None:
        """Measure no longer; clock and memory stay."""
        self._is_live = False

    def _set_time(self, asked: bytes, now_utc_ms: int) -> Sequence[Frame]:
        year, month, day, hour, minute, second = map(from_decimal_byte, asked[:6])
        try:
            shown = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            return ()
        self._memory.set_clock(round(shown.timestamp()) * 1000, now_utc_ms)
        return (_frame(Command.SET_TIME),)

    def _log_settings(self, asked: bytes) -> Sequence[Frame]:
        if asked[0] == SET_SETTINGS:
            self._log_is_on, self._log_every_min = asked[1] == 1, asked[2]
        state = 1 if self._log_is_on else 2
        return (_frame(Command.LOG_SETTINGS, bytes([asked[0], state, self._log_every_min])),)

    def _log(self, midnight_s: int, now_utc_ms: int) -> Sequence[Frame]:
        midnight_ms = midnight_s * 1000
        today_ms = self._memory.midnight_ms(0, now_utc_ms) or 0
        is_kept = 0 <= today_ms - midnight_ms // DAY_MS * DAY_MS < self._memory.days_kept * DAY_MS
        slots = bytes(self._slot(midnight_ms, number, now_utc_ms) for number in range(SLOTS))
        if not is_kept or not any(slots):
            return (_frame(Command.LOG, bytes([NO_DATA])),)
        head = _frame(Command.LOG, bytes([0, LOG_PACKETS, SLOT_MIN]))
        first = midnight_s.to_bytes(4, "little") + slots[:FIRST_PACKET_SLOTS]
        packets = [_log_packet(1, first, slots[:FIRST_PACKET_SLOTS])]
        for number in range(2, LOG_PACKETS):
            start = FIRST_PACKET_SLOTS + (number - 2) * PACKET_SLOTS
            held = slots[start : start + PACKET_SLOTS]
            packets.append(_log_packet(number, held, held))
        return (head, *packets)

    def _slot(self, midnight_ms: int, number: int, now_utc_ms: int) -> int:
        if not self._log_is_on:
            return 0
        bpm = self._memory.bpm_at(midnight_ms + number * SLOT_MIN * MINUTE_MS, now_utc_ms)
        return min(bpm or 0, MOST_BPM)

    def _quarters(self, days_ago: int, now_utc_ms: int) -> Sequence[Frame]:
        midnight_ms = self._memory.midnight_ms(days_ago, now_utc_ms)
        walked: list[tuple[int, int]] = []
        if midnight_ms is not None:
            for quarter in range(QUARTERS):
                start = midnight_ms + quarter * QUARTER_MIN * MINUTE_MS
                end = start + QUARTER_MIN * MINUTE_MS
                if steps := self._memory.steps_between(start, end, now_utc_ms):
                    walked.append((quarter, steps))
        if midnight_ms is None or not walked:
            return (_frame(Command.STEPS, bytes([NO_DATA])),)
        day = datetime.fromtimestamp(midnight_ms / 1000, UTC)
        date = bytes(map(decimal_byte, (day.year % 100, day.month, day.day)))
        head = _frame(Command.STEPS, bytes([STEPS_HEADER, len(walked), 1]))
        frames = [head]
        for index, (quarter, steps) in enumerate(walked):
            calories, distance_m = steps // 20, steps * 2 // 3
            data = date + bytes([quarter, index, len(walked)])
            data += b"".join(n.to_bytes(2, "little") for n in (calories, steps, distance_m))
            frames.append(_frame(Command.STEPS, data, (STEPS_INCREMENT,)))
        return tuple(frames)


def colmi_ring(
    address: str,
    pulse: Pulse,
    *,
    steps: Steps = nobody_walks,
    utc_offset_min: int = 480,
    worn_since_utc_ms: int = 0,
    battery_pct: int = 64,
    warm_up_beats: int = 3,
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a ring whose clock starts in that zone and follows whoever sets it."""
    memory = Memory(pulse, steps, DAYS_KEPT, worn_since_utc_ms, ahead_ms(utc_offset_min))
    ring, advert = (
        ColmiRing(memory, battery_pct, warm_up_beats),
        Advert(service_uuids=(COLMI_SERVICE,)),
    )
    name = f"R02_{address.replace(':', '')[-4:]}"
    return VirtualBand(address, name, lambda _now_utc_ms: advert, ring, clock)


def _frame(command: int, data: bytes = b"", values: tuple[str, ...] = ()) -> Frame:
    return Frame(COLMI_NOTIFY, framed(command, data), values)


def _log_packet(number: int, data: bytes, slots: bytes) -> Frame:
    return _frame(Command.LOG, bytes([number]) + data, (HEART_RATE,) * sum(map(bool, slots)))

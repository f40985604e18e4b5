"""PineTime with InfiniTime: the pulse when it changes, the day's steps, a clock that can be set.

Facts of the firmware: InfiniTime's documentation and source. Its adverts name the Heart Rate
Service and Nordic's firmware update, not the motion service.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from devices.virtual.bands.band import (
    HEART_RATE,
    STEPS_COUNTER,
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
from devices.virtual.bands.common import ALERT, BATTERY, INFORMATION, Motor, stated
from devices.virtual.bands.memory import Memory, ahead_ms
from devices.virtual.bands.uuids import (
    ALERT_LEVEL,
    CURRENT_TIME,
    CURRENT_TIME_SERVICE,
    HEART_RATE_MEASUREMENT,
    HEART_RATE_SERVICE,
)

MOTION_SERVICE = "00030000-78fc-48fe-8e23-433b3a1942d0"
MOTION_STEPS = "00030001-78fc-48fe-8e23-433b3a1942d0"
UPDATE_SERVICE = "00001530-1212-efde-1523-785feabcd123"
MOST_BPM = 253
CLOCK_BYTES = 7


class PineTime:
    """The firmware. It keeps the last pulse, and does not tell it again."""

    services = (
        Service(HEART_RATE_SERVICE, (Characteristic(HEART_RATE_MEASUREMENT, ("read", "notify")),)),
        Service(MOTION_SERVICE, (Characteristic(MOTION_STEPS, ("read", "notify")),)),
        Service(CURRENT_TIME_SERVICE, (Characteristic(CURRENT_TIME, ("read", "write")),)),
        ALERT,
        BATTERY,
        INFORMATION,
    )

    def __init__(self, memory: Memory, battery_pct: int, clock: Callable[[], int]) -> None:
        self.memory, self._clock = memory, clock
        self._stated = stated(battery_pct, "PINE64", "PineTime", "1.14.0")
        self.motor = Motor()
        self._bpm = 0
        self._told_steps = 0

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:
        """Return pulse and steps, each only if it changed."""
        frames = []
        bpm = min(self.memory.pulse(now_utc_ms) or 0, MOST_BPM)
        if bpm != self._bpm:
            self._bpm = bpm
            values = (HEART_RATE,) if bpm else ()
            frames.append(Frame(HEART_RATE_MEASUREMENT, bytes([0, bpm]), values))
        steps = self.memory.steps_today(now_utc_ms)
        if steps != self._told_steps:
            self._told_steps = steps
            frames.append(Frame(MOTION_STEPS, steps.to_bytes(4, "little"), (STEPS_COUNTER,)))
        return frames

    def written(self, characteristic: str, data: bytes, now_utc_ms: int) -> Sequence[Frame]:
        """Take the time or an alert, and answer nothing."""
        if characteristic == ALERT_LEVEL:
            self.motor.alert(data)
        if characteristic == CURRENT_TIME and len(data) >= CLOCK_BYTES:
            month, day, hour, minute, second = data[2:CLOCK_BYTES]
            year = int.from_bytes(data[:2], "little")
            shown = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            self.memory.set_clock(round(shown.timestamp()) * 1000, now_utc_ms)
        return ()

    def read(self, characteristic: str) -> bytes | None:
        """Return the last pulse, the steps, the time, the charge, or what it says it is."""
        if characteristic == HEART_RATE_MEASUREMENT:
            return bytes([0, self._bpm])
        if characteristic == MOTION_STEPS:
            return self.memory.steps_today(self._clock()).to_bytes(4, "little")
        if characteristic == CURRENT_TIME:
            shown = self.memory.wall(self._clock())
            parts = (shown.month, shown.day, shown.hour, shown.minute, shown.second)
            return shown.year.to_bytes(2, "little") + bytes((*parts, shown.isoweekday(), 0, 0))
        return self._stated.get(characteristic)

    def link_lost(self) -> None:
        """End an alert."""
        self.motor.link_lost()


def pinetime_watch(
    address: str,
    pulse: Pulse,
    *,
    steps: Steps = nobody_walks,
    utc_offset_min: int = 480,
    battery_pct: int = 66,
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a watch whose clock starts in that zone and follows whoever sets it."""
    memory = Memory(pulse, steps, 1, 0, ahead_ms(utc_offset_min))
    watch = PineTime(memory, battery_pct, clock)
    advert = Advert(service_uuids=(HEART_RATE_SERVICE, UPDATE_SERVICE))
    return VirtualBand(address, "InfiniTime", lambda _now_utc_ms: advert, watch, clock)

"""WearFit 2.0 watch (DT78): live pulse and totals by command, over Nordic's serial port.

Facts of the frames: fbiego/dt78 and fbiego/DT78-App-Android. AB, the length of the rest big endian,
FF, a command of two bytes, data.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from devices.virtual.bands.band import (
    BATTERY,
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
from devices.virtual.bands.common import Motor
from devices.virtual.bands.memory import Memory, ahead_ms

WEARFIT_SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
WEARFIT_WRITE = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
WEARFIT_NOTIFY = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"

HEAD_BYTES, MOST_BPM, COUNTER_ENDS = 6, 254, 1 << 16


class WearFitWatch:
    """The firmware. `live_beats` is how long it measures before it stops by itself."""

    services = (
        Service(
            WEARFIT_SERVICE,
            (
                Characteristic(WEARFIT_WRITE, ("write", "write-without-response")),
                Characteristic(WEARFIT_NOTIFY, ("notify",)),
            ),
        ),
    )

    def __init__(self, memory: Memory, battery_pct: int, live_beats: int | None) -> None:
        self.memory, self._battery_pct, self._live_beats = memory, battery_pct, live_beats
        self._is_live, self._beaten = False, 0
        self.motor = Motor()

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:
        """Return the live pulse, 0 while it finds none."""
        if self._live_beats is not None and self._beaten >= self._live_beats:
            self._is_live = False
        if not self._is_live:
            return ()
        self._beaten += 1
        bpm = self.memory.pulse(now_utc_ms)
        shown = bytes([min(bpm or 0, MOST_BPM), 0x30])
        return (_frame("310a", shown, (HEART_RATE,) if bpm else ()),)

    def written(self, characteristic: str, data: bytes, now_utc_ms: int) -> Sequence[Frame]:
        """Answer a command."""
        if characteristic != WEARFIT_WRITE or data != _framed(data[4:6], data[6:]):
            return ()
        asked = data[HEAD_BYTES:]
        match data[4:HEAD_BYTES].hex():
            case "310a":
                self._is_live, self._beaten = asked == b"\x01", 0
            case "9180":
                return (_frame("9180", bytes([0, self._battery_pct]), (BATTERY,)),)
            case "7180":
                self.motor.shake()
            case "9380":
                self._set_clock(asked, now_utc_ms)
            case "5180":
                steps = self.memory.steps_today(now_utc_ms) % COUNTER_ENDS
                told = b"\0" + steps.to_bytes(2, "big") + b"\0" + (steps // 25).to_bytes(2, "big")
                return (_frame("5108", told + bytes(5), (STEPS_COUNTER,)),)
        return ()

    def read(self, characteristic: str) -> bytes | None:  # noqa: ARG002 - a link's signature
        """Let nothing be read: everything is asked by a command."""
        return None

    def link_lost(self) -> None:
        """Measure no longer."""
        self._is_live = False

    def _set_clock(self, asked: bytes, now_utc_ms: int) -> None:
        month, day, hour, minute, second = asked[3:8]
        year = int.from_bytes(asked[1:3], "big")
        shown = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        self.memory.set_clock(round(shown.timestamp()) * 1000, now_utc_ms)


def wearfit_watch(
    address: str,
    pulse: Pulse,
    *,
    steps: Steps = nobody_walks,
    utc_offset_min: int = 480,
    battery_pct: int = 80,
    live_beats: int | None = None,
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a watch whose clock starts in that zone and follows whoever sets it."""
    memory = Memory(pulse, steps, 1, 0, ahead_ms(utc_offset_min))
    watch = WearFitWatch(memory, battery_pct, live_beats)
    advert = Advert(service_uuids=(WEARFIT_SERVICE,))
    return VirtualBand(address, "DT78", lambda _now_utc_ms: advert, watch, clock)


def _framed(command: bytes, data: bytes) -> bytes:
    rest = b"\xff" + command + data
    return b"\xab" + len(rest).to_bytes(2, "big") + rest


def _frame(command: str, data: bytes, values: tuple[str, ...]) -> Frame:
    return Frame(WEARFIT_NOTIFY, _framed(bytes.fromhex(command), data), values)

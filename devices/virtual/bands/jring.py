"""Jring ring (service 0x56FF): live pulse, totals on demand, and a link it leaves when bored.

Facts of the frames: the public tests and encoder of the PulseLoop project, which say as well that
the ring leaves after some 20 s without a command, and is silent to who has not claimed it.
"""

from collections.abc import Callable, Sequence

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
from devices.virtual.bands.memory import Memory, ahead_ms
from devices.virtual.bands.uuids import BATTERY_LEVEL, BATTERY_SERVICE, assigned

JRING_SERVICE, JRING_WRITE, JRING_NOTIFY = (assigned(n) for n in (0x56FF, 0x33F3, 0x33F4))
FRAME_BYTES, CLAIM = 20, 0x48
BORED_MS = 20_000
MOST_BPM = 250


class JringRing:
    """The firmware. `live_beats` is how long it measures before it says that it has ended.

    `stored_bpm` is what it tells, with its old stamp, when a measurement begins with nobody wearing
    it.
    """

    services = (
        Service(
            JRING_SERVICE,
            (
                Characteristic(JRING_WRITE, ("write", "write-without-response")),
                Characteristic(JRING_NOTIFY, ("notify",)),
            ),
        ),
        Service(BATTERY_SERVICE, (Characteristic(BATTERY_LEVEL, ("read",)),)),
    )

    def __init__(
        self, memory: Memory, battery_pct: int, live_beats: int, stored_bpm: int | None
    ) -> None:
        self.battery_pct = battery_pct
        self.left_of_boredom = 0
        self._memory, self._live_beats, self._stored_bpm = memory, live_beats, stored_bpm
        self._is_claimed = False
        self._left_beats = 0
        self._heard_utc_ms: int | None = None

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:
        """Return the live pulse; nothing once it is bored."""
        if self._heard_utc_ms is not None and now_utc_ms - self._heard_utc_ms > BORED_MS:
            self.left_of_boredom += 1
            self.link_lost()
        if not self._left_beats:
            return ()
        self._left_beats -= 1
        if not self._left_beats:
            return (_frame(0x27),)
        bpm = self._memory.pulse(now_utc_ms)
        if bpm is None and self._stored_bpm is not None:
            stored_ms = now_utc_ms + self._memory.ahead_ms - 3_600_000
            return (_frame(0x14, _time(stored_ms) + bytes([self._stored_bpm])),)
        values = () if bpm is None else (HEART_RATE,)
        shown = _time(now_utc_ms + self._memory.ahead_ms)
        return (_frame(0x14, shown + bytes([min(bpm or 0, MOST_BPM)]), values),)

    def written(self, characteristic: str, data: bytes, now_utc_ms: int) -> Sequence[Frame]:
        """Answer a command, once claimed."""
        if characteristic != JRING_WRITE or len(data) != FRAME_BYTES:
            return ()
        self._heard_utc_ms = now_utc_ms
        if data[0] == CLAIM:
            self._is_claimed = True
        if not self._is_claimed:
            return ()
        match data[0]:
            case 0x01:
                self._memory.set_clock(int.from_bytes(data[1:5], "little") * 1000, now_utc_ms)
                return (
                    _frame(0x01, data[1:6]),
                    _frame(0x0B, bytes([self.battery_pct]), (BATTERY,)),
                )
            case 0x03:
                return (self._totals(now_utc_ms),)
            case 0x14:
                self._left_beats = self._live_beats
            case 0x15:
                self._left_beats = 0
            case 0x3A:
                return (_frame(0x3A),)
        return ()

    def read(self, characteristic: str) -> bytes | None:
        """Let the battery be read."""
        return bytes([self.battery_pct]) if characteristic == BATTERY_LEVEL else None

    def link_lost(self) -> None:
        """Measure no longer, and want to be claimed anew."""
        self._is_claimed, self._left_beats, self._heard_utc_ms = False, 0, None

    def _totals(self, now_utc_ms: int) -> Frame:
        steps = self._memory.steps_today(now_utc_ms)
        totals = b"".join(n.to_bytes(4, "little") for n in (steps, steps * 2 // 3, steps // 25))
        shown = _time(now_utc_ms + self._memory.ahead_ms)
        return _frame(0x03, shown + totals, (STEPS_COUNTER,))


def jring_ring(  # noqa: PLR0913 - what a test may want to differ; all but two have a default
    address: str,
    pulse: Pulse,
    *,
    steps: Steps = nobody_walks,
    utc_offset_min: int = 480,
    worn_since_utc_ms: int = 0,
    battery_pct: int = 55,
    live_beats: int = 60,
    stored_bpm: int | None = None,
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a ring whose clock starts in that zone and follows whoever sets it."""
    memory = Memory(pulse, steps, 1, worn_since_utc_ms, ahead_ms(utc_offset_min))
    ring = JringRing(memory, battery_pct, live_beats, stored_bpm)
    advert = Advert(service_uuids=(JRING_SERVICE,))
    return VirtualBand(address, "SMART_RING", lambda _now_utc_ms: advert, ring, clock)


def _time(wall_ms: int) -> bytes:
    return (wall_ms // 1000).to_bytes(4, "little")


def _frame(command: int, data: bytes = b"", values: tuple[str, ...] = ()) -> Frame:
    return Frame(JRING_NOTIFY, (bytes([command]) + data).ljust(FRAME_BYTES, b"\0"), values)

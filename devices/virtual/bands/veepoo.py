"""Veepoo band (H Band): live heart rate, totals of the day, five-minute records with the minutes.

Facts of the frames: the public decoder tests of the PulseLoop projects, checked there against a
TK20; they say as well that the band meets everything before the hello with silence and leaves
after some ten seconds, that answers to DF do not say which day they are of, and that it keeps
three days.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import IntEnum

from devices.virtual.bands.band import (
    BATTERY,
    HEART_RATE,
    STEPS_COUNTER,
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
from devices.virtual.bands.day import MINUTE_MS
from devices.virtual.bands.memory import Memory, ahead_ms
from devices.virtual.bands.uuids import assigned

VEEPOO_SERVICE = "f0080001-0451-4000-b000-000000000000"
VEEPOO_NOTIFY = "f0080002-0451-4000-b000-000000000000"
VEEPOO_WRITE = "f0080003-0451-4000-b000-000000000000"
VEEPOO_ADVERTISED = assigned(0xFEE7)
"""The service itself shows only over a link."""

HELLO_BYTES, HELLO_ACK_BYTE, FRAME_BYTES = 11, 11, 20
TIME_FIELD, ACTIVITY_FIELD, PULSE_FIELD = 0xB1, 0xB2, 0xB4
RECORD_MIN, RECORDS_A_DAY = 5, 288
END_OF_RECORDS = bytes([0xDF, 0xFF, 0xFF])
MOST_BPM = 249

DAYS_KEPT = 3


class Command(IntEnum):
    """The first byte of a frame."""

    BATTERY = 0xA0
    HELLO = 0xA1
    LIVE = 0xD0
    TOTALS = 0xD8
    RECORDS = 0xDF


class VeepooBand:
    """The firmware. `live_beats` is how long it measures before it stops by itself."""

    services = (
        Service(
            VEEPOO_SERVICE,
            (
                Characteristic(VEEPOO_NOTIFY, ("notify",)),
                Characteristic(VEEPOO_WRITE, ("write", "write-without-response")),
            ),
        ),
    )

    def __init__(
        self, memory: Memory, battery_pct: int, warm_up_beats: int, live_beats: int | None
    ) -> None:
        self.battery_pct = battery_pct
        self._memory, self._warm_up_beats, self._live_beats = memory, warm_up_beats, live_beats
        self._is_greeted = self._is_live = False
        self._warming = self._beaten = 0

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:
        """Return the live pulse; 0 while warming up and while not worn."""
        if not self._is_live:
            return ()
        if self._live_beats is not None and self._beaten >= self._live_beats:
            self._is_live = False
            return ()
        self._beaten += 1
        bpm = self._memory.pulse(now_utc_ms)
        if bpm is None or self._warming:
            self._warming -= bpm is not None
            return (_frame(bytes([Command.LIVE, 0])),)
        return (_frame(bytes([Command.LIVE, min(bpm, MOST_BPM)]), (HEART_RATE,)),)

    def written(  # noqa: PLR0911 - one return a command
        self, characteristic: str, data: bytes, now_utc_ms: int
    ) -> Sequence[Frame]:
        """Answer a command, after the hello."""
        if characteristic != VEEPOO_WRITE or not data:
            return ()
        if data[0] == Command.HELLO:
            return self._greet(data, now_utc_ms)
        if not self._is_greeted:
            return ()
        asked = data[1:].ljust(2, b"\0")
        match data[0]:
            case Command.BATTERY:
                shown = bytes([Command.BATTERY, 0, 0, 0, self.battery_pct, 0, self.battery_pct, 0])
                return (_frame(shown, (BATTERY,)),)
            case Command.LIVE:
                self._live(is_wanted=asked[0] == 1)
            case Command.TOTALS:
                return (_frame(self._totals(now_utc_ms), (STEPS_COUNTER,)),)
            case Command.RECORDS if asked[0] == 1:
                return self._records(asked[1], now_utc_ms)
        return ()

    def read(self, characteristic: str) -> bytes | None:  # noqa: ARG002 - a link's signature
        """Let nothing be read: everything is asked by a command."""
        return None

    def link_lost(self) -> None:
        """Want a new hello, and measure no longer."""
        self._is_greeted = self._is_live = False

    def _greet(self, data: bytes, now_utc_ms: int) -> Sequence[Frame]:
        if len(data) < HELLO_BYTES or any(data[1:4]):
            return ()  # another password than 0000
        year = int.from_bytes(data[4:6], "big")
        month, day, hour, minute, second = data[6:11]
        try:
            shown = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            return ()
        self._memory.set_clock(round(shown.timestamp()) * 1000, now_utc_ms)
        self._is_greeted = True
        ack = bytearray(FRAME_BYTES)
        ack[0], ack[HELLO_ACK_BYTE] = Command.HELLO, 1
        return (_frame(bytes(ack)),)

    def _live(self, *, is_wanted: bool) -> None:
        if is_wanted and not self._is_live:
            self._warming = self._warm_up_beats
        self._is_live, self._beaten = is_wanted, 0

    def _totals(self, now_utc_ms: int) -> bytes:
        steps = self._memory.steps_today(now_utc_ms)
        return bytes([Command.TOTALS, 0]) + b"".join(
            total.to_bytes(4, "little") for total in (steps, _distance_m(steps), _kcal_x10(steps))
        )

    def _records(self, days_ago: int, now_utc_ms: int) -> Sequence[Frame]:
        midnight_ms = self._memory.midnight_ms(days_ago, now_utc_ms)
        frames: list[Frame] = []
        if midnight_ms is not None:
            for index in range(RECORDS_A_DAY):
                start_ms = midnight_ms + index * RECORD_MIN * MINUTE_MS
                frames.extend(self._record(index, start_ms, now_utc_ms))
        return (*frames, _frame(END_OF_RECORDS))

    def _record(self, index: int, start_ms: int, now_utc_ms: int) -> Sequence[Frame]:
        """Return a record's two parts; nothing of five minutes in which nothing was measured."""
        minutes = range(start_ms, start_ms + RECORD_MIN * MINUTE_MS, MINUTE_MS)
        bpm = [self._memory.bpm_at(minute, now_utc_ms) for minute in minutes]
        steps = self._memory.steps_between(start_ms, start_ms + RECORD_MIN * MINUTE_MS, now_utc_ms)
        if not steps and not any(bpm):
            return ()
        at = datetime.fromtimestamp(start_ms / 1000, UTC)
        activity = (steps, 0, _distance_m(steps), _kcal_x10(steps), 0)
        payload = (
            _field(TIME_FIELD, bytes([at.month, at.day, at.hour, at.minute]))
            + _field(ACTIVITY_FIELD, b"".join(number.to_bytes(2, "big") for number in activity))
            + _field(PULSE_FIELD, bytes(min(beats or 0, MOST_BPM) for beats in bpm))
        )
        middle = len(payload) // 2
        head = bytes([Command.RECORDS]) + index.to_bytes(2, "big")
        values = (*(HEART_RATE,) * sum(map(bool, bpm)), STEPS_INCREMENT)
        return (
            _frame(head + b"\x01" + payload[:middle]),
            _frame(head + b"\x02" + payload[middle:], values),
        )


def veepoo_band(  # noqa: PLR0913 - what a test may want to differ; all but two have a default
    address: str,
    pulse: Pulse,
    *,
    steps: Steps = nobody_walks,
    utc_offset_min: int = 480,
    worn_since_utc_ms: int = 0,
    battery_pct: int = 76,
    warm_up_beats: int = 3,
    live_beats: int | None = None,
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a band whose clock starts in that zone and follows whoever greets it."""
    memory = Memory(pulse, steps, DAYS_KEPT, worn_since_utc_ms, ahead_ms(utc_offset_min))
    band = VeepooBand(memory, battery_pct, warm_up_beats, live_beats)
    advert = Advert(service_uuids=(VEEPOO_ADVERTISED,))
    return VirtualBand(address, "H Band", lambda _now_utc_ms: advert, band, clock)


def _frame(data: bytes, values: tuple[str, ...] = ()) -> Frame:
    return Frame(VEEPOO_NOTIFY, data, values)


def _field(tag: int, value: bytes) -> bytes:
    return bytes([tag, len(value)]) + value


def _distance_m(steps: int) -> int:
    return steps * 2 // 3


def _kcal_x10(steps: int) -> int:
    return steps // 2

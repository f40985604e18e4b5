"""FitPro band: a memory of steps by quarters of an hour and of pulses, told once acknowledged.

Facts of the frames: recorded ones in Gadgetbridge's notes and tests (facts only), which say as well
that the band tells nothing unless the beginning is the one of the maker's app, with a pause after
each command, and that it sends the next frame only when the last was acknowledged.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from devices.virtual.bands.band import (
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
from devices.virtual.bands.uuids import BATTERY_LEVEL, BATTERY_SERVICE

FITPRO_SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9d"
FITPRO_WRITE = "6e400002-b5a3-f393-e0a9-e50e24dcca9d"
FITPRO_NOTIFY = "6e400003-b5a3-f393-e0a9-e50e24dcca9d"

NOTIFICATION_BYTES = 20
HEAD_BYTES, ACKNOWLEDGEMENT, SPORT = 8, 0xDC, 0x15
SLOT_MIN, DAY_SLOTS = 15, 96
A_FRAME = 5
"""Records in one frame, as recorded."""
LEAST_PAUSE_MS = 150
BEGINNING = (0x120A, 0x1201, 0x1A0A, 0x1A0C, 0x12FF, 0x1A01, 0x1A0F, 0x1A10, 0x2002)
DAYS_KEPT = 3
MOST_BPM = 250

Told = tuple[bytes, tuple[str, ...]]


class FitproBand:
    """The firmware. A command that comes too soon after the last one is lost."""

    services = (
        Service(
            FITPRO_SERVICE,
            (
                Characteristic(FITPRO_WRITE, ("write", "write-without-response")),
                Characteristic(FITPRO_NOTIFY, ("notify",)),
            ),
        ),
        Service(BATTERY_SERVICE, (Characteristic(BATTERY_LEVEL, ("read",)),)),
    )

    def __init__(self, memory: Memory, battery_pct: int, pulse_every_min: int) -> None:
        self.battery_pct = battery_pct
        self.motor = Motor()
        self._memory, self._pulse_every_min = memory, pulse_every_min
        self._begun: set[int] = set()
        self._written_utc_ms = 0
        self._waiting: list[Told] = []
        self._told_wall_ms = 0
        self._asked_wall_ms = 0

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:
        """Say nothing unasked."""
        del now_utc_ms
        return ()

    def written(self, characteristic: str, data: bytes, now_utc_ms: int) -> Sequence[Frame]:
        """Answer a command, or go on after an acknowledgement."""
        if characteristic != FITPRO_WRITE or len(data) < HEAD_BYTES:
            return ()
        if data[0] == ACKNOWLEDGEMENT:
            return self._acknowledged(data)
        if now_utc_ms - self._written_utc_ms < LEAST_PAUSE_MS:
            return ()
        self._written_utc_ms = now_utc_ms
        return self._command(data[3] << 8 | data[5], data[HEAD_BYTES:], now_utc_ms)

    def _command(self, command: int, payload: bytes, now_utc_ms: int) -> Sequence[Frame]:
        self._begun.add(command)
        match command:
            case 0x1201:
                self._set_clock(int.from_bytes(payload, "big"), now_utc_ms)
            case 0x120B if payload == b"\x01":
                self.motor.shake()
            case 0x1A10:
                return _sent(_framed(0x1A, 0x10, b"\x03LED\x03ACC"))
            case 0x2002:
                return _sent(_framed(0x20, 0x02, b"\0\0\0\0\0\0\x05LH716\x02V1"))
            case 0x1506 if set(BEGINNING) <= self._begun:
                self._waiting = self._memory_frames(now_utc_ms)
                return self._next()
        return ()

    def read(self, characteristic: str) -> bytes | None:
        """Let the battery be read."""
        return bytes([self.battery_pct]) if characteristic == BATTERY_LEVEL else None

    def link_lost(self) -> None:
        """Want the beginning again; what was acknowledged stays told."""
        self._begun, self._waiting, self._written_utc_ms = set(), [], 0

    def _acknowledged(self, data: bytes) -> Sequence[Frame]:
        if data[3] != SPORT or not self._waiting:
            return ()
        frame, _ = self._waiting[0]
        if int.from_bytes(data[5:7], "big") != len(frame):
            return ()
        self._waiting.pop(0)
        if not self._waiting:
            self._told_wall_ms = self._asked_wall_ms
        return self._next()

    def _next(self) -> Sequence[Frame]:
        return _sent(*self._waiting[0]) if self._waiting else ()

    def _set_clock(self, packed: int, now_utc_ms: int) -> None:
        shown = datetime(
            2000 + (packed >> 26),
            packed >> 22 & 15,
            packed >> 17 & 31,
            packed >> 12 & 31,
            packed >> 6 & 63,
            packed & 63,
            tzinfo=UTC,
        )
        self._memory.set_clock(round(shown.timestamp()) * 1000, now_utc_ms)

    def _memory_frames(self, now_utc_ms: int) -> list[Told]:
        """Return the frames of what was not told yet, the slot that is running among them."""
        wall_now_ms = now_utc_ms + self._memory.ahead_ms
        self._asked_wall_ms = wall_now_ms // (SLOT_MIN * MINUTE_MS) * SLOT_MIN * MINUTE_MS
        frames = [_framed(0x15, 0x0C, bytes(12))]
        told: list[Told] = [(frame, ()) for frame in frames]
        for days_ago in reversed(range(DAYS_KEPT)):
            midnight_ms = (wall_now_ms // DAY_MS - days_ago) * DAY_MS
            steps = self._slots(midnight_ms, now_utc_ms)
            pulses = self._pulses(midnight_ms, now_utc_ms)
            for command, records, quantity in (
                (0x02, steps, STEPS_INCREMENT),
                (0x0E, pulses, HEART_RATE),
            ):
                for at in range(0, len(records), A_FRAME):
                    some = records[at : at + A_FRAME]
                    payload = _date(midnight_ms) + len(some).to_bytes(2, "big") + b"".join(some)
                    told.append((_framed(0x15, command, payload), (quantity,) * len(some)))
        return told

    def _slots(self, midnight_ms: int, now_utc_ms: int) -> list[bytes]:
        records = []
        for slot in range(DAY_SLOTS):
            start_ms = midnight_ms + slot * SLOT_MIN * MINUTE_MS
            end_ms = start_ms + SLOT_MIN * MINUTE_MS
            steps = self._memory.steps_between(start_ms, end_ms, now_utc_ms)
            if steps and start_ms >= self._told_wall_ms:
                bits = (
                    f"{steps:012b}{5:04b}{steps * 2 // 3:016b}{slot:011b}{1:02b}{steps * 20:019b}"
                )
                records.append(int(bits, 2).to_bytes(8, "big"))
        return records

    def _pulses(self, midnight_ms: int, now_utc_ms: int) -> list[bytes]:
        records = []
        for minute in range(0, DAY_MS // MINUTE_MS, self._pulse_every_min):
            at_ms = midnight_ms + minute * MINUTE_MS
            bpm = self._memory.bpm_at(at_ms, now_utc_ms)
            if bpm is not None and at_ms >= self._told_wall_ms:
                vitals = bytes([98, 117, 84, min(bpm, MOST_BPM)])
                records.append((minute * 60).to_bytes(4, "big") + vitals)
        return records


def fitpro_band(
    address: str,
    pulse: Pulse,
    *,
    steps: Steps = nobody_walks,
    utc_offset_min: int = 480,
    worn_since_utc_ms: int = 0,
    battery_pct: int = 42,
    pulse_every_min: int = 30,
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a band whose clock starts in that zone and follows whoever sets it."""
    memory = Memory(pulse, steps, DAYS_KEPT, worn_since_utc_ms, ahead_ms(utc_offset_min))
    band = FitproBand(memory, battery_pct, pulse_every_min)
    advert = Advert(service_uuids=(FITPRO_SERVICE,))
    return VirtualBand(address, "LH716", lambda _now_utc_ms: advert, band, clock)


def _date(midnight_ms: int) -> bytes:
    day = datetime.fromtimestamp(midnight_ms / 1000, UTC)
    return int(f"{day.year - 2000:07b}{day.month:04b}{day.day:05b}", 2).to_bytes(2, "big")


def _framed(group: int, command: int, payload: bytes) -> bytes:
    size = len(payload).to_bytes(2, "big")
    return (
        b"\xcd"
        + (len(payload) + 5).to_bytes(2, "big")
        + bytes([group, 1, command])
        + size
        + payload
    )


def _sent(data: bytes, values: tuple[str, ...] = ()) -> Sequence[Frame]:
    """Return a frame in as many notifications as it needs; its values come with the last."""
    cuts = range(0, len(data), NOTIFICATION_BYTES)
    pieces = [Frame(FITPRO_NOTIFY, data[at : at + NOTIFICATION_BYTES]) for at in cuts]
    pieces[-1] = Frame(FITPRO_NOTIFY, pieces[-1].data, values)
    return tuple(pieces)

"""Moyoung band (Da Fit): the day's totals to be read, one pulse when it is asked for.

Facts of the frames: Gadgetbridge and its fork for the MT863. FE EA, form, length of all, command,
payload; the band hears only its own form. Its Heart Rate Service says nothing, as the MT863's.
"""

from collections.abc import Callable, Sequence

from devices.virtual.bands.band import (
    HEART_RATE,
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
from devices.virtual.bands.common import BATTERY, INFORMATION, Motor, stated
from devices.virtual.bands.memory import Memory, ahead_ms
from devices.virtual.bands.uuids import HEART_RATE_MEASUREMENT, HEART_RATE_SERVICE, assigned

MOYOUNG_SERVICE, MOYOUNG_TOTALS = assigned(0xFEEA), assigned(0xFEE1)
MOYOUNG_WRITE, MOYOUNG_NOTIFY = assigned(0xFEE2), assigned(0xFEE3)

VERSION, CLOCK, FIND, PULSE = 0x2E, 0x31, 0x61, 0x6D
EIGHT_HOURS_MS = 8 * 3_600_000
HEAD_BYTES, MOST_BPM = 5, 254


class MoyoungBand:
    """The firmware. A pulse comes some beats after it was asked for, or 0."""

    services = (
        Service(
            MOYOUNG_SERVICE,
            (
                Characteristic(MOYOUNG_TOTALS, ("read", "notify")),
                Characteristic(MOYOUNG_WRITE, ("write", "write-without-response")),
                Characteristic(MOYOUNG_NOTIFY, ("notify",)),
            ),
        ),
        Service(HEART_RATE_SERVICE, (Characteristic(HEART_RATE_MEASUREMENT, ("notify",)),)),
        BATTERY,
        INFORMATION,
    )

    def __init__(
        self,
        memory: Memory,
        battery_pct: int,
        form: int,
        measuring_beats: int,
        clock: Callable[[], int],
    ) -> None:
        self.memory, self._form, self._clock = memory, form, clock
        self._measuring_beats = measuring_beats
        self._stated = stated(battery_pct, "MOYOUNG-V2", "MT863", "MOY-TES3-1.7.9")
        self._left: int | None = None
        self.motor = Motor()

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:
        """Return the pulse once it is measured."""
        if self._left is None:
            return ()
        self._left -= 1
        if self._left > 0:
            return ()
        self._left = None
        bpm = self.memory.pulse(now_utc_ms)
        shown = bytes([min(bpm or 0, MOST_BPM)])
        return (self._frame(PULSE, shown, (HEART_RATE,) if bpm else ()),)

    def written(self, characteristic: str, data: bytes, now_utc_ms: int) -> Sequence[Frame]:
        """Answer a command in its own form; others it does not hear."""
        is_ours = data[:3] == bytes([0xFE, 0xEA, self._form]) and data[3:4] == bytes([len(data)])
        if characteristic != MOYOUNG_WRITE or not is_ours or len(data) < HEAD_BYTES:
            return ()
        command, payload = data[4], data[HEAD_BYTES:]
        if command == VERSION:
            return (self._frame(VERSION, b"\x01"),)
        if command == CLOCK:
            shown_ms = int.from_bytes(payload[:4], "big") * 1000 + EIGHT_HOURS_MS
            self.memory.set_clock(shown_ms, now_utc_ms)
        if command == FIND:
            self.motor.shake()
        if command == PULSE:
            self._left = None if payload == b"\xff" else self._measuring_beats
        return ()

    def read(self, characteristic: str) -> bytes | None:
        """Return the totals, the charge, or what it says it is."""
        if characteristic == MOYOUNG_TOTALS:
            steps = self.memory.steps_today(self._clock())
            totals = (steps, steps * 5 // 6, steps // 18)
            return b"".join(total.to_bytes(3, "little") for total in totals)
        return self._stated.get(characteristic)

    def link_lost(self) -> None:
        """Measure no longer."""
        self._left = None

    def _frame(self, command: int, payload: bytes, values: tuple[str, ...] = ()) -> Frame:
        head = bytes([0xFE, 0xEA, self._form, HEAD_BYTES + len(payload), command])
        return Frame(MOYOUNG_NOTIFY, head + payload, values)


def moyoung_band(
    address: str,
    pulse: Pulse,
    *,
    steps: Steps = nobody_walks,
    utc_offset_min: int = 480,
    battery_pct: int = 72,
    form: int = 0x20,
    measuring_beats: int = 25,
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a band whose clock starts in that zone and follows whoever sets it."""
    memory = Memory(pulse, steps, 1, 0, ahead_ms(utc_offset_min))
    band = MoyoungBand(memory, battery_pct, form, measuring_beats, clock)
    advert = Advert(service_uuids=(MOYOUNG_SERVICE,))
    return VirtualBand(address, "MT863", lambda _now_utc_ms: advert, band, clock)

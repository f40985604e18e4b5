"""Polar strap: heart rate on the air with a frame counter that tells a new value from an old one.

Advert of company 0x006B, four bytes: flags (bit 0 battery low, bit 1 skin contact, bits 2-4 frame
counter, bit 5 broadcasting), a filter frequency, the fast and the slow (displayed) heart rate.
Source of the layout: the public test vectors of theengs/decoder and of Polar's SDK.
"""

from collections.abc import Callable

from devices.virtual.bands.band import (
    HEART_RATE,
    Advert,
    Pulse,
    VirtualBand,
    utc_now_ms,
)

COMPANY, FREQUENCY, MOST_BPM = 0x006B, 0x16, 255
CONTACT, BROADCASTING, COUNTER_SHIFT, COUNTER_FRAMES = 1 << 1, 1 << 5, 2, 8


class PolarStrap:
    """The firmware: a fresh frame each beat."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._counter = 0

    def advert(self, now_utc_ms: int) -> Advert:
        """Return the next frame; without skin contact it says so, and 0."""
        self._counter = (self._counter + 1) % COUNTER_FRAMES
        flags = BROADCASTING | self._counter << COUNTER_SHIFT
        bpm = self._pulse(now_utc_ms)
        if bpm is None:
            return Advert({COMPANY: bytes([flags, FREQUENCY, 0, 0])})
        shown = min(bpm, MOST_BPM)
        data = bytes([flags | CONTACT, FREQUENCY, shown, shown])
        return Advert({COMPANY: data}, values=(HEART_RATE,))


def polar_advert(
    address: str, pulse: Pulse, *, clock: Callable[[], int] = utc_now_ms
) -> VirtualBand:
    """Return a Polar strap that says its pulse on the air."""
    return VirtualBand(address, "Polar H10", PolarStrap(pulse).advert, clock=clock)

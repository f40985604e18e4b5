"""XOSS X2 strap: pulse and charge on the air, no link needed.

Advert of company 0xFF04, four bytes: 01, the charge, 06, the pulse. Source of the layout: the
public test vector of theengs/decoder.
"""

from collections.abc import Callable

from devices.virtual.bands.band import (
    BATTERY,
    HEART_RATE,
    Advert,
    Pulse,
    VirtualBand,
    utc_now_ms,
)

COMPANY, MOST_BPM = 0xFF04, 254


def xoss_advert(
    address: str,
    pulse: Pulse,
    *,
    battery_pct: int = 97,
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a strap that says its pulse on the air; 0 while it finds none."""

    def advert(now_utc_ms: int) -> Advert:
        bpm = pulse(now_utc_ms)
        data = bytes([0x01, battery_pct, 0x06, min(bpm or 0, MOST_BPM)])
        return Advert({COMPANY: data}, values=(HEART_RATE, BATTERY) if bpm else (BATTERY,))

    return VirtualBand(address, "XOSS_X2", advert, clock=clock)

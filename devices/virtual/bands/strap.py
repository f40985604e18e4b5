"""A chest strap or watch that follows the SIG Heart Rate Service (0x180D) and Battery Service.

Heart Rate Measurement (0x2A37): flags, heart rate as 8 or 16 bits; bits 1 and 2 of the flags say
whether there is skin contact. Bluetooth SIG, Heart Rate Service 1.0, 3.1.
"""

from collections.abc import Callable, Sequence

from devices.virtual.bands.band import (
    HEART_RATE,
    Advert,
    Characteristic,
    Frame,
    Pulse,
    Service,
    VirtualBand,
    utc_now_ms,
)
from devices.virtual.bands.uuids import (
    BATTERY_LEVEL,
    BATTERY_SERVICE,
    HEART_RATE_MEASUREMENT,
    HEART_RATE_SERVICE,
)

WIDE, CONTACT, CONTACT_SUPPORTED = 1 << 0, 1 << 1, 1 << 2
NARROW_MOST_BPM = 255


class HeartRateStrap:
    """The firmware: one measurement each beat while somebody is subscribed."""

    services = (
        Service(HEART_RATE_SERVICE, (Characteristic(HEART_RATE_MEASUREMENT, ("notify",)),)),
        Service(BATTERY_SERVICE, (Characteristic(BATTERY_LEVEL, ("read", "notify")),)),
    )

    def __init__(self, pulse: Pulse, battery_pct: int) -> None:
        self.battery_pct = battery_pct
        self._pulse = pulse

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:
        """Return one measurement; without skin contact it says so, and 0."""
        bpm = self._pulse(now_utc_ms)
        if bpm is None:
            return (Frame(HEART_RATE_MEASUREMENT, bytes([CONTACT_SUPPORTED, 0])),)
        flags = CONTACT_SUPPORTED | CONTACT
        if bpm > NARROW_MOST_BPM:
            data = bytes([flags | WIDE]) + bpm.to_bytes(2, "little")
        else:
            data = bytes([flags, bpm])
        return (Frame(HEART_RATE_MEASUREMENT, data, (HEART_RATE,)),)

    def written(self, characteristic: str, data: bytes, now_utc_ms: int) -> Sequence[Frame]:  # noqa: ARG002 - a firmware's signature
        """Answer nothing: it takes no commands."""
        return ()

    def read(self, characteristic: str) -> bytes | None:
        """Let the battery be read."""
        return bytes([self.battery_pct]) if characteristic == BATTERY_LEVEL else None

    def link_lost(self) -> None:
        """Nothing holds for one link only."""


def heart_rate_strap(
    address: str,
    pulse: Pulse,
    *,
    battery_pct: int = 80,
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a strap that notifies its pulse once a second, and says on the air what it is."""
    strap, advert = HeartRateStrap(pulse, battery_pct), Advert(service_uuids=(HEART_RATE_SERVICE,))
    return VirtualBand(address, "HR strap", lambda _now_utc_ms: advert, strap, clock)

"""Mi Band over a link: the day's steps, read and notified.

Characteristic 0007 of the service 0xFEE0, 13 bytes: 0C, steps in 16 bits, two zeros, metres and
kcal in 32 bits, little endian. Source of the layout: an annotated capture of a Mi Band 2.
"""

from collections.abc import Callable, Sequence

from devices.virtual.bands.band import (
    STEPS_COUNTER,
    Advert,
    Characteristic,
    Frame,
    Service,
    Steps,
    VirtualBand,
    utc_now_ms,
)
from devices.virtual.bands.common import BATTERY, INFORMATION, stated
from devices.virtual.bands.day import local_midnight_ms
from devices.virtual.bands.uuids import HUAMI_SERVICE

HUAMI_STEPS = "00000007-0000-3512-2118-0009af100700"
COUNTER_ENDS = 1 << 16


class HuamiBand:
    """The firmware: it notifies when the wearer has walked. The counter starts anew at 65,536."""

    services = (
        Service(HUAMI_SERVICE, (Characteristic(HUAMI_STEPS, ("read", "notify")),)),
        BATTERY,
        INFORMATION,
    )

    def __init__(
        self, steps: Steps, battery_pct: int, utc_offset_min: int, clock: Callable[[], int]
    ) -> None:
        self._steps, self._utc_offset_min, self._clock = steps, utc_offset_min, clock
        self._stated = stated(battery_pct, "Huami", "Mi Band 2", "V1.0.1.81")
        self._told = b""

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:
        """Return the totals if they changed."""
        totals = self._totals(now_utc_ms)
        if totals == self._told:
            return ()
        self._told = totals
        return (Frame(HUAMI_STEPS, totals, (STEPS_COUNTER,)),)

    def written(self, characteristic: str, data: bytes, now_utc_ms: int) -> Sequence[Frame]:  # noqa: ARG002 - a firmware's signature
        """Answer nothing: it takes no commands without its key."""
        return ()

    def read(self, characteristic: str) -> bytes | None:
        """Return the totals, the charge, or what it says it is."""
        if characteristic == HUAMI_STEPS:
            self._told = self._totals(self._clock())
            return self._told
        return self._stated.get(characteristic)

    def link_lost(self) -> None:
        """Nothing holds for one link only."""

    def _totals(self, now_utc_ms: int) -> bytes:
        midnight_ms = local_midnight_ms(now_utc_ms, self._utc_offset_min)
        steps = self._steps(now_utc_ms) - self._steps(midnight_ms)
        counters = ((steps % COUNTER_ENDS, 4), (steps * 2 // 3, 4), (steps // 25, 4))
        return b"\x0c" + b"".join(number.to_bytes(size, "little") for number, size in counters)


def huami_band(
    address: str,
    steps: Steps,
    *,
    battery_pct: int = 55,
    utc_offset_min: int = 480,
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a Mi Band that tells its steps over a link, and on the air nothing but its service."""
    band, advert = (
        HuamiBand(steps, battery_pct, utc_offset_min, clock),
        Advert(service_uuids=(HUAMI_SERVICE,)),
    )
    return VirtualBand(address, "MI Band 2", lambda _now_utc_ms: advert, band, clock)

"""Mi Band: heart rate and steps on the air, no link needed.

Advert of company 0x0157: 02, two bytes, heart rate (FF: none), filler, the address; steps of the
day as service data of 0xFEE0, 32 bits little endian. Source of the layout: the public test vectors
of theengs/decoder (Miband) and ble_monitor (Amazfit).
"""

from collections.abc import Sequence

from devices.virtual.bands.band import (
    HEART_RATE,
    STEPS_COUNTER,
    Advert,
    Frame,
    Pulse,
    Service,
    Steps,
    VirtualBand,
    nobody_walks,
    utc_now_ms,
)
from devices.virtual.bands.day import local_midnight_ms
from devices.virtual.bands.uuids import HUAMI_SERVICE

COMPANY, NO_PULSE, MOST_BPM = 0x0157, 0xFF, 0xEF
FILLER = bytes([0xFF] * 13)


class MiBand:
    """The firmware: an advert each beat, nothing to link to."""

    services: tuple[Service, ...] = ()

    def __init__(self, address: str, pulse: Pulse, steps: Steps, utc_offset_min: int) -> None:
        self.name = "Mi Smart Band"
        self._address = bytes.fromhex(address.replace(":", ""))
        self._pulse, self._steps, self._utc_offset_min = pulse, steps, utc_offset_min

    def advert(self, now_utc_ms: int) -> Advert:
        """Return heart rate and today's steps."""
        bpm = self._pulse(now_utc_ms)
        shown = NO_PULSE if bpm is None else min(bpm, MOST_BPM)
        payload = bytes([0x02, 0x02, 0x01, shown]) + FILLER + b"\x02" + self._address
        midnight = local_midnight_ms(now_utc_ms, self._utc_offset_min)
        walked = self._steps(now_utc_ms) - self._steps(midnight)
        return Advert(
            manufacturer_data={COMPANY: payload},
            service_data={HUAMI_SERVICE: walked.to_bytes(4, "little")},
            service_uuids=(HUAMI_SERVICE,),
            values=(STEPS_COUNTER,) if bpm is None else (HEART_RATE, STEPS_COUNTER),
        )

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:  # noqa: ARG002 - a firmware's signature
        """Send nothing: it offers no characteristic."""
        return ()

    def written(self, characteristic: str, data: bytes, now_utc_ms: int) -> Sequence[Frame]:  # noqa: ARG002 - a firmware's signature
        """Answer nothing."""
        return ()

    def read(self, characteristic: str, now_utc_ms: int) -> bytes | None:  # noqa: ARG002 - a firmware's signature
        """Let nothing be read."""
        return None

    def link_lost(self) -> None:
        """Nothing holds for one link only."""


def mi_advert(
    address: str,
    pulse: Pulse,
    *,
    steps: Steps = nobody_walks,
    utc_offset_min: int = 480,
) -> VirtualBand:
    """Return a Mi Band that says pulse and steps on the air."""
    return VirtualBand(address, MiBand(address, pulse, steps, utc_offset_min), utc_now_ms)

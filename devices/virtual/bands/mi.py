"""Mi Band: heart rate and steps on the air, no link needed.

Advert of company 0x0157: 02, two bytes, heart rate (FF: none), filler, the address; steps of the
day as service data of 0xFEE0, 32 bits little endian. Source of the layout: the public test vectors
of theengs/decoder (Miband) and ble_monitor (Amazfit).
"""

from collections.abc import Callable, Sequence

from devices.virtual.bands.band import (
    HEART_RATE,
    STEPS_COUNTER,
    Advert,
    Frame,
    Pulse,
    Steps,
    VirtualBand,
    nobody_walks,
    utc_now_ms,
)
from devices.virtual.bands.common import ALERT, Motor
from devices.virtual.bands.day import local_midnight_ms
from devices.virtual.bands.uuids import ALERT_LEVEL, HUAMI_SERVICE

COMPANY, NO_PULSE, MOST_BPM = 0x0157, 0xFF, 0xEF
FILLER = bytes([0xFF] * 13)


class AlertOnly:
    """What a Mi Band lets anybody do over a link without its key: shake it."""

    services = (ALERT,)

    def __init__(self) -> None:
        self.motor = Motor()

    def beat(self, now_utc_ms: int) -> Sequence[Frame]:  # noqa: ARG002 - a firmware's signature
        """Return nothing."""
        return ()

    def written(self, characteristic: str, data: bytes, now_utc_ms: int) -> Sequence[Frame]:  # noqa: ARG002 - a firmware's signature
        """Take an alert level."""
        if characteristic == ALERT_LEVEL:
            self.motor.alert(data)
        return ()

    def read(self, characteristic: str) -> bytes | None:  # noqa: ARG002 - a firmware's signature
        """Let nothing be read."""
        return None

    def link_lost(self) -> None:
        """End an alert."""
        self.motor.link_lost()


class MiBand:
    """The firmware of the radio: an advert each beat."""

    def __init__(self, address: str, pulse: Pulse, steps: Steps, utc_offset_min: int) -> None:
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


def mi_advert(
    address: str,
    pulse: Pulse,
    *,
    steps: Steps = nobody_walks,
    utc_offset_min: int = 480,
    takes_links: bool = False,
    clock: Callable[[], int] = utc_now_ms,
) -> VirtualBand:
    """Return a Mi Band that says pulse and today's steps on the air."""
    band = MiBand(address, pulse, steps, utc_offset_min)
    link = AlertOnly() if takes_links else None
    return VirtualBand(address, "Mi Smart Band", band.advert, link, clock)

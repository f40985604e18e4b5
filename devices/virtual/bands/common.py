"""Services that many bands offer beside their own: the charge, and what they say they are."""

from collections.abc import Mapping
from dataclasses import dataclass

from devices.virtual.bands.band import Characteristic, Service
from devices.virtual.bands.uuids import (
    ALERT_LEVEL,
    ALERT_SERVICE,
    BATTERY_LEVEL,
    BATTERY_SERVICE,
    FIRMWARE,
    INFORMATION_SERVICE,
    MAKER,
    MODEL,
)

BATTERY = Service(BATTERY_SERVICE, (Characteristic(BATTERY_LEVEL, ("read", "notify")),))
INFORMATION = Service(
    INFORMATION_SERVICE,
    tuple(Characteristic(uuid, ("read",)) for uuid in (MAKER, MODEL, FIRMWARE)),
)

ALERT = Service(ALERT_SERVICE, (Characteristic(ALERT_LEVEL, ("write-without-response",)),))


@dataclass
class Motor:
    """What shakes the wearer's wrist, or a light in its place."""

    begun: int = 0
    """How often it was set going."""
    is_on: bool = False

    def shake(self) -> None:
        """Shake once: it ends by itself."""
        self.begun += 1

    def alert(self, level: bytes) -> None:
        """Take an alert level: shake until it is 0, or until the link is lost."""
        if level[:1] == b"\0":
            self.is_on = False
        elif level:
            self.begun += 1
            self.is_on = True

    def link_lost(self) -> None:
        """End what holds for one link only."""
        self.is_on = False


def stated(battery_pct: int, maker: str, model: str, firmware: str) -> Mapping[str, bytes]:
    """Return what reading those services gives, by characteristic."""
    return {
        BATTERY_LEVEL: bytes([battery_pct]),
        MAKER: maker.encode(),
        MODEL: model.encode(),
        FIRMWARE: firmware.encode(),
    }

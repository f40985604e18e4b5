"""Services that many bands offer beside their own: the charge, and what they say they are."""

from collections.abc import Mapping

from devices.virtual.bands.band import Characteristic, Service
from devices.virtual.bands.uuids import (
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


def stated(battery_pct: int, maker: str, model: str, firmware: str) -> Mapping[str, bytes]:
    """Return what reading those services gives, by characteristic."""
    return {
        BATTERY_LEVEL: bytes([battery_pct]),
        MAKER: maker.encode(),
        MODEL: model.encode(),
        FIRMWARE: firmware.encode(),
    }

"""Battery Service (0x180F): the charge of whatever band offers it.

Layout: Bluetooth SIG, Battery Service, Battery Level (0x2A19): one byte, 0 to 100 per cent.
"""

from config.errors import Rejected
from devices.family import SIG_UUID, Family, each
from devices.table import Field, unpack
from devices.value import BATTERY_PCT, Decoded, Value

LEVEL = SIG_UUID.format(0x2A19)
FULL_PCT = 100

TABLE = (Field("level", "B"),)


def level(charge_pct: int) -> Value:
    """Return a charge as a value; more than full is no charge. 0 is one: the band is flat."""
    if charge_pct > FULL_PCT:
        raise Rejected("out_of_range", "a charge above 100 per cent")
    return Value(BATTERY_PCT, charge_pct)


def decode(frame: bytes) -> Decoded:
    """Decode one Battery Level."""
    (charge_pct,) = unpack(TABLE, frame)["level"]
    return Decoded((level(charge_pct),), {})


def hear(frame: bytes, now_utc_ms: int) -> list[Value]:
    """Return the charge, true now."""
    del now_utc_ms
    return list(decode(frame).values)


FAMILY = Family(
    key="battery",
    title="Battery Service (beside any other family)",
    decode=each(decode),
    payable_interval_s=None,
    authentication="none",
    history="none",
    links="read over the link of the band's own family",
    evidence="Bluetooth SIG Battery Service; vectors of a public test suite",
    shortest_frame=1,
)

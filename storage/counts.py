"""How much arrived: what the ledger says, and what is really in the reading tables."""

from collections.abc import Sequence
from typing import NamedTuple, cast

from storage.database import Connection, border
from storage.queries import query


class Committed(NamedTuple):
    """What the ledger holds."""

    batches: int
    readings: int
    """Those put aside included."""
    quarantined: int


def committed(conn: Connection, centres: Sequence[str]) -> Committed:
    """Return the ledger's sums over the gateways of these centres (by code)."""
    with border():
        row = conn.execute(query("count_batches"), {"centres": list(centres)}).fetchone()
    return Committed(*cast("tuple[int, int, int]", row))


def counted_readings(conn: Connection, device_keys: Sequence[str]) -> int:
    """Return the number of rows of these bands in all reading tables."""
    with border():
        row = conn.execute(query("count_readings"), {"device_keys": list(device_keys)}).fetchone()
    return cast("tuple[int]", row)[0]

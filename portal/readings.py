"""Heart rate for pictures: as the core is given it, each remembered reading once."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from portal.trace import Samples
from storage.database import Connection
from storage.queries import query
from storage.readings import SPANS, heart_rate_of

QUARTER_MS = 900_000


class Span(NamedTuple):
    """Time of one patient, [from_ms, to_ms) UTC."""

    patient_id: int
    from_ms: int
    to_ms: int


class Quarter(NamedTuple):
    """A quarter of an hour in numbers, for whoever cannot see the picture."""

    from_at: datetime
    low_bpm: float
    mean_bpm: float
    high_bpm: float
    readings: int


def samples_of(
    conn: Connection, spans: Sequence[Span], page: Literal["trace", "list"]
) -> list[Samples]:
    """Return the readings of each span, in order of time, for a use that the audit trail names."""
    asked = pl.DataFrame(
        [(number, *span) for number, span in enumerate(spans)], schema=SPANS, orient="row"
    )
    read = heart_rate_of(conn, asked, page=page).sort("window", "ts")
    return [
        Samples(mine["ts"].to_numpy(), mine["hr"].to_numpy())
        for mine in (read.filter(pl.col("window") == number) for number in range(len(spans)))
    ]


def are_gone(conn: Connection, from_ms: int, to_ms: int) -> bool:
    """Whether readings of this time left the database: nothing here must look like no readings."""
    asked = {"from_at": instant(from_ms), "to_at": instant(to_ms)}
    row = conn.execute(query("are_readings_gone"), asked).fetchone()
    return bool(row and row[0])


def local_day_ms(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """Return a local day as [from_ms, to_ms)."""
    return (
        utc_ms(datetime.combine(day, time(), zone)),
        utc_ms(datetime.combine(day + timedelta(days=1), time(), zone)),
    )


def utc_ms(at: datetime) -> int:
    """Return an instant as ms since 1970 UTC."""
    return round((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def instant(at_ms: int) -> datetime:
    """Return ms since 1970 UTC as an instant."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)


def quarters(samples: Samples) -> list[Quarter]:
    """Return the quarters of an hour that have readings."""
    if not len(samples.at_ms):
        return []
    number = samples.at_ms // QUARTER_MS
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    return [
        Quarter(
            instant(int(number[begin]) * QUARTER_MS),
            float(samples.bpm[begin:end].min()),
            float(samples.bpm[begin:end].mean()),
            float(samples.bpm[begin:end].max()),
            int(end - begin),
        )
        for begin, end in zip(starts, np.append(starts[1:], len(number)), strict=True)
    ]

"""What a night's workbook says of the data behind it: the ledger by gateway and local day.

It goes on changing while late batches come, so what was said is kept with the report: a workbook
that has gone missing is written again with the same bytes.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from reports.nightly.tables import frame_of
from reports.workbook.quality_columns import QUALITY_SCHEMA
from storage.database import Connection


def quality_of(conn: Connection, first_day: date, night: date, zone_name: str) -> pl.DataFrame:
    """Return QUALITY_SCHEMA for the days from the first to the night; zeros and unknowns too."""
    zone = ZoneInfo(zone_name)
    given = {
        "first_day": first_day,
        "night": night,
        "time_zone": zone_name,
        "since": datetime.combine(first_day, time(), zone),
        "until": datetime.combine(night + timedelta(days=1), time(), zone),
    }
    return frame_of(conn, "reported_quality", given, QUALITY_SCHEMA)


def as_rows(quality: pl.DataFrame) -> list[list[object]]:
    """Return the frame as JSON holds it."""
    return [
        [value.isoformat() if isinstance(value, date) else value for value in row]
        for row in quality.iter_rows()
    ]


def of_rows(rows: list[list[object]] | None) -> pl.DataFrame | None:
    """Return the frame that was kept; None for a report from before it was."""
    if rows is None:
        return None
    place = QUALITY_SCHEMA.names().index("day")
    return pl.DataFrame(
        [[*row[:place], date.fromisoformat(str(row[place])), *row[place + 1 :]] for row in rows],
        schema=QUALITY_SCHEMA,
        orient="row",
    )

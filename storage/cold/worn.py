"""Which readings of a day are somebody's, by the assignments of now."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from storage.cold.content import ROWS
from storage.cold.parts import Content, Part, exported_rows
from storage.database import Connection
from storage.queries import query

Span = tuple[object, ...]
"""Device, from and to in the server's own microseconds since 2000; null: open."""


def worn_on(conn: Connection, day: date, device: int) -> list[Span]:
    """Return the spans of a UTC day in which a band was assigned to anybody."""
    asked = {"day": day, "devices": [device]}
    return conn.execute(query("worn_on_day"), asked).fetchall()


def during(spans: list[Span]) -> pl.Expr:
    """Return whether a row of ROWS of one band lies in one of its spans."""
    inside = pl.lit(value=False)
    for _device, from_us, to_us in spans:
        inside = inside | pl.col("at_us").is_between(from_us, to_us, closed="left")  # type: ignore[arg-type] # integers
    return inside


def in_spans(rows: pl.DataFrame, spans: list[Span]) -> pl.DataFrame:
    """Return the ROWS of one band that lie in its spans."""
    return rows.select(ROWS.names()).filter(during(spans))


def not_worn_all_day(conn: Connection, day: date, parts: Mapping[int, Part]) -> list[int]:
    """Return the bands in these parts of a day that somebody wore for less than all of it."""
    asked = {"day": day, "parts": list(parts)}
    return [device for (device,) in conn.execute(query("not_worn_all_day"), asked).fetchall()]


def count_given_up(
    conn: Connection, day: date, parts: Mapping[int, Part], contents: list[Content]
) -> int:
    """Return how many readings in the files of these parts belong to nobody by now."""
    count = 0
    for device in not_worn_all_day(conn, day, parts):
        spans = worn_on(conn, day, device)
        tables = {one.reading_table for one in contents if one.device_id == device}
        for table in sorted(tables):
            rows = exported_rows(parts, contents, table, [device])
            count += rows.height - in_spans(rows, spans).height
    return count

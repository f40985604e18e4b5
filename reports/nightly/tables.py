"""Query results as frames, and frames as staged rows: the few shapes the night reads and writes."""

from collections.abc import Mapping, Sequence
from typing import LiteralString

import polars as pl

from storage.database import Connection
from storage.queries import query


def frame_of(
    conn: Connection, name: str, parameters: Mapping[str, object], schema: pl.Schema
) -> pl.DataFrame:
    """Run a named query and return its rows as a frame with exactly this schema."""
    rows = conn.execute(query(name), parameters).fetchall()
    return pl.DataFrame(rows, schema=schema, orient="row")


def stage(
    conn: Connection, copy: LiteralString, columns: Sequence[str], rows: pl.DataFrame
) -> None:
    """Copy rows into a staging table; `copy` names its columns in the order of `columns`."""
    with conn.cursor() as cursor, cursor.copy(copy) as out:
        for row in rows.select(columns).iter_rows():
            out.write_row(row)

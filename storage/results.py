"""Stored results out of the database, as Polars frames in the columns of their tables.

Each frame begins with `case_label` and `pseudonym`, and is sorted by case, then time. Writing them
is the nightly recomputation's.
"""

import polars as pl

from storage.database import Connection, border
from storage.queries import query

_TYPES: dict[int, pl.DataType] = {
    16: pl.Boolean(),
    17: pl.Binary(),
    20: pl.Int64(),
    21: pl.Int64(),
    23: pl.Int64(),
    25: pl.String(),
    701: pl.Float64(),
    1082: pl.Date(),
    1184: pl.Datetime("us", "UTC"),
}
"""Object identifiers of PostgreSQL's built-in types (pg_type.dat), and what they are in a frame."""


def days(conn: Connection) -> pl.DataFrame:
    """Return every stored day."""
    return _read(conn, "read_days")


def bouts(conn: Connection) -> pl.DataFrame:
    """Return every stored bout; `start_at` and `end_at` in UTC."""
    return _read(conn, "read_bouts")


def weeks(conn: Connection) -> pl.DataFrame:
    """Return every stored week."""
    return _read(conn, "read_weeks")


def _read(conn: Connection, name: str) -> pl.DataFrame:
    with border(), conn.cursor() as cursor:
        cursor.execute(query(name))
        schema = {column.name: _TYPES[column.type_code] for column in cursor.description or ()}
        return pl.DataFrame(cursor.fetchall(), schema=schema, orient="row")

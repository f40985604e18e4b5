"""What the database says of the parts of the archive."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
from psycopg import sql

from storage.cold.content import ROWS
from storage.cold.files import day_folder, name_of, rows_in
from storage.database import Connection, border
from storage.queries import query


class Part(NamedTuple):
    """A finished part of a day."""

    day: date
    part: int
    folder: Path
    buckets: int
    exported_at: datetime
    manifest_sha256: bytes
    readings: int
    size: int
    """Bytes, the manifest's too."""
    verified_at: datetime | None
    dropped_at: datetime | None


class Content(NamedTuple):
    """One band's readings in one file of a day."""

    part: int
    reading_table: str
    bucket: int
    piece: int
    patient_id: int
    device_id: int
    readings: int
    content_sha256: bytes


def parts_of(conn: Connection, day: date | None = None) -> list[Part]:
    """Return the finished parts of a day, or of all days, in their order."""
    with border():
        rows = conn.execute(query("cold_parts"), {"day": day}).fetchall()
    return [Part(day, part, Path(folder), *rest) for day, part, folder, *rest in rows]


def content_of_parts(conn: Connection, day: date) -> list[Content]:
    """Return what the files of a day hold, unfinished parts left out: they have no rows."""
    with border():
        rows = conn.execute(query("cold_content_of_day"), {"day": day}).fetchall()
    return [Content(*row) for row in rows]


def exported_rows(
    parts: Mapping[int, Part], contents: list[Content], reading_table: str, devices: list[int]
) -> pl.DataFrame:
    """Return the ROWS of these bands out of the files of these parts, by number, of one day."""
    wanted = set(devices)
    frames = [pl.DataFrame(schema=ROWS)]
    for part, bucket, piece in sorted(
        {
            (content.part, content.bucket, content.piece)
            for content in contents
            if content.reading_table == reading_table
            and content.device_id in wanted
            and content.part in parts
        }
    ):
        place = parts[part]
        path = day_folder(place.folder, place.day) / name_of(reading_table, part, bucket, piece)
        rows = rows_in(path, reading_table).filter(pl.col("device_id").is_in(devices))
        frames.append(rows.select(ROWS.names()).collect())
    return pl.concat(frames)


def stored_rows(
    conn: Connection, day: date, reading_table: str, devices: list[int]
) -> pl.DataFrame:
    """Return the ROWS of these bands in the tables on a day, nobody's as well."""
    statement = sql.SQL(query("copy_day_readings")).format(
        reading_table=sql.Identifier(reading_table)
    )
    rows = conn.execute(statement, {"day": day, "devices": devices}).fetchall()
    return pl.DataFrame(rows, schema=ROWS, orient="row")

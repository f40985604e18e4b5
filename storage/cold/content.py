"""The readings of one band on one day: out of the database, and their content hash.

The database hashes what it holds (`content_hash` of migration 0020), and the same is done here with
what stands in a file; so the two are compared, and not a file with itself.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storage import pgcopy
from storage.database import Connection, border
from storage.queries import query

READING_TABLES = ("battery", "heart_rate", "rr_interval", "steps_counter", "steps")
"""Each with files of its own, in the order in which a day's are written and dropped."""
ROWS = pl.Schema(
    {
        "device_id": pl.Int32,
        "at_us": pl.Int64,
        "batch_id": pl.Int64,
        "device_ts_ms": pl.Int64,
        "span_ms": pl.Int32,
        "flags": pl.Int16,
        "value": pl.Float64,
    }
)
"""Readings as the tables hold them; `at_us` is PostgreSQL's own count, microseconds since 2000.
`device_ts_ms` is null where the band gave no stamp."""
SEALED = "sealed_ms"
"""When the batch of a reading with a stamp was sealed, ms UTC; null without a stamp. It follows of
`batch_id`, but in the database alone."""
_INT2_OID, _INT4_OID, _INT8_OID, _FLOAT8_OID, _TIMESTAMPTZ_OID = 21, 23, 20, 701, 1184
_ORDER = ("at_us", "batch_id", "stamp", "has_stamp", "span_ms", "flags", "value")


@dataclass(frozen=True, eq=False)
class BandDay:
    """What one band said on a day while one person wore it."""

    patient_id: int
    person: str
    """The pseudonym."""
    device_id: int
    readings: int
    content_sha256: bytes
    """As the database computed it."""
    rows: pl.DataFrame
    """ROWS and SEALED, sorted; empty where only the content was asked for."""


def content_of(
    conn: Connection,
    reading_table: str,
    day: date,
    buckets: int,
    bucket: int | None = None,
    *,
    devices: Sequence[int] | None = None,
    with_readings: bool = False,
) -> Iterator[BandDay]:
    """Yield the UTC day's readings that belong to somebody, band by band, inside a transaction.

    Of one bucket or of all, of these bands or of all. One band's day is in memory at a time.
    """
    asked = {
        "reading_table": reading_table,
        "day": day,
        "buckets": buckets,
        "bucket": bucket,
        "devices": None if devices is None else list(devices),
        "with_readings": with_readings,
    }
    with (
        border(),
        conn.cursor() as cursor,
        cursor.copy(query("copy_day_content"), asked) as copy,
    ):
        for number, row in enumerate(copy):
            data = memoryview(row)[len(pgcopy.HEADER) :] if number == 0 else memoryview(row)
            if len(data) > len(pgcopy.TRAILER):
                yield _band_day(pgcopy.split_row(data))


def _band_day(fields: list[memoryview | None]) -> BandDay:
    patient, person, device, readings, sha256, *arrays = (field or b"" for field in fields)
    device_id = int.from_bytes(device)
    count = int.from_bytes(readings)
    rows = pl.DataFrame(schema={**ROWS, SEALED: pl.Int64})
    if len(arrays[0]):
        at, value, batch, stamp, has_stamp, span, flags, sealed = (
            pgcopy.decode_array(memoryview(field), kind).astype(kind.replace(">", "="))
            for field, kind in zip(
                arrays, (">i8", ">f8", ">i8", ">i8", ">i2", ">i4", ">i2", ">i8"), strict=True
            )
        )
        stamps, seals = (
            pl.Series(one).set(pl.Series(has_stamp == 0), None) for one in (stamp, sealed)
        )
        rows = pl.DataFrame(
            [
                np.full(count, device_id, np.int32),
                *(at, batch, stamps, span, flags, value, seals),
            ],
            schema=rows.schema,
        )
    return BandDay(
        int.from_bytes(patient), bytes(person).decode(), device_id, count, bytes(sha256), rows
    )


def content_hash(person: str, rows: pl.DataFrame) -> bytes:
    """Return the hash of ROWS of one band, in whatever order they lie; at least one."""
    columns: dict[str, NDArray[np.generic]] = {
        "at_us": rows["at_us"].to_numpy(),
        "batch_id": rows["batch_id"].to_numpy(),
        "stamp": rows["device_ts_ms"].fill_null(0).to_numpy(),
        "has_stamp": rows["device_ts_ms"].is_not_null().to_numpy().astype(np.int16),
        "span_ms": rows["span_ms"].to_numpy(),
        "flags": rows["flags"].to_numpy(),
        "value": rows["value"].to_numpy() + 0.0,  # minus zero is zero
    }
    if not (np.diff(rows["at_us"].to_numpy()) > 0).all():
        order = np.lexsort([columns[name] for name in reversed(_ORDER)])
        columns = {name: column[order] for name, column in columns.items()}
    sha256 = hashlib.sha256(person.encode() + b"\x00")
    for name, kind, oid in (
        ("at_us", ">i8", _TIMESTAMPTZ_OID),
        ("value", ">f8", _FLOAT8_OID),
        ("batch_id", ">i8", _INT8_OID),
        ("stamp", ">i8", _INT8_OID),
        ("has_stamp", ">i2", _INT2_OID),
        ("span_ms", ">i4", _INT4_OID),
        ("flags", ">i2", _INT2_OID),
    ):
        sha256.update(_sent(columns[name], kind, oid))
    return sha256.digest()


def _sent(elements: NDArray[np.generic], kind: str, type_oid: int) -> bytes:
    """Return an array without nulls as PostgreSQL's `array_send` does: see `decode_array`."""
    sent = np.empty(len(elements), dtype=[("length", ">i4"), ("value", kind)])
    sent["length"] = sent.dtype["value"].itemsize
    sent["value"] = elements
    return struct.pack(">5i", 1, 0, type_oid, len(elements), 1) + sent.tobytes()


def without(rows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Return the ROWS that are not among the others; what stands twice must be there twice."""
    times = pl.int_range(pl.len()).over(rows.columns).alias("times")
    return (
        rows.with_columns(times)
        .join(
            others.select(rows.columns).with_columns(times),
            on=[*rows.columns, "times"],
            how="anti",
            nulls_equal=True,
            maintain_order="left",
        )
        .drop("times")
    )

"""PostgreSQL's binary COPY format, written and read with NumPy: no object per row.

Format: PostgreSQL manual, COPY, "Binary Format". A file is a header, rows, and -1. A row is the
number of its fields (int16), then for each its length (int32, -1 for null) and its bytes, big end
first. Where a column is null in every row or in none, all rows are equally long, and the rows are
one structured array.
"""

import struct

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
POSTGRES_EPOCH_MS = 946_684_800_000
"""2000-01-01T00:00Z: PostgreSQL counts microseconds from there."""
MS_US = 1_000
NULL = -1
_INT2, _INT4 = struct.Struct(">h"), struct.Struct(">i")
_ARRAY_HEADER_BYTES = 20

_WIRE = {"int16": ">i2", "int32": ">i4", "int64": ">i8", "float64": ">f8"}
"""What an array's type is in a row: smallint, integer, bigint or timestamp, double precision."""


def encode(count: int, *columns: NDArray[np.generic] | None) -> memoryview:
    """Return `count` rows as COPY wants them, without header and trailer.

    A column is an array of int16, int32, int64 or float64, which must be the table's own type for
    it, or None for null in every row.
    """
    layout = [("fields", ">i2")]
    for number, column in enumerate(columns):
        layout.append((f"length {number}", ">i4"))
        if column is not None:
            layout.append((str(number), _WIRE[column.dtype.name]))
    pattern = np.zeros(1, dtype=layout)
    pattern["fields"] = len(columns)
    for number, column in enumerate(columns):
        pattern[f"length {number}"] = NULL if column is None else column.dtype.itemsize
    rows = np.repeat(pattern, count)
    for number, column in enumerate(columns):
        if column is not None:
            rows[str(number)] = column
    return rows.view(np.uint8).data


def to_timestamps(utc_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return milliseconds since 1970 as PostgreSQL's microseconds since 2000."""
    return (utc_ms - POSTGRES_EPOCH_MS) * MS_US


def split_row(row: memoryview) -> list[memoryview | None]:
    """Return the fields of one row of a binary COPY out; null is None."""
    (count,) = _INT2.unpack_from(row)
    fields: list[memoryview | None] = []
    offset = _INT2.size
    for _field in range(count):
        (length,) = _INT4.unpack_from(row, offset)
        offset += _INT4.size
        fields.append(None if length == NULL else row[offset : offset + length])
        offset += max(0, length)
    return fields


def decode_array(field: memoryview | None, kind: str) -> NDArray[np.void]:
    """Return the elements of a one-dimensional array without nulls; where it is null, none.

    `kind` is ">i4", ">i8" or ">f8". Format: five int32 (dimensions, has nulls, element type,
    length, lower bound), then per element its length and its bytes.
    """
    if field is None:
        return np.empty(0, kind)
    elements = np.frombuffer(
        field, dtype=[("length", ">i4"), ("value", kind)], offset=_ARRAY_HEADER_BYTES
    )
    return elements["value"]


def to_utc_ms(timestamps: NDArray[np.void]) -> NDArray[np.int64]:
    """Return PostgreSQL's microseconds since 2000 as milliseconds since 1970."""
    return timestamps.astype(np.int64) // MS_US + POSTGRES_EPOCH_MS

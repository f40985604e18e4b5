"""PostgreSQL's binary COPY format for readings, written and read with NumPy: no object per row.

Format: PostgreSQL manual, COPY, "Binary Format". A file is a header, rows, and -1. A row is the
number of its fields (int16), then for each its length (int32, -1 for null) and its bytes, big end
first. Where a column is null in every row or in none, all rows are equally long, and the rows are
one structured array.
"""

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
POSTGRES_EPOCH_MS = 946_684_800_000
"""2000-01-01T00:00Z: PostgreSQL counts microseconds from there."""
MS_US = 1_000
_INT2, _INT4, _INT8 = struct.Struct(">h"), struct.Struct(">i"), struct.Struct(">q")
_ARRAY_HEADER_BYTES = 20

_TYPES: dict[str, str] = {
    "at": ">i8",
    "value": ">f8",
    "batch_id": ">i8",
    "device_ts_ms": ">i8",
    "device_id": ">i4",
    "span_ms": ">i4",
    "flags": ">i2",
}
COLUMNS = tuple(_TYPES)


class ReadingRows(NamedTuple):
    """Rows for one reading table: arrays of one length; no `device_ts_ms` where rows have none."""

    at_utc_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    batch_id: NDArray[np.int64]
    device_ts_ms: NDArray[np.int64] | None
    device_id: NDArray[np.int64]
    span_ms: NDArray[np.int64]
    flags: NDArray[np.uint8]


def _pattern(filled: tuple[str, ...]) -> NDArray[np.void]:
    """Return one row with the lengths of its fields written in: the pattern of all others."""
    layout = [("fields", ">i2")]
    for name, kind in _TYPES.items():
        layout.append((f"{name} length", ">i4"))
        if name in filled:
            layout.append((name, kind))
    row = np.zeros(1, dtype=layout)
    row["fields"] = len(_TYPES)
    for name, kind in _TYPES.items():
        row[f"{name} length"] = np.dtype(kind).itemsize if name in filled else -1
    return row


_WITH_DEVICE_TS = _pattern(COLUMNS)
_WITHOUT_DEVICE_TS = _pattern(tuple(name for name in COLUMNS if name != "device_ts_ms"))


def encode(rows: ReadingRows) -> memoryview:
    """Return the rows as COPY wants them, 72 bytes each or 64 without stamp.

    Times must lie within PostgreSQL's range and spans within 31 bits; the caller has seen to it.
    """
    pattern = _WITHOUT_DEVICE_TS if rows.device_ts_ms is None else _WITH_DEVICE_TS
    out = np.repeat(pattern, len(rows.at_utc_ms))
    out["at"] = (rows.at_utc_ms - POSTGRES_EPOCH_MS) * MS_US
    out["value"] = rows.value
    out["batch_id"] = rows.batch_id
    if rows.device_ts_ms is not None:
        out["device_ts_ms"] = rows.device_ts_ms
    out["device_id"] = rows.device_id
    out["span_ms"] = rows.span_ms
    out["flags"] = rows.flags
    return out.view(np.uint8).data


def split_row(row: memoryview) -> list[memoryview | None]:
    """Return the fields of one row of a binary COPY out; null is None."""
    (count,) = _INT2.unpack_from(row)
    fields: list[memoryview | None] = []
    offset = _INT2.size
    for _field in range(count):
        (length,) = _INT4.unpack_from(row, offset)
        offset += _INT4.size
        fields.append(None if length < 0 else row[offset : offset + length])
        offset += max(0, length)
    return fields


def decode_int8(field: memoryview) -> int:
    """Return a bigint."""
    value: int = _INT8.unpack(field)[0]
    return value


def decode_array(field: memoryview, kind: str) -> NDArray[np.void]:
    """Return the elements of a one-dimensional array of 8-byte values without nulls.

    `kind` is ">i8" or ">f8". Format: five int32 (dimensions, has nulls, element type, length, lower
    bound), then per element its length and its bytes.
    """
    elements = np.frombuffer(
        field, dtype=[("length", ">i4"), ("value", kind)], offset=_ARRAY_HEADER_BYTES
    )
    return elements["value"]


def to_utc_ms(timestamps: NDArray[np.void]) -> NDArray[np.int64]:
    """Return PostgreSQL's microseconds since 2000 as milliseconds since 1970."""
    return timestamps.astype(np.int64) // MS_US + POSTGRES_EPOCH_MS

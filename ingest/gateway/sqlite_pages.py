"""Rows straight off the pages of a SQLite file, as its file format says (sections 1.6 and 2.1).

Only what salvage needs: leaf pages of tables, and the overflow pages that long rows continue on.
What does not parse is passed over; whether a row is whole, its tag says.
"""

import contextlib
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

Value = bytes | str | int | None

LEAF_OF_A_TABLE = 13
LEAF_HEADER_BYTES = 8
MAX_ROW_BYTES = 1 << 20
VARINT_BYTES = 9
MORE = 128
INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
CONSTANTS: dict[int, Value] = {0: None, 8: 0, 9: 1}
FIRST_BLOB = 12


def rows_on_leaves(path: Path, page_bytes: int) -> Iterator[tuple[int, tuple[Value, ...]]]:
    """Give (number, the fields after it) of every row that can be read."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for start in range(page_bytes, len(data) - page_bytes + 1, page_bytes):
            page = data[start : start + page_bytes]  # page 1 holds only the schema
            if page[0] != LEAF_OF_A_TABLE:
                continue
            (cells,) = struct.unpack_from(">H", page, 3)
            for cell in range(min(cells, page_bytes // 4)):
                with contextlib.suppress(IndexError, ValueError, struct.error):
                    (at,) = struct.unpack_from(">H", page, LEAF_HEADER_BYTES + 2 * cell)
                    yield _row(data, page, at)


def _row(data: mmap.mmap, page: bytes, at: int) -> tuple[int, tuple[Value, ...]]:
    length, at = _varint(page, at)
    number, at = _varint(page, at)
    if length > MAX_ROW_BYTES:
        raise ValueError(length)
    local = _local_bytes(length, len(page))
    record = page[at : at + local]
    if local < length:
        (follows,) = struct.unpack_from(">I", page, at + local)
        record += _overflow(data, follows, length - local, len(page))
    return number, _fields(record)


def _local_bytes(length: int, page_bytes: int) -> int:
    """How much of a row stands on its leaf (section 1.6)."""
    if length <= page_bytes - 35:
        return length
    least = (page_bytes - 12) * 32 // 255 - 23
    local = least + (length - least) % (page_bytes - 4)
    return local if local <= page_bytes - 35 else least


def _overflow(data: mmap.mmap, follows: int, length: int, page_bytes: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        start = (follows - 1) * page_bytes
        if start < page_bytes:
            raise ValueError(follows)
        (follows,) = struct.unpack_from(">I", data, start)
        parts += data[start + 4 : start + page_bytes]
    return bytes(parts[:length])


def _fields(record: bytes) -> tuple[Value, ...]:
    """Return a record's fields but the first, which is the row's number and stored as null."""
    header, at = _varint(record, 0)
    kinds = []
    while at < header:
        kind, at = _varint(record, at)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        value, at = _value(record, at, kind)
        values.append(value)
    return tuple(values[1:])


def _value(record: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind in CONSTANTS:
        return CONSTANTS[kind], at
    if kind in INTEGER_BYTES:
        end = at + INTEGER_BYTES[kind]
        return int.from_bytes(record[at:end], signed=True), end
    if kind < FIRST_BLOB:
        raise ValueError(kind)
    end = at + (kind - FIRST_BLOB) // 2
    part = record[at:end]
    if len(part) != end - at:
        raise ValueError(end)
    return (str(part, "utf-8") if kind % 2 else part), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for used in range(VARINT_BYTES):
        byte = data[at + used]
        if used == VARINT_BYTES - 1:
            return number << 8 | byte, at + VARINT_BYTES
        number = number << 7 | byte & (MORE - 1)
        if byte < MORE:
            return number, at + used + 1
    raise ValueError(at)

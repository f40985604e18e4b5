"""A batch's columns as NumPy arrays: for each what `ingest.batch.content` would read, and no other.

The gateway carries no NumPy, so the contract's own reader takes number by number. A hub reads a
hundred times as much. Numbers keep the type they travelled in: whoever joins columns widens them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import Rejected
from ingest.batch.cbor import Tagged
from ingest.batch.content import (
    FIRST_AT,
    FLAGS,
    INDEX,
    QUANTITY,
    SPANS,
    STAMP_DISTANCES,
    STEPS,
    VALUES,
    as_whole,
)
from ingest.batch.limits import MAX_EXACT_INTEGER, MAX_READINGS, MAX_UTC_MS
from ingest.batch.typed_arrays import TAG_OF
from storage.incoming import ReadingColumns
from storage.reading_tables import TABLE_OF

Numbers = NDArray[Any]

_LITTLE = {"B": "<u1", "H": "<u2", "I": "<u4", "b": "<i1", "h": "<i2", "i": "<i4", "q": "<i8",
           "f": "<f4", "d": "<f8"}  # fmt: skip


def _types(letters: str) -> dict[int, np.dtype[np.number]]:
    return {TAG_OF[letter]: np.dtype(_LITTLE[letter]) for letter in letters}


_SIGNED, _UNSIGNED, _BYTES = _types("bhiq"), _types("BHI"), _types("B")
_ANY = _types("bhiqBHIfd")


def reading_columns(groups: list[dict[int | str, object]], devices: int) -> list[ReadingColumns]:
    """Return the arrays of a batch that names so many devices, every length and range checked.

    Raises Rejected: `unsupported_quantity`, `malformed`.
    """
    columns, count = [], 0
    for items in groups:
        columns.append(_one(items, devices))
        count += len(columns[-1].at_utc_ms)
        if count > MAX_READINGS:
            raise Rejected("malformed", f"more than {MAX_READINGS} readings")
    return columns


def _one(items: dict[int | str, object], devices: int) -> ReadingColumns:
    quantity = items.get(QUANTITY)
    if not isinstance(quantity, str):
        raise Rejected("malformed", "columns name no quantity")
    if quantity not in TABLE_OF:
        raise Rejected("unsupported_quantity")
    index = _numbers(items.get(INDEX), _UNSIGNED)
    at = _times(_numbers(items.get(STEPS), _SIGNED), as_whole(items.get(FIRST_AT), 0, MAX_UTC_MS))
    stamps = None
    if STAMP_DISTANCES in items:
        stamps = _stamps(at, _numbers(items[STAMP_DISTANCES], _SIGNED))
    values = _numbers(items.get(VALUES), _ANY)
    spans, flags = _numbers(items.get(SPANS), _UNSIGNED), _numbers(items.get(FLAGS), _BYTES)
    if not len(at) == len(index) == len(values) == len(spans) == len(flags):
        raise Rejected("malformed", "columns differ in length")
    if index.max() >= devices:
        raise Rejected("malformed", "a device index points to no device")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise Rejected("malformed", "a value that is no number")
    return ReadingColumns(quantity, index, at, values, spans, flags, stamps)


def _numbers(item: object, allowed: dict[int, np.dtype[np.number]]) -> Numbers:
    """Return a typed array (RFC 8746) without copying it."""
    if not isinstance(item, Tagged) or not isinstance(item.value, memoryview):
        raise Rejected("malformed", "a column is no typed array")
    kind = allowed.get(item.tag)
    if kind is None:
        raise Rejected("malformed", "a column is of another type")
    if not len(item.value) or len(item.value) % kind.itemsize:
        raise Rejected("malformed", "a column is empty, or ends inside a number")
    return np.frombuffer(item.value, kind)


def _times(steps: Numbers, first_ms: int) -> NDArray[np.int64]:
    if len(steps) > MAX_READINGS:
        raise Rejected("malformed", "a column of too many readings")
    # A sum that left the range and came back by overflow would have been seen outside on its way:
    # no single step is longer than the range.
    if steps.dtype.itemsize == np.int64().itemsize and not _within(steps, MAX_UTC_MS):
        raise Rejected("malformed", "a step is longer than time is")
    at = np.cumsum(steps, dtype=np.int64)
    at += first_ms
    if at.view(np.uint64).max() > MAX_UTC_MS:  # what is below zero is far above, so seen
        raise Rejected("malformed", "a time outside 1970 to 9999")
    return at


def _stamps(at: NDArray[np.int64], distances: Numbers) -> NDArray[np.int64]:
    if len(distances) != len(at):
        raise Rejected("malformed", "columns differ in length")
    if distances.dtype.itemsize < np.int64().itemsize:
        return np.add(at, distances, dtype=np.int64)
    if _within(distances, MAX_EXACT_INTEGER + MAX_UTC_MS):
        stamps: NDArray[np.int64] = at + distances
        if _within(stamps, MAX_EXACT_INTEGER):
            return stamps
    raise Rejected("malformed", "a stamp that no arithmetic in milliseconds can hold")


def _within(numbers: Numbers, most: int) -> bool:
    return -most <= int(numbers.min()) and int(numbers.max()) <= most

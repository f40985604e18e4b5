"""Readings as columns: what the spool stores, a batch carries and the hub writes.

One group per quantity, and per having the band's own stamps or not, so no column has holes.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from math import isfinite

from config.errors import Rejected
from ingest.batch.limits import MAX_DEVICES, MAX_EXACT_INTEGER, MAX_READINGS, MAX_UTC_MS
from ingest.batch.reading import Quantity, Reading

MAX_DEVICE_KEY = 64


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings of one quantity, in the order they were heard; all columns are equally long."""

    quantity: Quantity
    device_index: "array[int]"
    """`array('H')`: which of the devices beside it."""
    at_utc_ms: "array[int]"
    """`array('q')`."""
    value: "array[float]"
    """`array('d')`: finite."""
    span_ms: "array[int]"
    """`array('I')`."""
    flags: "array[int]"
    """`array('B')`: see `reading.Flag`."""
    device_ts_ms: "array[int] | None"
    """`array('q')`: the band's own stamps; None where it gives none."""

    def __len__(self) -> int:
        """Count the readings."""
        return len(self.at_utc_ms)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Readings of several quantities: the bands, and columns that point to them. Never empty."""

    devices: tuple[str, ...]
    columns: tuple[Columns, ...]

    def __len__(self) -> int:
        """Count the readings."""
        return sum(map(len, self.columns))

    @property
    def newest_at_utc_ms(self) -> int:
        """The time of the newest reading."""
        return max(max(group.at_utc_ms) for group in self.columns)


def is_device_key(key: str) -> bool:
    """Say whether a band may be called that: 1 to 64 visible ASCII characters."""
    return 0 < len(key) <= MAX_DEVICE_KEY and key.isascii() and key.isprintable() and " " not in key


def are_times(times: "array[int]") -> bool:
    """Say whether every time lies in 1970 to 9999."""
    return not times or (min(times) >= 0 and max(times) <= MAX_UTC_MS)


def are_stamps(stamps: "array[int]") -> bool:
    """Say whether every stamp is one that arithmetic in milliseconds can hold."""
    return not stamps or (max(stamps) <= MAX_EXACT_INTEGER and min(stamps) >= -MAX_EXACT_INTEGER)


def are_values(values: "array[float]") -> bool:
    """Say whether every value is a finite number."""
    return all(map(isfinite, values))


def chunk_of(readings: Sequence[Reading]) -> Chunk:
    """Return the readings as columns, in order.

    Raises Rejected when there is none (`empty`), or when one cannot be: `device_key`, `quantity`,
    `value` (not a finite number), `time` (outside 1970 to 9999), `span`, `flags`.
    """
    if not readings:
        raise Rejected("empty", "no readings")
    groups: dict[tuple[Quantity, bool], list[Reading]] = {}
    for reading in readings:
        group = (reading.quantity, reading.device_ts_ms is None)
        if group in groups:
            groups[group].append(reading)
        else:
            groups[group] = [reading]
    numbers: dict[str, int] = {}
    columns = tuple(_columns(rows, numbers) for rows in groups.values())
    return Chunk(tuple(numbers), columns)


def merged(parts: Iterable[Chunk]) -> Chunk:
    """Return one chunk with the readings of all, in order within each group.

    Raises Rejected("oversize") for more readings or bands than a batch may have.
    """
    chunks = list(parts)
    if (
        sum(map(len, chunks)) > MAX_READINGS
        or len({key for chunk in chunks for key in chunk.devices}) > MAX_DEVICES
    ):
        raise Rejected("oversize", f"more than {MAX_READINGS} readings or {MAX_DEVICES} devices")
    numbers: dict[str, int] = {}
    groups: dict[tuple[Quantity, bool], Columns] = {}
    for chunk in chunks:
        index_of = [numbers.setdefault(key, len(numbers)) for key in chunk.devices]
        same = index_of == list(range(len(index_of)))
        for group in chunk.columns:
            if same:
                moved = group.device_index
            else:
                moved = array("H", map(index_of.__getitem__, group.device_index))
            key = (group.quantity, group.device_ts_ms is None)
            if key not in groups:
                groups[key] = _empty(group)
            _extend(groups[key], group, moved)
    return Chunk(tuple(numbers), tuple(groups.values()))


def readings_of(chunk: Chunk) -> Iterator[Reading]:
    """Give the readings back one by one, group by group."""
    for group in chunk.columns:
        yield from map(
            Reading,
            map(chunk.devices.__getitem__, group.device_index),
            repeat(group.quantity),
            group.value,
            group.at_utc_ms,
            group.span_ms,
            group.flags,
            repeat(None) if group.device_ts_ms is None else group.device_ts_ms,
        )


def _columns(rows: list[Reading], numbers: dict[str, int]) -> Columns:
    """Turn rows of one group into columns; give each new band the next number."""
    keys, quantities, values, times, spans, flags, stamps = zip(*rows, strict=True)
    for key in dict.fromkeys(keys):
        numbers.setdefault(key, len(numbers))
    if len(numbers) > MAX_DEVICES or not all(map(is_device_key, numbers)):
        raise Rejected("device_key", f"not 1 to 64 visible ASCII characters, or over {MAX_DEVICES}")
    columns = Columns(
        _quantity(quantities[0]),
        array("H", map(numbers.__getitem__, keys)),
        _whole("q", times, "time"),
        _values(values),
        _whole("I", spans, "span"),
        _whole("B", flags, "flags"),
        None if stamps[0] is None else _whole("q", stamps, "time"),
    )
    if not are_values(columns.value):
        raise Rejected("value", "not a finite number")
    if not are_times(columns.at_utc_ms) or not are_stamps(columns.device_ts_ms or array("q")):
        raise Rejected("time", "outside 1970 to 9999")
    return columns


def _quantity(name: str) -> Quantity:
    try:
        return Quantity(name)
    except ValueError as error:
        raise Rejected("quantity", "unknown") from error


def _whole(letter: str, numbers: Iterable[int], reason: str) -> "array[int]":
    try:
        return array(letter, numbers)
    except (OverflowError, TypeError) as error:
        raise Rejected(reason, "not a whole number that fits") from error


def _values(numbers: Iterable[float]) -> "array[float]":
    try:
        return array("d", numbers)
    except (OverflowError, TypeError) as error:
        raise Rejected("value", "not a number") from error


def _empty(like: Columns) -> Columns:
    return Columns(
        quantity=like.quantity,
        device_index=array("H"),
        at_utc_ms=array("q"),
        value=array("d"),
        span_ms=array("I"),
        flags=array("B"),
        device_ts_ms=None if like.device_ts_ms is None else array("q"),
    )


def _extend(columns: Columns, by: Columns, device_index: "array[int]") -> None:
    columns.device_index.extend(device_index)
    columns.at_utc_ms.extend(by.at_utc_ms)
    columns.value.extend(by.value)
    columns.span_ms.extend(by.span_ms)
    columns.flags.extend(by.flags)
    if columns.device_ts_ms is not None and by.device_ts_ms is not None:
        columns.device_ts_ms.extend(by.device_ts_ms)

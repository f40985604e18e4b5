"""Many batches as few long columns: so that NumPy works on all of them at once.

A gateway's batch may hold sixty readings; what NumPy does per array would then cost more than what
it does per reading.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from storage.incoming import IncomingBatch, ReadingColumns
from storage.reading_tables import TABLE_OF

Number = TypeVar("Number", bound=np.number)

DAY_MS = 86_400_000
OLDEST_MS = 400 * DAY_MS
"""Readings older than this when their batch was sealed are set aside: no band remembers so far."""
NEWEST_MS = 5 * 60_000
"""Readings later than this after their batch was sealed, or than the time it is for the district,
are set aside: they lie in the future."""
LONGEST_SPAN_MS = 2**31 - 1

NO_TIME_FLAGS = 8 | 16
"""By the box's clock, and that was not known to be right: see ingest/batch/reading.py."""

GOOD, TOO_EARLY, TOO_LATE, NOT_FINITE, SPAN_TOO_LONG, CLOCK_SUSPECT = range(6)
REASONS = ("", "too_early", "too_late", "not_finite", "span_too_long", "clock_suspect")


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The readings of one quantity of all batches; arrays of one length."""

    quantity: str
    at_utc_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    span_ms: NDArray[np.int64]
    flags: NDArray[np.uint8]
    device_ts_ms: NDArray[np.int64] | None
    batch_no: NDArray[np.int64]
    """Into the sequence of batches."""
    device_no: NDArray[np.int64]
    """Into the sequence of device keys."""
    verdict: NDArray[np.uint8]
    """GOOD, or why the reading is quarantined: an index into REASONS."""

    @property
    def table(self) -> str:
        """Where its good readings belong."""
        return TABLE_OF[self.quantity]

    def days(self) -> list[date]:
        """Return the UTC days its good readings lie in, each once."""
        good = self.verdict == GOOD
        at = self.at_utc_ms if good.all() else self.at_utc_ms[good]
        if len(at) and at.min() // DAY_MS == at.max() // DAY_MS:
            at = at[:1]  # as nearly always: nothing is to be sorted then
        days = np.unique(at // DAY_MS)
        return days.astype("datetime64[D]").tolist()  # type: ignore[no-any-return] # dates, NumPy says Any


class Touched(NamedTuple):
    """One row per batch and device: from when to when it has good readings."""

    batch_no: NDArray[np.int64]
    device_no: NDArray[np.int64]
    min_ms: NDArray[np.int64]
    max_ms: NDArray[np.int64]


class Clocks(NamedTuple):
    """One row per device that gave stamps: the least and greatest offset of its clock."""

    device_no: NDArray[np.int64]
    least_ms: NDArray[np.int64]
    greatest_ms: NDArray[np.int64]


def gather(batches: Sequence[IncomingBatch], latest_ms: int) -> tuple[list[Gathered], list[str]]:
    """Return the readings by quantity (with and without stamp apart), and the device keys.

    Those after `latest_ms` are of a box whose clock is wrong, whatever it says of it.
    """
    keys = sorted({key for batch in batches for key in batch.devices})
    number_of = {key: number for number, key in enumerate(keys)}
    parts: dict[tuple[str, bool], list[tuple[int, ReadingColumns, NDArray[np.int64]]]] = {}
    for number, batch in enumerate(batches):
        devices = np.array([number_of[key] for key in batch.devices], dtype=np.int64)
        for columns in batch.columns:
            if len(columns.at_utc_ms):
                kind = (columns.quantity, columns.device_ts_ms is not None)
                parts.setdefault(kind, []).append((number, columns, devices))
    sealed = np.array([batch.sealed_utc_ms for batch in batches], dtype=np.int64)
    return [_joined(parts[kind], sealed, latest_ms) for kind in sorted(parts)], keys


def _joined(
    parts: list[tuple[int, ReadingColumns, NDArray[np.int64]]],
    sealed: NDArray[np.int64],
    latest_ms: int,
) -> Gathered:
    all_columns = [columns for _number, columns, _devices in parts]
    batch_no = np.repeat(
        np.array([number for number, _columns, _devices in parts], dtype=np.int64),
        [len(columns.at_utc_ms) for columns in all_columns],
    )
    at = _joined_as(np.int64, [columns.at_utc_ms for columns in all_columns])
    value = _joined_as(np.float64, [columns.value for columns in all_columns])
    span = _joined_as(np.int64, [columns.span_ms for columns in all_columns])
    stamps = [columns.device_ts_ms for columns in all_columns if columns.device_ts_ms is not None]
    flags = _joined_as(np.uint8, [columns.flags for columns in all_columns])
    sealed_ms = sealed[batch_no]
    verdict = np.full(len(at), GOOD, dtype=np.uint8)
    # On which day it was, and so whose it was, nobody can say: kept, and counted for nobody.
    verdict[flags & NO_TIME_FLAGS == NO_TIME_FLAGS] = CLOCK_SUSPECT
    verdict[at > latest_ms] = CLOCK_SUSPECT
    verdict[span > LONGEST_SPAN_MS] = SPAN_TOO_LONG
    verdict[~np.isfinite(value)] = NOT_FINITE
    verdict[at > sealed_ms + NEWEST_MS] = TOO_LATE
    verdict[at < sealed_ms - OLDEST_MS] = TOO_EARLY
    return Gathered(
        quantity=all_columns[0].quantity,
        at_utc_ms=at,
        value=value,
        span_ms=span,
        flags=flags,
        device_ts_ms=_joined_as(np.int64, stamps) if stamps else None,
        batch_no=batch_no,
        device_no=np.concatenate(
            [devices[columns.device_index] for _number, columns, devices in parts]
        ),
        verdict=verdict,
    )


def _joined_as(kind: type[Number], parts: list[NDArray[Any]]) -> NDArray[Number]:
    """Return the parts as one array; each has the narrowest type that holds it."""
    return np.concatenate(parts, dtype=kind, casting="unsafe")


def count_by_batch(groups: Iterable[Gathered], batch_count: int) -> NDArray[np.int64]:
    """Return how many readings of each batch are quarantined."""
    counts = np.zeros(batch_count, dtype=np.int64)
    for group in groups:
        counts += np.bincount(group.batch_no[group.verdict != GOOD], minlength=batch_count)
    return counts


def touched(groups: Iterable[Gathered], is_new: NDArray[np.bool_], device_count: int) -> Touched:
    """Return the time each new batch covers for each of its devices, over all quantities."""
    ats, pairs = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for group in groups:
        good = (group.verdict == GOOD) & is_new[group.batch_no]
        ats.append(group.at_utc_ms[good])
        pairs.append((group.batch_no * device_count + group.device_no)[good])
    at, pair = np.concatenate(ats), np.concatenate(pairs)
    order = np.argsort(pair, kind="stable")
    at, pair = at[order], pair[order]
    starts = np.flatnonzero(np.diff(pair, prepend=-1))
    if not len(starts):
        empty = np.empty(0, np.int64)
        return Touched(empty, empty, empty, empty)
    batch_no, device_no = np.divmod(pair[starts], device_count)
    return Touched(
        batch_no, device_no, np.minimum.reduceat(at, starts), np.maximum.reduceat(at, starts)
    )


def clocks(groups: Iterable[Gathered], is_new: NDArray[np.bool_]) -> Clocks:
    """Return the offsets of the clocks of all devices whose new readings have stamps."""
    offsets, devices = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for group in groups:
        if group.device_ts_ms is not None:
            good = (group.verdict == GOOD) & is_new[group.batch_no]
            offsets.append((group.at_utc_ms - group.device_ts_ms)[good])
            devices.append(group.device_no[good])
    offset, device = np.concatenate(offsets), np.concatenate(devices)
    order = np.argsort(device, kind="stable")
    offset, device = offset[order], device[order]
    starts = np.flatnonzero(np.diff(device, prepend=-1))
    if not len(starts):
        return Clocks(device, offset, offset)
    return Clocks(
        device[starts], np.minimum.reduceat(offset, starts), np.maximum.reduceat(offset, starts)
    )

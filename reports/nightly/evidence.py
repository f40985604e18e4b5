"""What exactly a row was computed from, as one hash: held time, steps, frozen figures, method.

Held time and step counts are hashed after C2-C5 and C15, cut at the row's own edges: order,
batches, repeats and refused values do not show, nor how much else was computed at once.
"""

import hashlib
import json
from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from adherence.clock import MINUTE_MS
from config.conventions import Conventions

PERSON_BITS = 42
"""Milliseconds since 1970 fit below; the window's number stands above them in one sort key."""


def conventions_sha256(conventions: Conventions) -> bytes:
    """Hash the numbers of the method, not the words beside them."""
    numbers = conventions.model_dump(mode="json", exclude={"sources"})
    return sha256_of_facts(numbers)


def sha256_of_facts(facts: Mapping[str, object]) -> bytes:
    """Hash named values; the same values give the same bytes on every machine."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).digest()


class Evidence:
    """Held time and step minutes of many windows, ready to be hashed by span.

    `held` is HELD and `minutes` STEP_MINUTES of the core; sorted by person and time is fastest.
    """

    def __init__(self, held: pl.DataFrame, minutes: pl.DataFrame) -> None:
        held = held.cast({"bpm_sum": pl.Float64})  # its bits are hashed
        starts, ends = _keys(held, "start_ms"), _keys(held, "end_ms")
        bits = held["bpm_sum"].to_numpy().view(np.int64)
        rows = _rows(held["start_ms"], held["end_ms"], bits, held["bpm_n"])
        self._starts, self._ends, self._held = _in_order(starts, ends, rows)
        keys = _keys(minutes, "minute")
        self._minutes, self._steps = _in_order(keys, _rows(minutes["minute"], minutes["steps"]))

    def digests(self, asked: pl.DataFrame, *, minutes_before: int | None) -> list[bytes]:
        """Return one SHA-256 per row of `asked` (person, start_ms, end_ms), in its order.

        Of steps, the clock minutes touched count, and so many before the first; with None none
        count, for what no step can change.
        """
        person = asked["person"].to_numpy()
        start, end = asked["start_ms"].to_numpy(), asked["end_ms"].to_numpy()
        nothing = [0] * asked.height
        first_minute, behind_minute = nothing, nothing
        if minutes_before is not None:
            first, last = start // MINUTE_MS - minutes_before, (end - 1) // MINUTE_MS
            first_minute = np.searchsorted(self._minutes, _key(person, first), side="left").tolist()
            behind_minute = np.searchsorted(
                self._minutes, _key(person, last), side="right"
            ).tolist()
        bounds = zip(
            np.searchsorted(self._ends, _key(person, start), side="right").tolist(),
            np.searchsorted(self._starts, _key(person, end), side="left").tolist(),
            first_minute,
            behind_minute,
            start.tolist(),
            end.tolist(),
            strict=True,
        )
        return [self._digest(*bound) for bound in bounds]

    def _digest(
        self, first: int, last: int, minute: int, last_minute: int, start_ms: int, end_ms: int
    ) -> bytes:
        held = self._held[first:last].copy()
        if len(held):
            held[0, 0] = max(held[0, 0], start_ms)
            held[-1, 1] = min(held[-1, 1], end_ms)
        digest = hashlib.sha256(len(held).to_bytes(8, "little"))
        digest.update(held.data)
        digest.update(np.ascontiguousarray(self._steps[minute:last_minute]).data)
        return digest.digest()


def _key(person: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.int64]:
    return (person << PERSON_BITS) + at


def _keys(frame: pl.DataFrame, at: str) -> NDArray[np.int64]:
    person, moment = frame.select(pl.col("person", at).cast(pl.Int64))
    return _key(person.to_numpy(), moment.to_numpy())


def _rows(*columns: pl.Series | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return whole numbers side by side, as they are hashed: 8 bytes each, little end first."""
    rows = np.empty((len(columns[0]), len(columns)), "<i8")
    for place, column in enumerate(columns):
        rows[:, place] = column
    return rows


def _in_order(keys: NDArray[np.int64], *others: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Return keys ascending, and the others in the same order; mostly they are so already."""
    if np.all(keys[1:] >= keys[:-1]):
        return keys, *others
    order = np.argsort(keys, kind="stable")
    return keys[order], *(other[order] for other in others)

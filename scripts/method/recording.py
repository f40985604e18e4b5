"""Small recordings for the examples: one person, rest 60 and maximum 160, so one beat is one %.

Times are local wall clock; rows are (ms since 1970-01-01T00:00Z, value).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS, SECOND_MS
from adherence.whole import Whole, whole
from config.conventions import Conventions, load_conventions

MONDAY_7H = "2026-05-04 07:00:00"
CASE: dict[str, Any] = {
    "case": "c",
    "person": "a",
    "age": None,
    "beta_blocker": None,
    "rest_hr": 60.0,
    "hr_max": 160.0,
    "zone_lo": 40.0,
    "zone_hi": 60.0,
    "session_min": 15.0,
    "sessions_per_week": 3.0,
    "weekly_min": 45.0,
}
TYPES: dict[str, Any] = dict.fromkeys(CASE, pl.Float64) | {
    "case": pl.String,
    "person": pl.String,
    "beta_blocker": pl.Boolean,
}
DAY_S = DAY_MS // SECOND_MS
LOW_BPM = 95.0
"""Below the zone, and near enough to the others that no sample is a spike."""

Rows = list[tuple[int, float | None]]


def conventions() -> Conventions:
    """Return the numbers the examples are computed by."""
    return load_conventions()


def ms(local: str) -> int:
    """Return a local wall clock as UTC milliseconds."""
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(conventions().time_zone))
    return round(at.timestamp() * SECOND_MS)


def clock(at_ms: int) -> str:
    """Return UTC milliseconds as a local wall clock, hours to seconds."""
    return _local(at_ms).strftime("%H:%M:%S")


def day(at_ms: int) -> str:
    """Return the local day of UTC milliseconds."""
    return _local(at_ms).strftime("%Y-%m-%d")


def _local(at_ms: int) -> datetime:
    local_ms = at_ms + conventions().utc_offset_min * MINUTE_MS
    days, rest_ms = divmod(local_ms, DAY_MS)
    return datetime(1970, 1, 1) + timedelta(days=days, milliseconds=rest_ms)  # noqa: DTZ001 - a wall clock


def span(length_ms: float) -> str:
    """Return a span as minutes and seconds."""
    minutes, second = divmod(round(length_ms / SECOND_MS), 60)
    return f"{minutes}:{second:02}"


def at(*samples: tuple[float, float | None], start: str = MONDAY_7H) -> Rows:
    """Return samples at seconds after a start."""
    return [(ms(start) + round(SECOND_MS * second), bpm) for second, bpm in samples]


def one_a_day(bpms: Iterable[int]) -> Rows:
    """Return one sample a day, so that each heart rate has a day of its own."""
    return at(*((DAY_S * number, float(bpm)) for number, bpm in enumerate(bpms)))


def stretches(*lengths: tuple[int, float | None], start: str = MONDAY_7H, every_s: int = 5) -> Rows:
    """Return seconds and bpm in turn, None for no data, and a closing sample below the zone."""
    rows: Rows = []
    second = 0
    for seconds, bpm in lengths:
        if bpm is not None:
            rows += at(*((second + n, bpm) for n in range(0, seconds, every_s)), start=start)
        second += seconds
    return rows + at((second, LOW_BPM), start=start)


def score(
    rows: Sequence[tuple[int, float | None]],
    steps: Sequence[tuple[int, float | None]] = (),
    /,
    **said: Any,  # noqa: ANN401 - whatever a case may say
) -> Whole:
    """Return the core's results of one case, which says `said`."""
    case = CASE | said
    more = {name: pl.Series([said[name]]).dtype for name in said if name not in TYPES}
    return whole(
        _frame(rows, "hr"),
        _frame(steps, "steps"),
        pl.DataFrame([case], schema=TYPES | more),
        conventions(),
    )


def _frame(rows: Sequence[tuple[int, float | None]], value: str) -> pl.DataFrame:
    schema = {"person": pl.String, "ts": pl.Int64, value: pl.Float64}
    return pl.DataFrame([("a", *row) for row in rows], schema=schema, orient="row")

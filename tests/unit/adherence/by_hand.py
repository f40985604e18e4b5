"""Small recordings for examples worked by hand: rest 60, maximum 160, so 1 % is 1 bpm.

Zones then begin at 90, 100, 120 and 150 bpm. Times are local wall clock (UTC+8).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from tests.reference import core

CASE = {
    "case": "c",
    "person": "a",
    "age": None,
    "beta_blocker": None,
    "rest_hr": 60.0,
    "hr_max": 160.0,
    "zone_lo": 40.0,
    "zone_hi": 60.0,
    "session_min": 15.0,
    "sessions_per_week": 1.0,
    "weekly_min": 15.0,
}
MONDAY_7H = "2026-05-04 07:00:00"


def ms(local: str) -> int:
    """The UTC milliseconds of a wall clock at UTC+8."""
    wall = datetime.fromisoformat(local).replace(tzinfo=UTC) - timedelta(hours=8)
    return round(wall.timestamp() * 1000)


def at(*samples: tuple[float, float | None], start: str = MONDAY_7H) -> list[tuple]:
    """Heart rates at seconds after a start."""
    return [("a", ms(start) + round(1000 * second), bpm) for second, bpm in samples]


def blocks(*lengths: tuple[int, float | None], start: str = MONDAY_7H) -> list[tuple]:
    """Seconds and bpm in turn, a sample every 5 s; None is no data. Then a minute at 95 bpm.

    No two levels may lie more than 30 bpm apart, or the spike rule has its say.
    """
    rows, second = [], 0
    for seconds, bpm in (*lengths, (1, 95)):
        if bpm is not None:
            rows += at(*((second + each, bpm) for each in range(0, seconds, 5)), start=start)
        second += seconds
    return rows


def minutes(*counts: float | None, start: str = MONDAY_7H) -> list[tuple]:
    """Step counts of the minutes from a start on; None leaves the minute out."""
    return [
        ("a", ms(start) + 60_000 * number, count)
        for number, count in enumerate(counts)
        if count is not None
    ]


def scored(hr: list[tuple], steps: list[tuple] = [], **case: Any) -> dict[str, pl.DataFrame]:  # noqa: B006 - never changed
    """The core's results for one case."""
    return core.score(*core.frames(hr, steps, [CASE | case]))


def only(frame: pl.DataFrame) -> dict[str, Any]:
    """The one row there is."""
    assert frame.height == 1
    return frame.to_dicts()[0]

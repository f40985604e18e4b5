"""Steps of a week's days: by their minutes, by running totals and longer spans, and what not."""

from datetime import date, timedelta

import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS
from adherence.steps import counted_minutes
from config.conventions import Conventions
from reports.nightly.rounds import Readings
from reports.why.by_minute import WEEK_DAYS, instant
from reports.why.content import StepDay, StepWay

EPOCH = date(1970, 1, 1)


def walked_in(readings: Readings, monday: date, conventions: Conventions) -> tuple[StepDay, ...]:
    """Return the week's days of which a step count is known, out of a closed round's readings."""
    utc_offset_ms = conventions.utc_offset_min * MINUTE_MS
    day = (pl.col("minute") * MINUTE_MS + utc_offset_ms) // DAY_MS
    minutes = counted_minutes(readings.step_rows).select("steps", day=day)
    by_minute = dict(minutes.group_by("day").agg(pl.col("steps").sum()).iter_rows())
    totals = dict(readings.step_totals.select("day", "steps").iter_rows())
    ways: dict[int, list[StepWay]] = {}
    for number, start_ms, end_ms, steps, verdict in (
        readings.step_ways.sort("end_ms").select(pl.exclude("person")).iter_rows()
    ):
        way = StepWay(instant(start_ms), instant(end_ms), steps, verdict)
        ways.setdefault(number, []).append(way)
    first = (monday - EPOCH).days
    return tuple(
        StepDay(
            EPOCH + timedelta(days=number),
            max(by_minute.get(number, 0), totals.get(number, 0)),
            by_minute.get(number, 0),
            totals.get(number),
            tuple(ways.get(number, ())),
        )
        for number in range(first, first + WEEK_DAYS)
        if number in by_minute or number in totals or number in ways
    )

"""Steps of a day out of all that bands say of it: running totals, and spans longer than a minute.

One band may tell the same steps twice, as a running total and as increments of its memory, and a
person may wear two bands: what was told of the same time is never added. Reasons and examples are
in docs/why/step-counters.md.

D1  Spans of one band that overlap are one, with the most that any of them says.
D2  A band's day is the most of: its minutes, its longer spans, and its running total with what its
    memory says of the time after the total's last reading.
D3  Bands that were heard of at the same time of a day are one, with the most that any of them says;
    of different times they add up.
D4  The day's steps are that, or the sum of its minutes (C15) where it is more.
"""

import polars as pl

from adherence.clock import MINUTE_MS, local_day_number
from adherence.schema import DAY
from adherence.zones import in_force

STEP_SPANS = {
    "band": pl.Int64,
    "ts": pl.Int64,  # where the span begins, ms since 1970-01-01T00:00Z
    "span_ms": pl.Int64,
    "steps": pl.Float64,
}
STEP_TOTAL = {"person": pl.Int64, "day": pl.Int64, "steps": pl.Int64}
"""`day` counts local days since 1970-01-01."""

_DAY = ["band", "day"]
_EXTENT = (pl.col("begins_ms").min(), pl.col("ends_ms").max())


def day_totals(
    spans: pl.LazyFrame, found: pl.LazyFrame, bands: pl.LazyFrame, *, utc_offset_ms: int
) -> pl.LazyFrame:
    """Return STEP_TOTAL, sorted, of the days with a running total or a span over a minute.

    `spans` is STEP_SPANS, of any length; `found` are the increments of counters (INCREMENT), and
    `bands` says whose each band is: band, person. A span belongs to the day in which it begins.
    """
    told = _told(spans, found, utc_offset_ms=utc_offset_ms)
    shown = (
        found.filter(pl.col("steps").is_not_null())
        .rename({"start_ms": "begins_ms", "end_ms": "ends_ms"})
        .group_by(_DAY)
        .agg(*_EXTENT, shown=pl.col("steps").sum())
    )
    both = shown.join(told, on=_DAY, how="full", coalesce=True).select(
        *_DAY,
        begins_ms=pl.min_horizontal("begins_ms", "begins_ms_right"),
        ends_ms=pl.max_horizontal("ends_ms", "ends_ms_right"),
        steps=pl.max_horizontal("steps", pl.col("shown") + pl.col("steps_after").fill_null(0)),
        says_more=pl.col("shown").is_not_null() | pl.col("has_longer"),
    )
    return (
        both.join(bands, on="band")
        .pipe(_together, ["person", "day"])
        .group_by("person", "day")
        .agg(pl.col("steps").sum(), pl.col("says_more").any())
        .filter("says_more")
        .select(*STEP_TOTAL)
        .sort("person", "day")
    )


def _told(spans: pl.LazyFrame, found: pl.LazyFrame, *, utc_offset_ms: int) -> pl.LazyFrame:
    """Return per band and day what its increments say, of all of it and after the last total."""
    counts = spans.filter(
        pl.col("steps").is_finite() & (pl.col("steps") >= 0) & (pl.col("span_ms") > 0)
    ).select(
        "band",
        begins_ms="ts",
        ends_ms=pl.col("ts") + pl.col("span_ms"),
        steps=pl.col("steps").floor().cast(pl.Int64),
    )
    is_short = pl.col("ends_ms") - pl.col("begins_ms") <= MINUTE_MS
    minute_ms = pl.col("begins_ms") // MINUTE_MS * MINUTE_MS
    minutes = counts.filter(is_short).with_columns(
        begins_ms=minute_ms, ends_ms=minute_ms + MINUTE_MS
    )
    longer = counts.filter(~is_short)
    day = local_day_number(pl.col("begins_ms"), utc_offset_ms=utc_offset_ms)
    last = found.group_by(_DAY).agg(last_ms=pl.col("end_ms").max())
    is_after = pl.col("begins_ms") >= pl.col("last_ms")
    return (
        pl.concat(
            [
                minutes.with_columns(is_long=pl.lit(value=False)),
                longer.with_columns(is_long=pl.lit(value=True)),
            ]
        )
        .with_columns(day=day)
        .pipe(_together, ["band", "is_long", "day"])
        .join(last, on=_DAY, how="left")
        .group_by(*_DAY, "is_long")
        .agg(*_EXTENT, pl.col("steps").sum(), steps_after=pl.col("steps").filter(is_after).sum())
        .group_by(_DAY)
        .agg(*_EXTENT, pl.col("steps", "steps_after").max(), has_longer=pl.col("is_long").any())
    )


def _together(rows: pl.LazyFrame, of: list[str]) -> pl.LazyFrame:
    """Make one of rows of the same key whose times overlap: the most steps that any of them says.

    Rows have begins_ms and ends_ms; rows that only touch stay apart.
    """
    ordered = rows.sort(*of, "begins_ms", "ends_ms")
    behind_ms = pl.col("ends_ms").cum_max().shift(1).over(of)
    is_apart = (pl.col("begins_ms") >= behind_ms).fill_null(value=True)
    kept = [name for name in rows.collect_schema() if name not in {*of, "begins_ms", "ends_ms"}]
    return (
        ordered.with_columns(group=is_apart.cum_sum())
        .group_by("group")
        .agg(pl.col(*of).first(), *_EXTENT, pl.col(*kept).max())
        .drop("group")
    )


def with_day_totals(
    days: pl.LazyFrame,
    totals: pl.LazyFrame,
    cases: pl.LazyFrame,
    *,
    valid_day_ms: int,
) -> pl.LazyFrame:
    """Return DAY with the steps of `totals` (STEP_TOTAL) where they are more (D4), sorted.

    `cases` as `schema.figured` gives it. A day of which nothing else is known is added.
    """
    key = ["case", "version", "person", "date"]
    in_time = (
        totals.select("person", date=pl.col("day").cast(pl.Int32).cast(pl.Date), total="steps")
        .join(cases, on="person")
        .filter(in_force())
        .select(*key, "total")
    )
    return (
        days.join(in_time, on=key, how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.exclude(*key, "valid_day").fill_null(0))
        .with_columns(
            valid_day=pl.col("wear_ms") >= valid_day_ms,
            steps=pl.max_horizontal("steps", "total"),
        )
        .select(DAY)
        .sort("case", "date")
    )

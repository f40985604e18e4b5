"""Running totals of steps as increments: what was walked from one reading of a band to the next.

The rules have numbers (K1 to K6) and reasons in docs/why/step-counters.md. All rows of one band and
one local day stand by themselves, so that a late reading changes its own day and no other:

K1  Readings that are no count are left out; of one time the largest counts.
K2  A single reading that neighbours who agree with each other contradict is left out.
K3  One that is lower than another shortly before it is left out: clocks differ, readings overtake.
K4  From one reading left to the next the difference was walked; where the counter fell, it began
    anew at its top (16 bits, soon after and near it) or the band was started again, and what it
    shows was walked since.
K5  The day's first reading was walked since midnight, where the band was this person's by then.
K6  Nobody walks faster than a limit: what is more is not counted, only where it stands.

`band` is an opaque whole number: one band, worn by one person without a break.
"""

import numpy as np
import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS, SECOND_MS, local_day_number
from config.counters import Counters

COUNTER_ROWS = {
    "band": pl.Int64,
    "ts": pl.Int64,  # ms since 1970-01-01T00:00Z
    "value": pl.Float64,  # steps since the band's midnight
    "since_ms": pl.Int64,  # from when on the band is this person's
    "bits": pl.Int64,  # width of the counter; null: not known
}
INCREMENT = ("band", "day", "start_ms", "end_ms", "steps", "verdict")
"""`day` counts local days since 1970-01-01. `steps` is null where nothing can be said."""

COUNTED, WRAPPED, RESTARTED = "counted", "wrapped", "restarted"
TOO_FAST, UNKNOWN_START, OF_TOMORROW = "too_fast", "unknown_start", "of_tomorrow"
"""What becomes of the way to a reading; the last three credit nothing: more than can be walked, a
day that began unheard, and what the band counts to its next day already."""

_DAY = ["band", "day"]


def increments(counters: pl.DataFrame, numbers: Counters, *, utc_offset_ms: int) -> pl.DataFrame:
    """Return INCREMENT of COUNTER_ROWS, sorted: one row per reading that is left."""
    rows = _readings(counters, utc_offset_ms=utc_offset_ms)
    falls = _is_same_day() & (pl.col("value") < pl.col("value").shift(1))
    uneven = rows.filter(falls.fill_null(value=False)).select(_DAY).unique()
    if uneven.height:  # nothing is to be left out of a day in which no total fell
        doubtful = rows.join(uneven, on=_DAY, how="semi", maintain_order="left")
        sound = _without_overtaken(_without_contradicted(doubtful, numbers), numbers)
        even = rows.join(uneven, on=_DAY, how="anti", maintain_order="left")
        rows = pl.concat([even, sound.select(even.columns)]).sort("band", "ts")
    return _between(rows, numbers)


def _readings(counters: pl.DataFrame, *, utc_offset_ms: int) -> pl.DataFrame:
    """Return what is a count, with its local day and where that begins, sorted (K1)."""
    day = local_day_number(pl.col("ts"), utc_offset_ms=utc_offset_ms)
    is_largest = pl.any_horizontal(
        pl.col(name) != pl.col(name).shift(-1) for name in ("band", "ts")
    )
    return (
        counters.filter(pl.col("value").is_finite() & (pl.col("value") >= 0))
        .with_columns(pl.col("value").floor().cast(pl.Int64), day=day)
        .with_columns(midnight_ms=pl.col("day") * DAY_MS - utc_offset_ms)
        .sort("band", "ts", "value")
        .filter(is_largest.fill_null(value=True))
    )


def _is_same_day() -> pl.Expr:
    """Compare: the row above is a reading of the same band and day."""
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in _DAY)
    return same.fill_null(value=False)


def _can_walk(steps: pl.Expr, span_ms: pl.Expr, numbers: Counters) -> pl.Expr:
    """Compare: so many steps are no more than a person, and a band telling late, can give (K6)."""
    late_ms = numbers.told_late_s * SECOND_MS
    return steps * MINUTE_MS <= numbers.fastest_cadence_spm * (span_ms + late_ms)


def _without_contradicted(rows: pl.DataFrame, numbers: Counters) -> pl.DataFrame:
    """Leave out single values that their neighbours contradict (K2); equal ones are one value.

    The day's midnight, with nothing walked, is the neighbour before its first value.
    """
    near_ms = numbers.told_late_s * SECOND_MS
    is_new = ~_is_same_day() | (pl.col("value") != pl.col("value").shift(1))
    numbered = rows.with_columns(run=is_new.cum_sum())
    has_before = _is_same_day()
    has_after = has_before.shift(-1, fill_value=False)
    value, before, after = (pl.col("value").shift(n) for n in (0, 1, -1))
    after_ms = pl.col("first_ms").shift(-1)
    way_ms = after_ms - pl.col("last_ms").shift(1)
    outside = (value < before) | (value > after)
    between = (
        (before <= after)
        & outside
        & (way_ms <= near_ms)
        & _can_walk(after - before, way_ms, numbers)
    )
    at_first = (
        (value > after)
        & (after_ms - pl.col("last_ms") <= near_ms)
        & ~_can_walk(value, pl.col("first_ms") - pl.col("midnight_ms"), numbers)
        & _can_walk(after, after_ms - pl.col("midnight_ms"), numbers)
    )
    contradicted = has_after & pl.when(has_before).then(between).otherwise(at_first)
    runs = (
        numbered.group_by("run", maintain_order=True)
        .agg(
            pl.col(*_DAY, "midnight_ms", "value").first(),
            first_ms=pl.col("ts").min(),
            last_ms=pl.col("ts").max(),
        )
        .filter(contradicted.fill_null(value=False))
    )
    return numbered.join(runs, on="run", how="anti").drop("run")


def _without_overtaken(rows: pl.DataFrame, numbers: Counters) -> pl.DataFrame:
    """Leave out readings that are lower than one of the same day shortly before them (K3)."""
    ordered = rows.sort("band", "ts").with_row_index("row")
    highest = ordered.rolling(
        "ts",
        period=f"{numbers.clock_tolerance_s * SECOND_MS}i",
        closed="both",
        group_by=_DAY,
    ).agg(pl.col("row").last(), highest=pl.col("value").max())
    return (
        ordered.join(highest.select("row", "highest"), on="row", maintain_order="left")
        .filter(pl.col("value") >= pl.col("highest"))
        .drop("row", "highest")
    )


def _between(rows: pl.DataFrame, numbers: Counters) -> pl.DataFrame:
    """Return what was walked to each reading, from the one before it or from midnight (K4-K6)."""
    tolerance_ms = numbers.clock_tolerance_s * SECOND_MS
    value, at, midnight = pl.col("value"), pl.col("ts"), pl.col("midnight_ms")
    is_first = ~pl.col("has_before")
    span_ms = at - pl.col("start_ms")
    over_top = value - pl.col("before") + 2**numbers.wrapping_bits
    fell = pl.col("has_before") & (value < pl.col("before"))
    wraps = (
        fell
        & (pl.col("before") < 2**numbers.wrapping_bits)
        & (pl.col("bits").fill_null(numbers.wrapping_bits) == numbers.wrapping_bits)
        & (span_ms <= numbers.longest_wrap_min * MINUTE_MS)
        & _can_walk(over_top, span_ms, numbers)
    )
    walked = (
        pl.when("wraps").then(over_top).when("fell").then(value).otherwise(value - pl.col("before"))
    )
    # A band whose clock is slow goes on a little after our midnight before it begins its day; one
    # whose clock is fast begins it a little before.
    goes_on_ms = midnight + tolerance_ms
    begins_late = (pl.col("restarts") & (pl.col("start_ms") <= goes_on_ms)).any().over(_DAY)
    is_of_tomorrow = (
        (pl.col("restarts") & (at >= midnight + DAY_MS - tolerance_ms)).cum_max().over(_DAY)
    )
    unknown = is_first & ((pl.col("since_ms") > midnight) | pl.col("begins_late"))
    verdict = (
        pl.when("is_of_tomorrow")
        .then(pl.lit(OF_TOMORROW))
        .when(unknown)
        .then(pl.lit(UNKNOWN_START))
        .when(~_can_walk(pl.col("walked"), span_ms, numbers))
        .then(pl.lit(TOO_FAST))
        .when("wraps")
        .then(pl.lit(WRAPPED))
        .when("fell")
        .then(pl.lit(RESTARTED))
        .otherwise(pl.lit(COUNTED))
    )
    has_steps = pl.col("verdict").is_in([COUNTED, WRAPPED, RESTARTED])
    return (
        rows.with_columns(has_before=_is_same_day())
        .with_columns(
            before=pl.when("has_before").then(value.shift(1)).otherwise(0),
            start_ms=pl.when("has_before").then(at.shift(1)).otherwise(midnight),
        )
        .with_columns(fell=fell, wraps=wraps)
        .with_columns(walked=walked, restarts=pl.col("fell") & ~pl.col("wraps"))
        .with_columns(begins_late=begins_late, is_of_tomorrow=is_of_tomorrow)
        .with_columns(verdict=verdict)
        .with_columns(end_ms=at, steps=pl.when(has_steps).then("walked"))
        .select(INCREMENT)
    )


def counter_minutes(found: pl.DataFrame) -> pl.DataFrame:
    """Return band, minute and steps of the minutes that short increments cover to the last ms.

    Only increments of at most a minute feed C15 and C16. One that lies in two minutes is shared out
    by time, the first part rounded down: no step is lost or made.
    """
    span_ms = pl.col("end_ms") - pl.col("start_ms")
    short = found.filter(pl.col("steps").is_not_null() & (span_ms > 0) & (span_ms <= MINUTE_MS))
    band, start, end, steps = (
        short[name].to_numpy() for name in ("band", "start_ms", "end_ms", "steps")
    )
    first = start // MINUTE_MS
    edge = (first + 1) * MINUTE_MS
    before = np.minimum(end, edge) - start
    in_first = steps * before // (end - start)
    # Rows are in order, and so are their parts: that in the first minute, then that in the next.
    parts = {
        "band": (band, band),
        "minute": (first, first + 1),
        "steps": (in_first, steps - in_first),
        "covered": (before, end - edge),
    }
    is_part = np.column_stack((np.ones(len(band), np.bool_), end > edge)).ravel()
    columns = {name: np.column_stack(both).ravel()[is_part] for name, both in parts.items()}
    at, of = columns["minute"], columns["band"]
    begins = np.flatnonzero(np.append(True, (at[1:] != at[:-1]) | (of[1:] != of[:-1]))[: len(at)])
    covered, counted = (np.add.reduceat(columns[name], begins) for name in ("covered", "steps"))
    whole = covered == MINUTE_MS
    return pl.DataFrame(
        {"band": of[begins][whole], "minute": at[begins][whole], "steps": counted[whole]},
        schema={"band": pl.Int64, "minute": pl.Int64, "steps": pl.Int64},
    )

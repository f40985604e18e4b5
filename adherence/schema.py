"""The columns that enter and leave the core, said once.

Times are integer milliseconds since 1970-01-01T00:00Z, spans integer milliseconds, dates local days
(convention C1). `person` and `case` are opaque keys, text or integer: whatever the caller gives
comes out again. A window of one person's time may stand as a person of its own.
"""

from collections.abc import Mapping

import polars as pl

SAMPLES = {"person": None, "ts": pl.Int64, "hr": pl.Float64}
"""Heart rate as recorded: `ts` in ms, `hr` in bpm; null, NaN and out-of-range values allowed."""

STEP_ROWS = {"person": None, "ts": pl.Int64, "steps": pl.Float64}
"""Steps of the clock minute that holds `ts`; null and negative counts allowed."""

PRESCRIBED = {
    "zone_lo": pl.Float64,  # % of heart-rate reserve
    "zone_hi": pl.Float64,
    "session_min": pl.Float64,
    "sessions_per_week": pl.Float64,
    "weekly_min": pl.Float64,
}

KEYS: dict[str, type[pl.DataType] | None] = {"case": None, "person": None}

ABOUT: dict[str, type[pl.DataType] | None] = {
    "age": pl.Float64,  # years; a fraction is cut off
    "beta_blocker": pl.Boolean,  # null means no
    "rest_hr": pl.Float64,  # bpm; null: estimated from the recording
    "hr_max": pl.Float64,  # bpm; null: from the formula
}

OPTIONAL = {
    "version": (pl.Int64, None),  # of the prescription; comes out again with day, bout and week
    "from_day": (pl.Date, None),  # first local day in force; null: always
    "until_day": (pl.Date, None),  # first local day no longer in force; null: for good
    "day_adds_up": (pl.Boolean, False),  # a day's bouts add up to a session
}
"""Columns a case may have, with the value that stands where they are missing."""

PEOPLE = ("case", "person", "hr_max", "rest_hr", "n_in", "n_kept", "reason")

HELD = ("person", "start_ms", "end_ms", "bpm_sum", "bpm_n")
"""A kept sample and the time it stands for; its bpm is bpm_sum / bpm_n, kept apart so that
comparisons stay exact."""

STEP_MINUTES = ("person", "minute", "steps")
"""`minute` counts clock minutes since 1970-01-01T00:00Z."""

ZONES = ("very_light", "light", "moderate", "vigorous", "near_max")

DAY = (
    "case",
    "version",
    "person",
    "date",
    "valid_day",
    *(f"{zone}_ms" for zone in ZONES),
    "credit_ms",
    "above_ms",
    "wear_ms",
    "steps",
    "cad100_min",
    "cad130_min",
    "hrless_cad100_min",
    "still_min",
    "lock_min",
    "shake_min",
    "fast_min",
)

CHAIN = (
    "case",
    "version",
    "person",
    "date",
    "start_ms",
    "end_ms",
    "span_ms",
    "effort_ms",
    "credit_ms",
    "qualifies",
    "sparse",
    "complete",
)

BOUT = (
    "case",
    "version",
    "person",
    "date",
    "start_ms",
    "end_ms",
    "span_ms",
    "effort_ms",
    "credit_ms",
    "sparse",
    "min_counted",
    "min_zero",
    "min_walk",
    "complete",
)

MINUTE = (
    "case",
    "person",
    "minute",
    "date",
    "credited_ms",
    "above_ms",
    "short_ms",
    "below_ms",
    "unjudged_ms",
    "missing_ms",
    "reason",
    "bout_start_ms",
    "mean_bpm",
    "steps",
)
"""A clock minute and what became of it; for people to look at, no figure is made of it."""

WEEK = (
    "case",
    "version",
    "person",
    "week",
    "wear_min",
    "valid_days",
    "valid_week",
    "bouts",
    "complete_sessions",
    "session_days",
    "bout_credit_min",
    "all_credit_min",
    "above_min",
    "mod_eq_min",
    "attendance",
    "rdi",
    "volume",
    "intensity",
    "duration",
    "adherent",
    "adherence_pct",
)


def typed(frame: pl.LazyFrame, columns: Mapping[str, type[pl.DataType] | None]) -> pl.LazyFrame:
    """Return exactly these columns; None leaves a key's type as it is."""
    return frame.select(
        pl.col(name) if dtype is None else pl.col(name).cast(dtype)
        for name, dtype in columns.items()
    )


def figured(cases: pl.LazyFrame) -> pl.LazyFrame:
    """Return cases with frozen `hr_max` and `rest_hr`, every optional column standing.

    One row per version of a prescription; versions of one case do not overlap in time.
    """
    given = cases.collect_schema().names()
    return cases.select(
        "case",
        "person",
        *(pl.col(name).cast(pl.Float64) for name in ("hr_max", "rest_hr", *PRESCRIBED)),
        *(
            (pl.col(name) if name in given else pl.lit(default)).cast(dtype).alias(name)
            for name, (dtype, default) in OPTIONAL.items()
        ),
    ).with_columns(pl.col("day_adds_up").fill_null(value=False))

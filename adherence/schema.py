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
    "zone_lo": pl.Float64,  # in the unit of `intensity_kind`: % of heart-rate reserve by default
    "zone_hi": pl.Float64,
    "session_min": pl.Float64,
    "sessions_per_week": pl.Float64,
    "weekly_min": pl.Float64,
}

HRR, HR_MAX, BPM, RPE = "hrr", "hr_max", "bpm", "rpe"
INTENSITY_KINDS = (HRR, HR_MAX, BPM, RPE)
"""What zone_lo and zone_hi are: % of heart-rate reserve (C8), % of the maximum, bpm, or a rating of
perceived exertion from 6 to 20. Under a rating heart rate credits nothing: sessions are logged."""

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
    "intensity_kind": (pl.String, HRR),  # of INTENSITY_KINDS
    "ceiling_bpm": (pl.Float64, None),  # a limit of safety: from it on nothing is credited
    "rest_days": (pl.Int64, 0),  # whole days between two sessions of resistance that both count
    "resistance_per_week": (pl.Float64, None),  # sessions; null: not prescribed
    "resistance_min": (pl.Float64, None),  # of one session; null: any length
    "balance_per_week": (pl.Float64, None),
    "balance_min": (pl.Float64, None),
    "steps_per_day": (pl.Float64, None),  # null: not prescribed
}
"""Columns a case may have, with the value that stands where they are missing or null (method,
section 13). The five of PRESCRIBED are null together where no aerobic exercise is prescribed."""

LOGGED = ("aerobic", "resistance", "balance")
COMPONENTS = (*LOGGED, "steps")
"""What may be prescribed; each has its own adherence, the week's is the lowest of them."""

LOG: dict[str, type[pl.DataType] | None] = {
    "case": None,
    "date": pl.Date,  # the local day
    "component": pl.String,  # of LOGGED
    "minutes": pl.Float64,  # null: not known
    "rpe": pl.Float64,  # perceived exertion, 6 to 20; null: not asked
    "supervised_by": pl.String,  # null: nobody
}
"""Sessions that somebody wrote down. A set: the same row twice is one session."""

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
    *(f"{component}_pct" for component in COMPONENTS),
)
"""`adherence_pct` is the lowest of the prescribed components; the others' column is null."""


def typed(frame: pl.LazyFrame, columns: Mapping[str, type[pl.DataType] | None]) -> pl.LazyFrame:
    """Return exactly these columns; None leaves a key's type as it is."""
    return frame.select(
        pl.col(name) if dtype is None else pl.col(name).cast(dtype)
        for name, dtype in columns.items()
    )


EDGE_DIGITS = 6
"""Digits of an edge that count: beyond any figure written down, before the error of a float."""
ROUNDING_BPM = 1e-9
"""Above the rounding error of any heart rate, of a mean of twins and of a minute too; below any
distance of figures as they are written."""


def edge(hundredths: pl.Expr) -> pl.Expr:
    """Give an edge as heart rates are compared with it: `100 * bpm >= edge` is on it or above.

    Figures with a decimal are no binary fractions, nor are heart rates: 100 * 128.2 is a little
    less than 12,820. The edge is freed of its last digits and lies lower by less than any figure
    says, so that a heart rate on the edge is in the zone as it is on paper.
    """
    return hundredths.round(EDGE_DIGITS) - 100 * ROUNDING_BPM


def reserve_edge(pct: pl.Expr | int) -> pl.Expr:
    """Give the heart rate at this percentage of the reserve (C8), in hundredths of a bpm."""
    hr_max, rest_hr = pl.col("hr_max"), pl.col("rest_hr")
    return edge(pct * hr_max + (100 - pct) * rest_hr)


def ceiling_edge() -> pl.Expr:
    """Give the ceiling, in hundredths of a bpm; null without one."""
    return edge(100 * pl.col("ceiling_bpm"))


def zone_edge(level: pl.Expr) -> pl.Expr:
    """Give the heart rate at a level of the zone's own kind, in hundredths of a bpm.

    Null where no heart rate is prescribed: under a rating of exertion, or without aerobic work.
    """
    kind = pl.col("intensity_kind")
    return (
        pl.when(kind == HRR)
        .then(reserve_edge(level))
        .when(kind == HR_MAX)
        .then(edge(level * pl.col("hr_max")))
        .when(kind == BPM)
        .then(edge(100 * level))
    )


def above_edge() -> pl.Expr:
    """Give where credit ends: the zone's upper end, or the ceiling where that is lower (C9).

    Nothing rewards whoever reaches a doctor's ceiling. Null where no heart rate is prescribed; a
    ceiling says nothing there.
    """
    zone_ends = zone_edge(pl.col("zone_hi"))
    return pl.when(zone_ends.is_not_null()).then(pl.min_horizontal(zone_ends, ceiling_edge()))


def completed(cases: pl.LazyFrame) -> pl.LazyFrame:
    """Return what cases prescribe, every optional column standing; NaN says nothing, as null does.

    One row per version of a prescription; versions of one case do not overlap in time.
    """
    given = cases.collect_schema().names()
    numbers = [*PRESCRIBED, *(name for name, (dtype, _) in OPTIONAL.items() if dtype == pl.Float64)]
    defaults = {name: default for name, (_, default) in OPTIONAL.items() if default is not None}
    return (
        cases.select(
            "case",
            "person",
            *(pl.col(name).cast(dtype) for name, dtype in PRESCRIBED.items()),
            *(
                (pl.col(name) if name in given else pl.lit(None)).cast(dtype).alias(name)
                for name, (dtype, _) in OPTIONAL.items()
            ),
            *(pl.col(name).cast(pl.Float64) for name in ("hr_max", "rest_hr") if name in given),
        )
        .with_columns(pl.col(numbers).fill_nan(None))
        .with_columns(pl.col(name).fill_null(default) for name, default in defaults.items())
    )


def figured(cases: pl.LazyFrame) -> pl.LazyFrame:
    """Return `completed` cases with their frozen `hr_max` and `rest_hr`, and the zone's edges.

    From `effort_edge` on heart rate is effort, from `above_edge` on it is above (C9); both in
    hundredths of a bpm, null where heart rate decides nothing.
    """
    return completed(cases).with_columns(
        effort_edge=pl.min_horizontal(zone_edge(pl.col("zone_lo")), above_edge()),
        above_edge=above_edge(),
    )

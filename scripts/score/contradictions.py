"""Where a case contradicts itself: no figure of it could be meant."""

import polars as pl

from adherence.clock import WEEK_DAYS
from adherence.prescription import ceiling_is_too_low
from adherence.schema import HRR, PRESCRIBED, RPE
from config.components import load_components
from config.language import _, later
from scripts.score.components import AMOUNTS, Wrong
from scripts.score.phases import LAST_WEEK, PHASE_TYPE, not_ascending

NOT_ASCENDING = later("phases must begin in week 1 to %(last)d, each after the one before")
NO_FIRST_DAY = later("phases need start_day, the first day of the prescription")
NOTHING_TO_CHANGE = later("phases change aerobic work, and the case prescribes none")
NO_ROOM = later("rest_days leaves no room for so many sessions of resistance in a week")
OFTENER = later("%(column)s must be 7 or less: one session a day counts")
NO_TARGET = later("%(column)s says nothing without %(target)s")
UPSIDE_DOWN = later("zone_hi must be above zone_lo")
NO_RATING = later("zone_lo and zone_hi must be ratings from %(lowest)d to %(highest)d")
LOW_CEILING = later("ceiling_bpm must be above the heart rate at which the zone begins")
IN_A_PHASE = later("in a phase, %(what)s")


def contradictions(columns: dict[str, pl.Series], no_aerobic: pl.Series) -> Wrong:
    """Return where a case contradicts itself; `no_aerobic`: where the five numbers are missing."""
    frame = _all_columns(columns).with_columns(no_aerobic=no_aerobic)
    most_sessions = (WEEK_DAYS / (pl.col("rest_days") + 1)).ceil()
    no_target = _(NO_TARGET)
    rows = [
        (
            pl.col("resistance_per_week").is_null() & (pl.col(name).fill_null(0) != 0),
            no_target % {"column": name, "target": "resistance_per_week"},
        )
        for name in ("resistance_min", "rest_days")
    ]
    rows += [
        (
            pl.col("balance_per_week").is_null() & pl.col("balance_min").is_not_null(),
            no_target % {"column": "balance_min", "target": "balance_per_week"},
        ),
        (
            pl.col("no_aerobic") & pl.col("day_adds_up"),
            no_target % {"column": "day_adds_up", "target": "sessions_per_week"},
        ),
        (pl.col("phases").is_not_null() & pl.col("start_day").is_null(), _(NO_FIRST_DAY)),
        (pl.col("phases").is_not_null() & pl.col("no_aerobic"), _(NOTHING_TO_CHANGE)),
        ((pl.col("rest_days") > 0) & (pl.col("resistance_per_week") > most_sessions), _(NO_ROOM)),
    ]
    rows += [
        (pl.col(name) > WEEK_DAYS, _(OFTENER) % {"column": name})
        for name in ("resistance_per_week", "balance_per_week")
    ]
    found: Wrong = [(_where(frame, faulty), sentence) for faulty, sentence in rows]
    found.append((not_ascending(frame["phases"]), _(NOT_ASCENDING) % {"last": LAST_WEEK}))
    return found + _aerobic_contradictions(frame)


def _aerobic_contradictions(frame: pl.DataFrame) -> Wrong:
    """Return where zone or sessions of the case, or of one of its phases, cannot be meant."""
    scale = load_components()
    lowest, highest = scale.rpe_lowest, scale.rpe_highest
    is_rating = pl.col("intensity_kind") == RPE
    rows = {
        _(OFTENER) % {"column": "sessions_per_week"}: pl.col("sessions_per_week") > WEEK_DAYS,
        _(UPSIDE_DOWN): pl.col("zone_hi") <= pl.col("zone_lo"),
        _(NO_RATING) % {"lowest": lowest, "highest": highest}: is_rating
        & ((pl.col("zone_lo") < lowest) | (pl.col("zone_hi") > highest)),
        _(LOW_CEILING): ceiling_is_too_low(),
    }
    others = frame.drop(PRESCRIBED)
    own = frame.select("row", *PRESCRIBED)
    phased = (frame.select("row", "phases").drop_nulls().explode("phases").unnest("phases")).join(
        own, on="row", suffix="_own"
    )
    names = ("zone_lo", "zone_hi", "sessions_per_week")
    asked = phased.select("row", *(pl.coalesce(name, f"{name}_own") for name in names)).join(
        others, on="row"
    )
    found: Wrong = []
    for sentence, faulty in rows.items():
        found.append((_where(frame, faulty), sentence))
        in_phase = asked.filter(faulty.fill_null(value=False))["row"]
        phased_only = frame["row"].is_in(in_phase.implode()) & ~found[-1][0]
        found.append((phased_only, _(IN_A_PHASE) % {"what": sentence}))
    return found


def _all_columns(columns: dict[str, pl.Series]) -> pl.DataFrame:
    """Return the columns as a frame with `row`, those that do not stand in the file empty."""
    empty: dict[str, type[pl.DataType] | pl.DataType] = {
        "intensity_kind": pl.String,
        "day_adds_up": pl.Boolean,
        "rest_days": pl.Int64,
        "start_day": pl.Date,
        "phases": pl.List(PHASE_TYPE),
        **dict.fromkeys(AMOUNTS, pl.Float64),
    }
    frame = pl.DataFrame([column.alias(name) for name, column in columns.items()])
    return (
        frame.with_columns(
            pl.lit(None).cast(dtype).alias(name)
            for name, dtype in empty.items()
            if name not in frame.columns
        )
        .with_columns(pl.col("intensity_kind").fill_null(HRR))
        .with_row_index("row")
    )


def _where(frame: pl.DataFrame, faulty: pl.Expr) -> pl.Series:
    return frame.select(faulty.fill_null(value=False).alias("faulty")).to_series()

"""The core run on plain rows, and its results laid beside the plain implementation's."""

import math
from collections.abc import Iterable
from typing import Any

import polars as pl

from adherence import method
from adherence.weeks import recorded_spans
from config.conventions import load_conventions

CASE_TYPES = {
    "age": pl.Float64,
    "beta_blocker": pl.Boolean,
    "rest_hr": pl.Float64,
    "hr_max": pl.Float64,
    "zone_lo": pl.Float64,
    "zone_hi": pl.Float64,
    "session_min": pl.Float64,
    "sessions_per_week": pl.Float64,
    "weekly_min": pl.Float64,
}
RESULTS = ("people", "days", "bouts", "weeks")


def frames(
    hr: Iterable[tuple], steps: Iterable[tuple], cases: list[dict[str, Any]]
) -> tuple[pl.LazyFrame, pl.LazyFrame, pl.LazyFrame]:
    """The rows as the core takes them; keys keep their type."""
    key = pl.Int64 if cases and isinstance(cases[0]["person"], int) else pl.String
    case_key = pl.Int64 if cases and isinstance(cases[0]["case"], int) else pl.String
    return (
        pl.LazyFrame(
            list(hr), schema={"person": key, "ts": pl.Int64, "hr": pl.Float64}, orient="row"
        ),
        pl.LazyFrame(
            list(steps), schema={"person": key, "ts": pl.Int64, "steps": pl.Float64}, orient="row"
        ),
        pl.LazyFrame(
            [{name: case.get(name) for name in ("case", "person", *CASE_TYPES)} for case in cases],
            schema={"case": case_key, "person": key, **CASE_TYPES},
        ),
    )


def score(
    samples: pl.LazyFrame, step_rows: pl.LazyFrame, cases: pl.LazyFrame
) -> dict[str, pl.DataFrame]:
    """People, days, bouts and weeks of the core."""
    c = load_conventions()
    kept = method.kept(samples, c).collect().lazy()
    held = method.held(kept, c).collect().lazy()
    people = method.people(samples, kept, cases, c).collect()
    usable = method.usable(cases, people.lazy()).collect().lazy()
    days = method.days(held, step_rows, usable, c).collect()
    chains = method.chains(held, usable, c).collect().lazy()
    bouts = method.bouts(chains, step_rows, c).collect()
    spans = recorded_spans(days.lazy())
    weeks = method.weeks(days.lazy(), bouts.lazy(), usable, spans, c).collect()
    return {"people": people, "days": days, "bouts": bouts, "weeks": weeks}


def differences(core: pl.DataFrame, plain: list[dict[str, Any]]) -> list[str]:
    """Where the two results differ: counts and milliseconds exactly, ratios by more than 1e-6."""
    rows = core.to_dicts()
    found = [f"{len(rows)} rows against {len(plain)}"] if len(rows) != len(plain) else []
    for number, (ours, theirs) in enumerate(zip(rows, plain, strict=False)):
        found += [
            f"row {number} {name}: {ours[name]} against {value}"
            for name, value in theirs.items()
            if not _same(ours[name], value)
        ]
        unknown = set(ours) - set(theirs) - {"version"}
        found += [f"row {number}: {name} stands in the core only" for name in sorted(unknown)]
    return found


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and theirs is not None:
        return math.isclose(ours, float(theirs), rel_tol=0, abs_tol=1e-6)
    return ours == theirs


def bout_credit_ms(held: pl.LazyFrame, case: dict[str, Any]) -> int:
    """The credit in qualifying bouts of held time, for one case with figures."""
    chains = method.chains(held, frames([], [], [case])[2], load_conventions()).collect()
    return int(chains.filter("qualifies")["credit_ms"].sum())

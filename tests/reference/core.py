"""The core run on plain rows, and its results laid beside the plain implementation's."""

import math
from collections.abc import Iterable
from typing import Any

import polars as pl

from adherence import method
from adherence.components import no_log
from adherence.schema import LOG, OPTIONAL
from adherence.weeks import recorded_spans
from adherence.whole import whole
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
    """The rows as the core takes them; keys keep their type, optional columns stand where said."""
    key = pl.Int64 if cases and isinstance(cases[0]["person"], int) else pl.String
    case_key = pl.Int64 if cases and isinstance(cases[0]["case"], int) else pl.String
    types = CASE_TYPES | {
        name: dtype for name, (dtype, _) in OPTIONAL.items() if any(name in case for case in cases)
    }
    return (
        pl.LazyFrame(
            list(hr), schema={"person": key, "ts": pl.Int64, "hr": pl.Float64}, orient="row"
        ),
        pl.LazyFrame(
            list(steps), schema={"person": key, "ts": pl.Int64, "steps": pl.Float64}, orient="row"
        ),
        pl.LazyFrame(
            [{name: case.get(name) for name in ("case", "person", *types)} for case in cases],
            schema={"case": case_key, "person": key, **types},
        ),
    )


def log_frame(log: list[dict[str, Any]], cases: pl.LazyFrame) -> pl.LazyFrame:
    """The logged sessions as the core takes them."""
    key = cases.collect_schema()["case"]
    return pl.LazyFrame(log, schema={name: dtype or key for name, dtype in LOG.items()})


def score(
    samples: pl.LazyFrame,
    step_rows: pl.LazyFrame,
    cases: pl.LazyFrame,
    log: pl.LazyFrame | None = None,
) -> dict[str, pl.DataFrame]:
    """People, days, bouts and weeks of the core; with a log the weeks that it reaches too."""
    c = load_conventions()
    done = whole(samples.collect(), step_rows.collect(), cases.collect(), c)
    weeks = done.weeks if log is None else _weeks(done.days, done.bouts, done.usable, log)
    return {"people": done.people, "days": done.days, "bouts": done.bouts, "weeks": weeks}


def score_frozen(
    samples: pl.LazyFrame, step_rows: pl.LazyFrame, versions: pl.LazyFrame
) -> dict[str, pl.DataFrame]:
    """Days, bouts and weeks of versions that each have frozen figures of their own."""
    c = load_conventions()
    held = method.held(method.kept(samples, c).collect().lazy(), c).collect().lazy()
    days = method.days(held, step_rows, versions, c).collect()
    chains = method.chains(held, versions, c).collect().lazy()
    bouts = method.bouts(chains, step_rows, c).collect()
    weeks = _weeks(days, bouts, versions.collect(), no_log(versions.collect_schema()["case"]))
    return {"days": days, "bouts": bouts, "weeks": weeks}


def _weeks(
    days: pl.DataFrame, bouts: pl.DataFrame, cases: pl.DataFrame, log: pl.LazyFrame
) -> pl.DataFrame:
    spans = recorded_spans(days.lazy(), cases.lazy(), log)
    found = method.weeks(days.lazy(), bouts.lazy(), cases.lazy(), spans, load_conventions(), log)
    return found.collect()


def kept(hr: Iterable[tuple]) -> pl.DataFrame:
    """The samples that count (C2-C4)."""
    return method.kept(frames(hr, [], [])[0], load_conventions()).collect()


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

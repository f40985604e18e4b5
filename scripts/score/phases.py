"""Phases of a prescription in a cases file: read, checked, and laid out as versions by date.

In a CSV `adapt@1 zone_hi=50 session_min=20; progress@5 zone_lo=50`: a name, the week it begins in
(1 is the week of `start_day`) and what it changes. In Parquet a list of structs of the same names.
"""

import math
from typing import Any

import polars as pl

from adherence.prescription import in_phases
from adherence.schema import PRESCRIBED

PHASES = ("adapt", "progress", "reach", "hold")
LAST_WEEK = 520
"""Ten years: no phase begins later, as on the doctor's form."""
Phase = dict[str, Any]
PHASE_TYPE = pl.Struct({"phase": pl.String, "from_week": pl.Int64, **PRESCRIBED})


class NoPhaseError(ValueError):
    """The text or list says no phase."""


def phases_of(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return lists of phases, null where none are said, and where they cannot be read."""
    read: list[list[Phase] | None] = []
    faulty: list[bool] = []
    for said in column:
        try:
            read.append(_read(said) or None)
            faulty.append(False)
        except NoPhaseError:
            read.append(None)
            faulty.append(True)
    return (
        pl.Series("phases", read, dtype=pl.List(PHASE_TYPE)),
        pl.Series("phases", faulty, dtype=pl.Boolean),
    )


def _read(said: object) -> list[Phase]:
    if said is None:
        return []
    if isinstance(said, str):
        return [_from_text(part) for part in said.split(";") if part.strip()]
    if isinstance(said, pl.Series):
        return [_from_struct(part) for part in said]
    raise NoPhaseError


def _from_text(text: str) -> Phase:
    head, *changes = text.split()
    name, at, week = head.partition("@")
    said = dict(change.split("=", 1) for change in changes if "=" in change)
    if not at or len(said) != len(changes):
        raise NoPhaseError
    return _phase(name, week, said)


def _from_struct(part: object) -> Phase:
    if not isinstance(part, dict):
        raise NoPhaseError
    said = {name: value for name, value in part.items() if value is not None}
    return _phase(said.pop("phase", None), said.pop("from_week", None), said)


def _phase(name: object, week: object, said: dict[str, Any]) -> Phase:
    if str(name).strip().lower() not in PHASES or set(said) - set(PRESCRIBED):
        raise NoPhaseError
    try:
        from_week = int(str(week))
        numbers = {key: float(value) for key, value in said.items()}
    except (TypeError, ValueError) as error:
        raise NoPhaseError from error
    if not all(math.isfinite(value) and value > 0 for value in numbers.values()):
        raise NoPhaseError
    from_week = min(max(from_week, 0), LAST_WEEK + 1)  # what lies outside is `not_ascending`
    nothing = dict.fromkeys(PRESCRIBED)
    return {"phase": str(name).strip().lower(), "from_week": from_week, **nothing, **numbers}


def not_ascending(phases: pl.Series) -> pl.Series:
    """Find the rows whose phases do not begin in week 1 to 520, each after the one before."""
    weeks = phases.to_frame().select(
        week=pl.col(phases.name).list.eval(pl.element().struct.field("from_week"))
    )
    wrong = (
        (pl.col("week").list.min() < 1)
        | (pl.col("week").list.max() > LAST_WEEK)
        | (pl.col("week").list.diff(null_behavior="drop").list.min() < 1)
    )
    return weeks.select(wrong.fill_null(value=False)).to_series()


def versions_of(cases: pl.DataFrame) -> pl.DataFrame:
    """Return `cases` as versions by date, as the core knows them: in force from `start_day` on.

    `phases` and `start_day` are taken out. Without a start day a case is always in force.
    """
    if "start_day" not in cases.columns:
        return cases.drop("phases", strict=False)
    started = cases.with_columns(from_day=pl.col("start_day"), until_day=pl.lit(None, pl.Date))
    if "phases" not in cases.columns:
        return started.drop("start_day")
    phases = cases.select("case", "phases").drop_nulls().explode("phases").unnest("phases")
    expanded = in_phases(started.drop("phases").lazy(), phases.lazy())
    return expanded.drop("start_day").collect()

"""The whole method on one block of people, stage by stage: what a file or a benchmark asks for.

Blocks of people are independent, so a caller with many people goes through them block by block:
memory then follows the block, not the number of people. What several results rest on is computed
once. Two blocks may be computed at a time, in two threads.
"""

from typing import NamedTuple

import polars as pl

from adherence import method, stages
from adherence.rows import Runs
from adherence.schema import figured
from adherence.steps import counted_minutes
from adherence.weeks import recorded_spans
from config.conventions import Conventions


class Whole(NamedTuple):
    """Every result of one block, as `adherence.schema` names the columns; sorted by case, time."""

    people: pl.DataFrame
    """PEOPLE: every case, with figures or the reason why there are none."""
    usable: pl.DataFrame
    """The cases that have figures, with these as hr_max and rest_hr."""
    held: pl.DataFrame
    """HELD of all people of the block; the largest frame, drop it when it is no longer needed."""
    bpm_days: pl.DataFrame
    """How long each day held each heart rate (`adherence.bpm_days`)."""
    rest_days: pl.DataFrame
    """The resting heart rate of every day long enough for one (C7)."""
    days: pl.DataFrame
    chains: pl.DataFrame
    bouts: pl.DataFrame
    weeks: pl.DataFrame
    """WEEK, from the first to the last local day with held time; without a state."""


def whole(
    samples: pl.DataFrame,
    step_rows: pl.DataFrame,
    cases: pl.DataFrame,
    conventions: Conventions,
    log: pl.DataFrame | None = None,
) -> Whole:
    """Return all results (C1-C16) of the people that `cases` names.

    `samples`: SAMPLES, `step_rows`: STEP_ROWS (may be empty), `cases`: KEYS, ABOUT, PRESCRIBED and
    any of OPTIONAL, one row a version; `person` has one type in all three. `log` is LOG. All rows
    of a person must be in the block; rows of people without a case are left out. The order of rows
    changes nothing, but sorted by person and ts they need no sorting.
    """
    beats, steps = _of_people(samples, cases), _of_people(step_rows, cases)
    kept = stages.kept(beats, conventions)
    held = stages.held(kept, conventions)
    rest_days = stages.rest_days(kept, conventions)
    people = method.judged_people(
        stages.people(beats, kept, rest_days, method.figures_asked(cases.lazy()), conventions),
        cases.lazy(),
    ).collect()
    usable = method.usable(cases.lazy(), people.lazy()).collect()
    versions = figured(usable.lazy()).collect().lazy()
    bpm_days = stages.bpm_days(held, conventions)
    effort = stages.effort(held, versions, conventions)
    minutes = counted_minutes(steps)
    days, chains = pl.collect_all(
        [
            stages.days(bpm_days, held, effort, minutes, versions, conventions),
            stages.chains(effort, versions, conventions),
        ]
    )
    bouts = stages.bouts(chains, minutes, conventions)
    logged = None if log is None else log.lazy()
    weeks = method.weeks(
        days.lazy(),
        bouts.lazy(),
        usable.lazy(),
        recorded_spans(days.lazy(), usable.lazy(), logged),
        conventions,
        logged,
    ).collect()
    return Whole(people, usable, held, bpm_days, rest_days, days, chains, bouts, weeks)


def _of_people(rows: pl.DataFrame, cases: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the people in `cases`; the same frame where all of them are."""
    heads = Runs.of(rows["person"], is_sorted=False).heads
    if heads.is_in(cases["person"].unique().implode()).all():
        return rows
    return rows.filter(pl.col("person").is_in(cases["person"].unique().implode()))

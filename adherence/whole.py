"""The whole method on one block of people, stage by stage: what a file or a benchmark asks for.

The one place in the core that computes: every other module makes plans or works on columns. Blocks
of people are independent, so a caller with many people goes through them block by block; memory
then follows the block, not the number of people.
"""

from typing import NamedTuple

import polars as pl

from adherence import method
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
    days: pl.DataFrame
    chains: pl.DataFrame
    bouts: pl.DataFrame
    weeks: pl.DataFrame
    """WEEK, from the first to the last local day with held time; without a state."""


def whole(
    samples: pl.DataFrame, step_rows: pl.DataFrame, cases: pl.DataFrame, conventions: Conventions
) -> Whole:
    """Return all results (C1-C16) of the people that `cases` names.

    `samples`: SAMPLES, `step_rows`: STEP_ROWS (may be empty), `cases`: KEYS, ABOUT, PRESCRIBED and
    any of OPTIONAL; `person` has one type in all three. All rows of a person must be in the block.
    Rows of people without a case are allowed and cost little; the order of rows changes nothing,
    but sorted by person and ts they need no sorting.
    """
    ours = cases.lazy().select("person").unique()
    beats = samples.lazy().join(ours, on="person", how="semi", maintain_order="left")
    steps = step_rows.lazy().join(ours, on="person", how="semi", maintain_order="left")
    kept = method.kept(beats, conventions).collect().lazy()
    held = method.held(kept, conventions).collect()
    people = method.people(beats, kept, cases.lazy(), conventions).collect()
    usable = method.usable(cases.lazy(), people.lazy()).collect()
    days = method.days(held.lazy(), steps, usable.lazy(), conventions).collect()
    chains = method.chains(held.lazy(), usable.lazy(), conventions).collect()
    bouts = method.bouts(chains.lazy(), steps, conventions).collect()
    weeks = method.weeks(
        days.lazy(), bouts.lazy(), usable.lazy(), recorded_spans(days.lazy()), conventions
    ).collect()
    return Whole(people, usable, held, days, chains, bouts, weeks)

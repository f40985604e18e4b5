"""The side figures of scored weeks: beside adherence, never part of it."""

import polars as pl

from adherence import method
from adherence.whole import Whole
from config.conventions import Conventions
from config.side_figures import load_side_figures


def side_of(results: Whole, conventions: Conventions) -> pl.DataFrame:
    """Return a row of side figures for each week of `results`; see `adherence.side`."""
    side = load_side_figures()
    usable = results.usable.lazy()
    rows = method.side_weeks(
        results.days.lazy(),
        method.day_loads(results.bpm_days.lazy(), usable, side),
        results.rest_days.lazy(),
        results.weeks.lazy(),
        usable,
        conventions,
        side,
    )
    return rows.drop("version").collect()

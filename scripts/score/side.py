"""The side figures of scored weeks: beside adherence, never part of it."""

import polars as pl

from adherence import method
from adherence.whole import Whole
from config.conventions import Conventions
from config.side_figures import load_side_figures


def side_of(results: Whole, conventions: Conventions) -> pl.DataFrame:
    """Return a row of side figures for each week of `results`; see `adherence.side`."""
    kept = results.held.lazy().select("person", "bpm_sum", "bpm_n", ts="start_ms")
    rows = method.side_weeks(
        results.days.lazy(),
        results.bpm_days.lazy(),
        method.rest_days(kept, conventions),
        results.weeks.lazy(),
        results.usable.lazy(),
        conventions,
        load_side_figures(),
    )
    return rows.drop("version").collect()

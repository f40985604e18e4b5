"""The core over a recording that is all in memory."""

import polars as pl

from adherence.whole import Whole, whole
from config.conventions import Conventions
from scripts.score.phases import versions_of


def score(
    samples: pl.DataFrame,
    step_rows: pl.DataFrame,
    cases: pl.DataFrame,
    conventions: Conventions,
) -> Whole:
    """Return all results of a whole recording (C1-C16), with the core's names and integer ms.

    Figures that a case does not give are taken from the recording. Weeks go from the first to the
    last local day with held time.
    """
    return whole(samples, step_rows, versions_of(cases), conventions)

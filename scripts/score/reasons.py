"""Why a case has no figures, and what the person at the keyboard can do about it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from adherence.figures import MAX_NOT_ABOVE_REST, NO_AGE, NO_REST_DAY, NO_SAMPLES
from adherence.prescription import CEILING_NOT_ABOVE_ZONE
from config.language import _, later

CONTRADICTORY = (MAX_NOT_ABOVE_REST, CEILING_NOT_ABOVE_ZONE)
"""What the case says cannot be meant, though it shows only with figures from the recording or the
formula: the case is refused. The other reasons tell what is missing."""
NOBODY = later("nobody in the file of heart rate is this person: write person alike in both files")

_SENTENCES = {
    NO_SAMPLES: later("no usable heart rate of this person: write person alike in both files"),
    NO_AGE: later("give age or hr_max"),
    NO_REST_DAY: later("no day is recorded long enough to estimate from: give rest_hr"),
    MAX_NOT_ABOVE_REST: later(
        "the maximum is not above the resting heart rate: check age, hr_max and rest_hr"
    ),
    CEILING_NOT_ABOVE_ZONE: later(
        "the ceiling is not above the heart rate at which the zone begins: check ceiling_bpm"
    ),
}


def refused_late(
    without_figures: pl.DataFrame, unknown: pl.DataFrame, case_rows: pl.DataFrame
) -> pl.DataFrame:
    """Return case, person, row, reason of the cases that are refused once the figures are known.

    `without_figures`: case, person, reason; `unknown`: case, person, row, of people whom nobody
    recorded; `case_rows`: case, row.
    """
    sentences = {reason: _(_SENTENCES[reason]) for reason in CONTRADICTORY}
    contradictory = (
        without_figures.filter(pl.col("reason").is_in(CONTRADICTORY))
        .with_columns(pl.col("reason").replace(sentences))
        .join(case_rows, on="case")
    )
    nobody = unknown.with_columns(reason=pl.lit(_(NOBODY)))
    columns = ("case", "person", "row", "reason")
    return pl.concat(
        [contradictory.select(columns), nobody.select(columns)], how="vertical_relaxed"
    )


def in_words(reason: str) -> str:
    """Return the reason's code with a sentence that says what to do."""
    return f"{reason} ({_(_SENTENCES[reason])})"


def refusal(path: Path, case: Mapping[str, Any]) -> str:
    """Say a refused case with its place in the file; `case`: case, row, reason."""
    return _("%(path)s: case %(case)s (row %(row)d) was refused: %(reason)s") % {
        "path": path,
        **case,
        "case": "?" if case["case"] is None else case["case"],
    }


def without_weeks(path: Path, case: Mapping[str, Any]) -> str:
    """Say that a case has not one week, with its place in the file; `case`: case, row."""
    return _(
        "%(path)s: case %(case)s (row %(row)d) has no week: nothing was recorded on a day on which "
        "it is in force; check start_day and the days of the recording"
    ) % {"path": path, **case}

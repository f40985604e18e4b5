"""What a case may say beyond one zone (method, section 13): the columns, read cell by cell."""

from collections.abc import Callable
from functools import partial

import polars as pl

from adherence.clock import WEEK_DAYS
from adherence.schema import INTENSITY_KINDS
from adherence.states import MODES
from config.language import _, later
from scripts.score.pauses import pauses_of
from scripts.score.phases import phases_of
from scripts.score.table import numbers
from scripts.score.words import days, words, yes_or_no

Wrong = list[tuple[pl.Series, str]]
"""Where something is wrong, and what; one sentence for all rows."""
Reader = Callable[[pl.Series], tuple[pl.Series, pl.Series]]
"""Turns a column into its values and where it cannot be read."""

AMOUNTS = (
    "ceiling_bpm",
    "resistance_per_week",
    "resistance_min",
    "balance_per_week",
    "balance_min",
    "steps_per_day",
)

NOT_POSITIVE = later("%(column)s must be a number above 0")
NO_YES_OR_NO = later("%(column)s must be true, false or empty")
NO_MODE = later("mode must be worn, site or empty")
NO_KIND = later("intensity_kind must be hrr, hr_max, bpm, rpe or empty")
NO_PAUSE = later("pauses must read like 2026-05-01/2026-05-07, several separated by ;")
NO_START = later("start_day must be a day like 2026-05-04")
NO_PHASE = later("phases must read like adapt@1 zone_hi=50 session_min=20; progress@5 zone_lo=50")
NO_REST = later("rest_days must be a whole number of days from 0 to 6")


def amount(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the column as numbers, null where empty, and where it is no number above 0."""
    value, faulty = numbers(column)
    value = value.fill_nan(None)
    positive = value.is_finite() & (value > 0)
    return value, faulty | ~positive.fill_null(value=True)


def rest_days(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the column as whole numbers, null where empty, and where it is no day of a week."""
    value, faulty = numbers(column)
    value = value.fill_nan(None)
    whole = (value == value.floor()) & value.is_between(0, WEEK_DAYS - 1)
    return value.cast(pl.Int64, strict=False), faulty | ~whole.fill_null(value=True)


_READERS: dict[str, tuple[Reader, str]] = {
    "mode": (partial(words, allowed=MODES), NO_MODE),
    "site_observed": (yes_or_no, NO_YES_OR_NO),
    "day_adds_up": (yes_or_no, NO_YES_OR_NO),
    "pauses": (pauses_of, NO_PAUSE),
    "intensity_kind": (partial(words, allowed=INTENSITY_KINDS), NO_KIND),
    "start_day": (days, NO_START),
    "phases": (phases_of, NO_PHASE),
    "rest_days": (rest_days, NO_REST),
    **dict.fromkeys(AMOUNTS, (amount, NOT_POSITIVE)),
}
COMPONENT_COLUMNS = tuple(_READERS)


def read_components(frame: pl.DataFrame) -> tuple[dict[str, pl.Series], Wrong]:
    """Return the columns of section 13 that stand in the file, typed, and what is wrong in them."""
    columns: dict[str, pl.Series] = {}
    wrong: Wrong = []
    for name, (read, sentence) in _READERS.items():
        if name in frame.columns:
            columns[name], faulty = read(frame[name])
            said = _(sentence)
            wrong.append((faulty, said % {"column": name} if "%(" in said else said))
    return columns, wrong

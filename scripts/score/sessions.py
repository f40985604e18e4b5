"""The session log of `adhere score`: what no band measures, written down by somebody.

Columns: case, date (the local day), component (aerobic, resistance or balance); optional: minutes,
rpe (6 to 20), supervised_by.
"""

from pathlib import Path
from typing import NamedTuple

import polars as pl

from adherence.schema import LOG, LOGGED
from config.components import load_components
from config.language import later
from scripts.score.keys import key_of, number_if_written_so
from scripts.score.table import Table, numbers, read_table
from scripts.score.words import days, words

COLUMNS = ("case", "date", "component")
OPTIONAL = ("minutes", "rpe", "supervised_by")

NO_CASE, NO_DAY, NO_COMPONENT = "no_case", "no_day", "no_component"
NO_MINUTES, NO_RATING = "no_minutes", "no_rating"

SENTENCES = {
    NO_CASE: later("names no case of the cases file"),
    NO_DAY: later("is not a day like 2026-05-04, in a year that a recording may be of"),
    NO_COMPONENT: later("must be aerobic, resistance or balance"),
    NO_MINUTES: later("must be a number above 0 or empty"),
    NO_RATING: later("must be a rating from 6 to 20 or empty"),
}
"""Each rule of a row in words, to stand after the name of the column."""

RULES = {
    NO_CASE: "case",
    NO_DAY: "date",
    NO_COMPONENT: "component",
    NO_MINUTES: "minutes",
    NO_RATING: "rpe",
}
"""The rules of a row, each with the column it looks at."""


class Sessions(NamedTuple):
    """A session log, and what in it cannot be used."""

    table: Table
    """The file as it was read."""
    log: pl.DataFrame
    """LOG of the core: the rows that break no rule."""
    faulty: dict[str, pl.Series]
    """For each of RULES, where in the file it is broken."""


def read_sessions(path: Path, cases: pl.Series) -> Sessions:
    """Read a session log; raise Misconfigured where the file is none.

    `cases` holds the names of all cases, refused ones too: a row of another name is faulty.
    """
    return check_sessions(read_table(path, COLUMNS, OPTIONAL), cases)


def check_sessions(table: Table, cases: pl.Series) -> Sessions:
    """Return the rows that can be used, with the types of the core, and where the others are."""
    frame = table.frame
    scale = load_components()
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, len(frame))
    given = {name: frame[name] if name in frame.columns else nothing for name in OPTIONAL}
    case, _ = key_of(frame["case"])
    case = (number_if_written_so(case) if table.is_csv else case).cast(cases.dtype, strict=False)
    date, no_day = days(frame["date"])
    component, no_component = words(frame["component"], LOGGED)
    minutes, no_minutes = numbers(given["minutes"])
    rpe, no_rating = numbers(given["rpe"])
    minutes, rpe = minutes.fill_nan(None), rpe.fill_nan(None)
    long = minutes.is_finite() & (minutes > 0)
    rated = rpe.is_between(scale.rpe_lowest, scale.rpe_highest)
    faulty = {
        NO_CASE: ~case.is_in(cases.drop_nulls().implode()).fill_null(value=False),
        NO_DAY: no_day | date.is_null(),
        NO_COMPONENT: no_component | component.is_null(),
        NO_MINUTES: no_minutes | ~long.fill_null(value=True),
        NO_RATING: no_rating | ~rated.fill_null(value=True),
    }
    columns = {
        "case": case,
        "date": date,
        "component": component,
        "minutes": minutes,
        "rpe": rpe,
        "supervised_by": named(given["supervised_by"]),
    }
    rows = pl.DataFrame([columns[name].alias(name) for name in LOG])
    broken = pl.DataFrame([where.alias(rule) for rule, where in faulty.items()])
    usable = ~broken.select(pl.any_horizontal(pl.all())).to_series()
    if table.ragged is not None:
        usable &= ~table.ragged
        faulty = {rule: where & ~table.ragged for rule, where in faulty.items()}
    return Sessions(table, rows.filter(usable), faulty)


def named(column: pl.Series) -> pl.Series:
    """Return a column of names, null where nobody is named."""
    return column.cast(pl.String).str.strip_chars().replace("", None)

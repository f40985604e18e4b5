"""The prescriptions of a file, checked case by case: a refused case does not stop the others."""

import polars as pl

from config.language import _, later
from scripts.score.components import (
    COMPONENT_COLUMNS,
    NO_YES_OR_NO,
    NOT_POSITIVE,
    Wrong,
    read_components,
)
from scripts.score.contradictions import contradictions
from scripts.score.keys import key_of, number_if_written_so
from scripts.score.table import TOO_LONG, Table, numbers
from scripts.score.words import words, yes_or_no

COLUMNS = (
    "case",
    "person",
    "age",
    "sex",
    "beta_blocker",
    "rest_hr",
    "hr_max",
    "zone_lo",
    "zone_hi",
    "session_min",
    "sessions_per_week",
    "weekly_min",
)
"""All must stand in the file, empty or not: a misspelt heading must not turn a beta-blocker off."""

SECTION_13 = COMPONENT_COLUMNS
"""With any of these in the file the weeks get a state, a reason and their components."""

PRESCRIBED = ("zone_lo", "zone_hi", "session_min", "sessions_per_week", "weekly_min")
MEASURED = ("age", "rest_hr", "hr_max")
TARGETS = ("resistance_per_week", "balance_per_week", "steps_per_day")
"""One of these, or the five of PRESCRIBED."""
LEAST_AGE, HIGHEST_AGE = 1, 120

NAMELESS = later("has no name: give case and person")
TWICE = later("stands more than once: give each case its own name")
NO_NUMBER = later("%(column)s is not a number: correct it or leave it empty")
NO_SEX = later("sex must be M, F or empty")
NO_AGE = later("age must be from %(least)d to %(highest)d years or empty")


def check_cases(table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the usable cases, typed, and the refused ones: case, person, place, reason.

    A reason names columns, never a value.
    """
    frame = table.frame
    wrong: Wrong = [] if table.ragged is None else [(table.ragged, _(TOO_LONG))]
    columns: dict[str, pl.Series] = {}
    for name in ("case", "person"):
        key, nameless = key_of(frame[name])
        columns[name] = number_if_written_so(key) if table.is_csv else key
        wrong.append((nameless, _(NAMELESS)))
    repeated = columns["case"].is_duplicated() & columns["case"].is_not_null()
    wrong.append((repeated, _(TWICE)))
    components, faulty_components = read_components(frame)
    faulty_numbers = {}
    for name in (*MEASURED, *PRESCRIBED):
        value, faulty_numbers[name] = numbers(frame[name])
        columns[name] = value.fill_nan(None)
        wrong.append((faulty_numbers[name], _(NO_NUMBER) % {"column": name}))
    no_aerobic = pl.Series([True]).new_from_index(0, len(frame))
    for name in PRESCRIBED:
        no_aerobic &= columns[name].is_null() & ~faulty_numbers[name]
    has_other = no_aerobic & False
    for name in TARGETS:
        if name in components:
            has_other |= components[name].is_not_null()
    for name in ("rest_hr", "hr_max", *PRESCRIBED):
        positive = (columns[name].is_finite() & (columns[name] > 0)).fill_null(value=False)
        missing = columns[name].is_null()
        may_be = missing if name in MEASURED else faulty_numbers[name] | (no_aerobic & has_other)
        wrong.append((~positive & ~may_be, _(NOT_POSITIVE) % {"column": name}))
    years = columns["age"].floor()  # a fraction is cut off (C6)
    too_young_or_old = (years < LEAST_AGE) | (years > HIGHEST_AGE)
    ages = {"least": LEAST_AGE, "highest": HIGHEST_AGE}
    wrong.append((too_young_or_old.fill_null(value=False), _(NO_AGE) % ages))
    columns["beta_blocker"], faulty = yes_or_no(frame["beta_blocker"])
    wrong.append((faulty, _(NO_YES_OR_NO) % {"column": "beta_blocker"}))
    columns["sex"], faulty = words(frame["sex"], ("m", "f"))
    columns["sex"] = columns["sex"].str.to_uppercase()
    wrong.append((faulty, _(NO_SEX)))
    columns |= components
    wrong += faulty_components + contradictions(columns, no_aerobic)
    checked = pl.DataFrame([column.alias(name) for name, column in columns.items()])
    reasons = _reasons(table, wrong)
    refused = checked.select("case", "person").hstack(reasons)
    good = reasons["reason"].is_null()
    return checked.filter(good).sort("case"), refused.filter(~good)


def _reasons(table: Table, wrong: list[tuple[pl.Series, str]]) -> pl.DataFrame:
    """Put all sentences about one row together, null where there is none."""
    first = 2 if table.is_csv else 1
    rows = len(table.frame)
    said = [
        "; ".join(dict.fromkeys(sentence for faulty, sentence in wrong if faulty[row])) or None
        for row in range(rows)
    ]
    return pl.DataFrame(
        {"row": range(first, first + rows), "reason": said},
        schema={"row": pl.Int64, "reason": pl.String},
    )

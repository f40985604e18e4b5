"""The prescriptions of a file, checked case by case: a refused case does not stop the others."""

from datetime import date

import polars as pl

from adherence.states import MODES
from config.language import _, later
from scripts.score.keys import key_of, number_if_written_so
from scripts.score.table import Table, numbers

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

SECTION_13 = ("mode", "site_observed", "day_adds_up", "pauses", "intensity_kind", "phases")
"""With any of these in the file the weeks get a state and a reason."""

PRESCRIBED = ("zone_lo", "zone_hi", "session_min", "sessions_per_week", "weekly_min")
MEASURED = ("age", "rest_hr", "hr_max")

TRUE_WORDS = ("true", "1", "yes", "y")
FALSE_WORDS = ("false", "0", "no", "n")

NAMELESS = later("has no name: give case and person")
TWICE = later("stands more than once: give each case its own name")
NOT_POSITIVE = later("%(column)s must be a number above 0")
NO_NUMBER = later("%(column)s is not a number: correct it or leave it empty")
NO_YES_OR_NO = later("%(column)s must be true, false or empty")
NO_SEX = later("sex must be M, F or empty")
UPSIDE_DOWN = later("zone_hi must be above zone_lo")
NO_MODE = later("mode must be worn, site or empty")
NO_PAUSE = later("pauses must read like 2026-05-01/2026-05-07, several separated by ;")
NOT_SUPPORTED = later("%(column)s is not supported yet: only one zone in %% of heart-rate reserve")


def check_cases(table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the usable cases, typed, and the refused ones: case, person, place, reason.

    A reason names columns, never a value.
    """
    frame = table.frame
    wrong: list[tuple[pl.Series, str]] = []
    columns: dict[str, pl.Series] = {}
    for name in ("case", "person"):
        key, nameless = key_of(frame[name])
        columns[name] = number_if_written_so(key) if table.is_csv else key
        wrong.append((nameless, _(NAMELESS)))
    repeated = columns["case"].is_duplicated() & columns["case"].is_not_null()
    wrong.append((repeated, _(TWICE)))
    for name in (*MEASURED, *PRESCRIBED):
        value, faulty = numbers(frame[name])
        value = value.fill_nan(None)
        columns[name] = value
        wrong.append((faulty, _(NO_NUMBER) % {"column": name}))
        positive = value.is_finite() & (value > 0)
        if name in PRESCRIBED:
            wrong.append(
                (~positive.fill_null(value=False) & ~faulty, _(NOT_POSITIVE) % {"column": name})
            )
        else:
            wrong.append((~positive.fill_null(value=True), _(NOT_POSITIVE) % {"column": name}))
    upside_down = (columns["zone_hi"] <= columns["zone_lo"]).fill_null(value=False)
    wrong.append((upside_down, _(UPSIDE_DOWN)))
    columns["beta_blocker"], faulty = yes_or_no(frame["beta_blocker"])
    wrong.append((faulty, _(NO_YES_OR_NO) % {"column": "beta_blocker"}))
    columns["sex"], faulty = words(frame["sex"], ("m", "f"))
    columns["sex"] = columns["sex"].str.to_uppercase()
    wrong.append((faulty, _(NO_SEX)))
    wrong += _section_13(frame, columns)
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


def _section_13(frame: pl.DataFrame, columns: dict[str, pl.Series]) -> list[tuple[pl.Series, str]]:
    wrong = []
    if "mode" in frame.columns:
        columns["mode"], faulty = words(frame["mode"], MODES)
        wrong.append((faulty, _(NO_MODE)))
    for name in ("site_observed", "day_adds_up"):
        if name in frame.columns:
            columns[name], faulty = yes_or_no(frame[name])
            wrong.append((faulty, _(NO_YES_OR_NO) % {"column": name}))
    if "pauses" in frame.columns:
        columns["pauses"], faulty = pauses_of(frame["pauses"])
        wrong.append((faulty, _(NO_PAUSE)))
    if "intensity_kind" in frame.columns:
        _kind, other = words(frame["intensity_kind"], ("hrr",))
        wrong.append((other, _(NOT_SUPPORTED) % {"column": "intensity_kind"}))
    if "phases" in frame.columns:
        _none, given = words(frame["phases"], ())
        wrong.append((given, _(NOT_SUPPORTED) % {"column": "phases"}))
    return wrong


def words(column: pl.Series, allowed: tuple[str, ...]) -> tuple[pl.Series, pl.Series]:
    """Return the column in small letters, null where empty, and where it is another word."""
    text = column.cast(pl.String).str.strip_chars().str.to_lowercase().replace("", None)
    faulty = text.is_not_null() & ~text.is_in(allowed).fill_null(value=False)
    return text, faulty


def yes_or_no(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return the column as Boolean, null where empty, and where it says neither yes nor no."""
    if column.dtype == pl.Boolean:
        return column, column.is_null() & False
    if column.dtype.is_float():
        column = column.fill_nan(None).cast(pl.Int64, strict=False)
    text, faulty = words(column, (*TRUE_WORDS, *FALSE_WORDS))
    return text.replace_strict(
        {word: word in TRUE_WORDS for word in (*TRUE_WORDS, *FALSE_WORDS)},
        default=None,
        return_dtype=pl.Boolean,
    ), faulty


def pauses_of(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return lists of (first day, last day), and where the text cannot be read as such."""
    pauses: list[list[dict[str, date]]] = []
    faulty = []
    for text in column.cast(pl.String).fill_null(""):
        spans = [_span(part) for part in text.split(";") if part.strip()]
        faulty.append(None in spans)
        pauses.append([span for span in spans if span is not None])
    span_type = pl.Struct({"first_day": pl.Date, "last_day": pl.Date})
    return (
        pl.Series("pauses", pauses, dtype=pl.List(span_type)),
        pl.Series("pauses", faulty, dtype=pl.Boolean),
    )


def _span(text: str) -> dict[str, date] | None:
    try:
        first, last = (date.fromisoformat(day.strip()) for day in text.split("/"))
    except ValueError:
        return None
    return {"first_day": first, "last_day": last} if first <= last else None

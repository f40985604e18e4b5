"""Pauses in a cases file: days that are excused, both ends included.

In a CSV `2026-05-01/2026-05-07; 2026-06-01/2026-06-01`; in Parquet the same, or a list of structs
of `first_day` and `last_day`.
"""

from datetime import date

import polars as pl

from scripts.score.words import day_bounds, local_day

Span = dict[str, date]
SPAN_TYPE = pl.Struct({"first_day": pl.Date, "last_day": pl.Date})


class NoPauseError(ValueError):
    """The cell says no pause."""


def pauses_of(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return lists of (first day, last day), and where the column cannot be read as such."""
    read: list[list[Span]] = []
    faulty: list[bool] = []
    for said in column:
        try:
            read.append(_read(said))
            faulty.append(False)
        except NoPauseError:
            read.append([])
            faulty.append(True)
    return (
        pl.Series("pauses", read, dtype=pl.List(SPAN_TYPE)),
        pl.Series("pauses", faulty, dtype=pl.Boolean),
    )


def _read(said: object) -> list[Span]:
    if said is None:
        return []
    if isinstance(said, str):
        return [_span(*part.split("/")) for part in said.split(";") if part.strip()]
    if isinstance(said, pl.Series):
        return [_of_struct(part) for part in said]
    raise NoPauseError


def _of_struct(part: object) -> Span:
    if not isinstance(part, dict) or set(part) != {"first_day", "last_day"}:
        raise NoPauseError
    return _span(part["first_day"], part["last_day"])


def _span(*bounds: object) -> Span:
    days = [_day(bound) for bound in bounds]
    if len(days) != len(SPAN_TYPE.fields) or days[0] > days[-1]:
        raise NoPauseError
    return {"first_day": days[0], "last_day": days[-1]}


def _day(said: object) -> date:
    try:
        day = local_day(said) if isinstance(said, date) else date.fromisoformat(str(said).strip())
    except (ValueError, OverflowError) as error:
        raise NoPauseError from error
    first, last = day_bounds()
    if not first <= day <= last:
        raise NoPauseError
    return day

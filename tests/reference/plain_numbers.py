"""Numbers and calendar of the plain method: exact fractions, and days and weeks at UTC+8."""

from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from math import isnan
from typing import Any

SECOND = 1000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
UTC_PLUS_8 = 8 * 60 * MINUTE

Row = dict[str, Any]
Number = int | Fraction


@cache
def exact(value: float | Fraction) -> Number:
    """The number as it is written (60.1 is 601 tenths), a whole number where it is one."""
    fraction = Fraction(repr(value) if isinstance(value, float) else value)
    return fraction.numerator if fraction.denominator == 1 else fraction


def given(row: Row, name: str) -> Number | None:
    """What a row says, or None where the column is missing, empty or NaN."""
    value = row.get(name)
    return None if value is None or isnan(value) else exact(value)


def middle(ordered: list[Number]) -> Number:
    """The median of a sorted list; of an even count the mean of the two middle values."""
    half, odd = divmod(len(ordered), 2)
    if odd:
        return ordered[half]
    return Fraction(ordered[half - 1] + ordered[half]) / 2


def is_a_time(at: int) -> bool:
    """Whether the calendar has it, a week from either end of it."""
    epoch, week = date(1970, 1, 1), timedelta(days=7)
    first, behind = date.min + week, date.max - week + timedelta(days=1)
    return (first - epoch).days * DAY <= at < (behind - epoch).days * DAY


def local_day(at: int) -> date:
    """C1: the local day of a time."""
    return date(1970, 1, 1) + timedelta(days=(at + UTC_PLUS_8) // DAY)


def monday_of(day: date) -> date:
    """C1: the Monday of the week a day lies in."""
    return day - timedelta(days=day.weekday())

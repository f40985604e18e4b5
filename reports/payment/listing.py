"""Stored lines, for pages and reports: by pseudonym, with the weeks they rest on."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from reports.payment.content import ITEMS, Line, WeekBehind
from reports.payment.inputs import month_of
from storage.database import Connection, border
from storage.queries import query


class Period(NamedTuple):
    """A settlement period and what it comes to so far."""

    month: date
    state: str
    """`open` or `closed`."""
    lines: int
    payable: Decimal


class Source(NamedTuple):
    """Names of the queries that lines come by."""

    months: str
    lines: str
    weeks: str


STORED = Source("payment_months", "payment_lines", "payment_line_weeks")
"""Every line: for reports."""
SHOWN = Source("shown_payment_months", "shown_payment_lines", "shown_payment_line_weeks")
"""For a page: what its reader may see, as a payer or an auditor of an organisation."""


def periods(conn: Connection, source: Source = STORED) -> list[Period]:
    """Return every month that was evaluated, oldest first."""
    with border():
        return [Period(*row) for row in conn.execute(query(source.months)).fetchall()]


def lines(
    conn: Connection, month: date, *, scheme_key: str | None = None, source: Source = STORED
) -> list[Line]:
    """Return the stored lines of the month a day lies in, by scheme, pseudonym and item.

    Each has its weeks as `behind`. A person is named by pseudonym alone.
    """
    asked = {"month": month_of(month), "key": scheme_key}
    with border():
        weeks = conn.execute(query(source.weeks), asked).fetchall()
        rows = conn.execute(query(source.lines), asked).fetchall()
    behind: dict[tuple[str, int], list[WeekBehind]] = defaultdict(list)
    for key, patient_id, *week in weeks:
        behind[key, patient_id].append(WeekBehind(*week))
    found = [_line(row, behind) for row in rows]
    return sorted(
        found,
        key=lambda line: (
            line.scheme_key,
            line.scheme_version,
            line.pseudonym,
            ITEMS.index(line.item),
        ),
    )


def _line(row: tuple[object, ...], behind: dict[tuple[str, int], list[WeekBehind]]) -> Line:
    line = Line(*row)  # type: ignore[arg-type]  # the columns of the query, in the order of the fields
    weeks = sorted(
        behind[line.scheme_key, line.patient_id], key=lambda week: (week.week, week.enrolment_id)
    )
    return Line(
        **vars(line)
        | {
            "shares": {role: Decimal(yuan) for role, yuan in line.shares.items()},
            "reasons": tuple(line.reasons),
            "behind": tuple(weeks),
        }
    )

"""The payable lines a night's workbook shows: those of the months that lie whole in its period."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from config.schemes import Scheme
from reports.payment.inputs import computed, mondays_of, month_after, month_of
from reports.payment.listing import lines, periods
from reports.workbook.content import Payment
from storage.database import Connection


def payment_of(
    conn: Connection, schemes: Sequence[Scheme], first_week: date, night: date, counted_to: date
) -> Payment | None:
    """Return the lines as of the night, None without a scheme.

    Stored lines are as of `counted_to`. For an earlier night the month it lies in is evaluated
    again over the weeks that were over by then, so a night computed twice says the same.
    """
    if not schemes:
        return None
    found = [
        line
        for month in _months(first_week, night)
        for scheme in schemes
        if scheme.covers(month)
        for line in (
            lines(conn, month, scheme_key=scheme.key)
            if counted_to <= night or _last_sunday(month) <= night
            else computed(conn, scheme, month, night)
        )
    ]
    states = {period.month: period.state for period in periods(conn)}
    shown = sorted({line.month for line in found})
    return Payment(
        tuple(schemes), tuple(found), {month: states.get(month, "open") for month in shown}
    )


def _last_sunday(month: date) -> date:
    return mondays_of(month)[1] + timedelta(days=6)


def _months(first_week: date, night: date) -> Iterator[date]:
    """Yield the months whose first week is in the period and has begun."""
    month = month_of(first_week)
    while mondays_of(month)[0] <= night:
        if mondays_of(month)[0] >= first_week:
            yield month
        month = month_after(month)

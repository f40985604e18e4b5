"""What the database holds at the end: alerts by the doctors' own work lists, and the weeks."""

from collections.abc import Iterator

import polars as pl

from alerts.listing import ListedAlert, work_list
from devices.virtual.cast import DOCTORS
from scripts.show.result import WeekAlert
from storage import results
from storage.accounts import open_account
from storage.database import Connection

RED, WEEK = "hr_ceiling", "week_low"


def listed(conn: Connection, rule: str) -> Iterator[ListedAlert]:
    """Yield every alert of a rule that is not closed, doctor by doctor."""
    for doctor in DOCTORS:
        for alert in work_list(conn, open_account(conn, doctor.code).staff_id):
            if alert.rule == rule:
                yield alert


def about_weeks(conn: Connection) -> tuple[WeekAlert, ...]:
    """Return the alerts about weeks, by patient."""
    return tuple(
        WeekAlert(
            patient=alert.pseudonym,
            rule=alert.rule,
            tier=alert.tier,
            week=alert.week,
            weeks=alert.occurrences,
        )
        for alert in sorted(listed(conn, WEEK), key=lambda alert: alert.pseudonym)
    )


def judged_weeks(conn: Connection) -> pl.DataFrame:
    """Return the stored weeks in the words of the core: `case`, `person`, `week`, `state`, ..."""
    return results.weeks(conn).rename({"case_label": "case", "pseudonym": "person"})

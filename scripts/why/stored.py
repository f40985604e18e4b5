"""A week out of the database: read, and written into the audit trail, for one person to see."""

import getpass
from datetime import date

import polars as pl

from adherence.clock import MINUTE_MS
from config.errors import Misconfigured
from config.language import _
from reports.why import Why, minutes_of_week
from scripts.why.account import Account
from storage import audit
from storage.database import Connection, border
from storage.queries import query

ACTOR = "terminal"
TARGETS = ("session_min", "sessions_per_week", "weekly_min")
_NAMES = frozenset(
    {
        *TARGETS,
        *("enrolment_id", "patient_id", "pseudonym", "case_label", "week", "counted_to"),
        *("method_version", "input_sha256"),
    }
)
"""What a stored week says beside its figures."""


def stored_week(conn: Connection, case: str, week: date) -> Account:
    """Return the account of a stored week; raise Misconfigured where there is none.

    The reading stands in the audit trail before anything is shown, a refused one as well.
    """
    with border():
        found = conn.execute(query("find_enrolment"), {"case_label": case}).fetchone()
    why = None if found is None else minutes_of_week(conn, found[0], week)
    detail = {"week": week.isoformat(), "user": _user(), "by": "adhere why"}
    if why is None:
        subject = "case" if found is None else found[1]
        audit.note(conn, actor=ACTOR, action="refused", subject=subject, detail=detail)
        raise Misconfigured(
            _(
                "there is no stored week %(week)s of a case %(case)s: a week is stored in the "
                "first night after it has begun; give a case as it stands in the workbook"
            )
            % {"week": week, "case": case}
        )
    audit.note(conn, actor=ACTOR, action="read_week", subject=why.week.pseudonym, detail=detail)
    return account_of(why)


def account_of(why: Why) -> Account:
    """Return what reports say of a week as the command tells it."""
    week = why.week
    return Account(
        case=week.case_label,
        person=week.pseudonym,
        week=week.week,
        counted_to=week.counted_to,
        targets={name: getattr(week, name) for name in TARGETS},
        figures={name: value for name, value in vars(week).items() if name not in _NAMES},
        method_version=week.method_version,
        input_sha256=week.input_sha256.hex(),
        sessions=why.sessions,
        short_efforts=why.short_efforts,
        minutes=why.minutes.with_columns(minute=pl.col("at").dt.epoch("ms") // MINUTE_MS),
        differing=tuple(day.date for day in why.days if not day.agrees),
        batches=why.batches,
    )


def _user() -> str | None:
    """Return who sits at the terminal, as the machine knows it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None

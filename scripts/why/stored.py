"""A week out of the database: read, and written into the audit trail, for one person to see."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from adherence.clock import MINUTE_MS
from adherence.components import AEROBIC
from config.errors import Misconfigured
from config.language import _
from reports.nightly.rounds import versions_of
from reports.why import Why, minutes_of_week
from reports.why.content import LoggedSession
from reports.why.words import COUNTS, TOO_SHORT, VERDICTS
from scripts.why.account import TARGETS, WEEK_DAYS, Account, Logged, days_without_limits
from storage import audit
from storage.bands import ClaimedBand, claims
from storage.database import Connection, border
from storage.queries import query

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    detail = {"week": week.isoformat(), "by": "adhere why"}
    if why is None:
        subject = "case" if found is None else found[1]
        audit.note_command(conn, action="refused", subject=subject, detail=detail)
        raise Misconfigured(
            _(
                "there is no stored week %(week)s of a case %(case)s: a week is stored in the "
                "first night after it has begun; give a case as it stands in the workbook"
            )
            % {"week": week, "case": case}
        )
    audit.note_command(conn, action="read_week", subject=why.week.pseudonym, detail=detail)
    versions = versions_of(conn, [why.week.patient_id]).filter(enrolment_id=why.week.enrolment_id)
    begins = EPOCH + timedelta(minutes=min(_minute_of(why).to_list()))
    claimed = claims(
        conn,
        since=begins,
        until=begins + timedelta(days=WEEK_DAYS),
        patient_id=why.week.patient_id,
    )
    versions = versions.rename({"enrolment_id": "case", "patient_id": "person"})
    return account_of(why, versions, tuple(reversed(claimed)))


def account_of(why: Why, versions: pl.DataFrame, claimed: tuple[ClaimedBand, ...] = ()) -> Account:
    """Return what reports say of a week as the command tells it; `versions` are the enrolment's."""
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
        minutes=why.minutes.with_columns(minute=_minute_of(why)),
        logged=tuple(_logged(one) for one in why.logged),
        limitless=days_without_limits(versions, week.week),
        differing=tuple(day.date for day in why.days if not day.agrees),
        batches=why.batches,
        claims=claimed,
        steps=why.steps,
        step_sums=(why.counted_steps, why.stored_steps),
    )


def _minute_of(why: Why) -> pl.Series:
    """Return the minutes since 1970 that the rows are of."""
    return why.minutes["at"].dt.epoch("ms") // MINUTE_MS


def _logged(entry: LoggedSession) -> Logged:
    """Return an entry of the log; an aerobic one that is too short still adds its minutes."""
    rated = entry.component == AEROBIC and entry.verdict in (COUNTS, TOO_SHORT)
    return Logged(
        entry.date,
        entry.component,
        entry.minutes,
        entry.rpe,
        credit_ms=round((entry.minutes or 0) * MINUTE_MS) if rated else 0,
        complete=entry.verdict == COUNTS,
        verdict=VERDICTS[entry.verdict],
    )

"""Weeks far below the prescription: to the work list, never to a telephone.

A finished week that was not met, below the rule's share, opens an alert or adds to the patient's
open one; it does so once, however often weeks are judged. A week that cannot be judged says nothing
against anybody. When a later week is well again, or late data takes every week of an alert out of
the condition, it closes itself: whoever has found the way back needs no call.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import structlog

from alerts.lifecycle import add_event
from config.alert_rules import AlertRules
from config.conventions import load_conventions
from storage.database import Connection, border
from storage.queries import query

log = structlog.get_logger()


@dataclass(slots=True)
class Judged:
    """What one look at the weeks changed."""

    opened: int = 0
    added: int = 0
    """Weeks that joined an alert."""
    closed: int = 0
    """Alerts that closed themselves."""


def judge_weeks(conn: Connection, rules: AlertRules, today: date) -> Judged:
    """Bring the alerts of weeks up to date with the stored weeks; doing it again changes nothing.

    `today` is the local day that has begun; a week is finished when its Sunday is before it. One
    transaction; two at once wait for each other.
    """
    rule = rules.week_low
    offset = timedelta(minutes=load_conventions().utc_offset_min)
    base: dict[str, object] = {
        "rule": rule.id,
        "rule_version": rule.version,
        "tier": rule.tier,
        "direction": rule.direction,
        "below_pct": rule.below_pct,
        "today": today,
        "since": today - timedelta(days=rule.look_back_days),
        "offset": offset,
    }
    judged = Judged()
    with border(), conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('adhere.weekly', 0))")
        for patient_id, week, is_low, alert_id in conn.execute(query("low_weeks"), base).fetchall():
            begins_at = datetime.combine(week, time(), UTC) - offset
            given = base | {
                "patient_id": patient_id,
                "week": week,
                "is_low": is_low,
                "alert_id": alert_id,
                "begins_at": begins_at,
                "ends_at": begins_at + timedelta(days=7),
            }
            if is_low:
                _add(conn, given, judged)
            else:
                _take_out(conn, given, judged)
    if judged != Judged():
        log.info("weeks_judged", opened=judged.opened, added=judged.added, closed=judged.closed)
    return judged


def _add(conn: Connection, given: dict[str, object], judged: Judged) -> None:
    """Put a low week into its alert of before, the patient's open one, or a new one."""
    row = conn.execute(query("lock_unclosed_alert"), given).fetchone()
    is_known = given["alert_id"] is not None
    alert_id = row[0] if row else _closed_itself(conn, given) if is_known else None
    if alert_id is None and is_known:
        # A person has closed it, knowing this week: it may be low again, it is not raised again.
        conn.execute(query("set_week_truth"), given)
        return
    week = str(given["week"])
    if alert_id is None:
        opened = conn.execute(query("open_week_alert"), given).fetchone()
        alert_id = opened[0] if opened else None
        add_event(conn, int(str(alert_id)), "raised", week=week)
        judged.opened += 1
    else:
        add_event(conn, int(str(alert_id)), "repeated", week=week)
        if conn.execute(query("reopen_alert"), {"alert_id": alert_id}).fetchone():
            add_event(conn, int(str(alert_id)), "reopened", week=week)
    judged.added += 1
    conn.execute(query("put_alert_week"), given | {"alert_id": alert_id})
    conn.execute(query("sum_up_weeks"), given | {"alert_id": alert_id})


def _closed_itself(conn: Connection, given: dict[str, object]) -> object | None:
    """Return the alert this week was in, if late data and no person had closed it."""
    row = conn.execute(query("is_closed_itself"), given).fetchone()
    return given["alert_id"] if row and row[0] else None


def _take_out(conn: Connection, given: dict[str, object], judged: Judged) -> None:
    """Take a week that is no longer low out of its alert; without any the alert closes itself."""
    conn.execute(query("set_week_truth"), given)
    alert_id = int(str(given["alert_id"]))
    row = conn.execute(query("has_low_week"), given).fetchone()
    if row and row[0]:
        conn.execute(query("sum_up_weeks"), given)
        return
    if conn.execute(query("close_itself"), given).fetchone():
        add_event(conn, alert_id, "closed_itself")
        judged.closed += 1

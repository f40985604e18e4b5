"""The first page of whoever looks after patients: what needs a person now, red first."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Response
from markupsafe import Markup

from alerts.listing import ListedAlert, last_beat, work_list
from config.alert_rules import ADVICE, TITLES
from portal.readings import Span, samples_of, utc_ms
from portal.records import Overview, overviews
from portal.small_curves import bars, spark
from portal.visit import Anybody, Visit, see_other
from storage.accounts import CARE_ROLES
from storage.database import border
from storage.queries import query
from storage.web_sessions import note_listed

router = APIRouter()

REFRESH_S = 2
"""A red alert is to be seen within seconds, without any script."""
ROWS_SHOWN = 200
CURVES_SHOWN = 30
BEFORE, BEHIND, LONGEST = timedelta(minutes=6), timedelta(minutes=2), timedelta(minutes=20)
WEEKS_IN_BARS = 8
WATCH_IS_LATE = timedelta(seconds=30)
FIRST_PAGES = {
    "administrator": "/staff",
    "payer": "/payment",
    "auditor": "/audit",
    "operator": "/operations",
}


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    alert: ListedAlert
    patient: Overview | None
    curve: Markup | None


@router.get("/")
def first_page(visit: Anybody) -> Response:
    """Show the work list, or send whoever has none to their own first page."""
    if visit.person.role not in CARE_ROLES:
        return see_other(FIRST_PAGES.get(visit.person.role, "/password"))
    listed = work_list(visit.conn, visit.person.staff_id)
    shown = listed[:ROWS_SHOWN]
    rows = _rows(visit, shown)
    if note_listed(visit.conn, visit.token, [alert.pseudonym for alert in shown]) and shown:
        visit.note("read_list", "work list", patients=sorted({alert.pseudonym for alert in shown}))
    beat = last_beat(visit.conn)
    return visit.page(
        "work_list.html",
        rows=rows,
        more=len(listed) - len(shown),
        counts={tier: _count(listed, tier) for tier in ("red", "yellow", "blue")},
        facts=visit.portal.facts.of(visit.conn, visit.person.staff_id, visit.reader),
        watch_is_late=beat is None or beat.age > WATCH_IS_LATE,
        watch_at=None if beat is None else beat.at,
        refresh_s=None if "paused" in visit.request.query_params else REFRESH_S,
        now=datetime.now(UTC),
        titles=TITLES,
        advice=ADVICE,
    )


def _count(listed: list[ListedAlert], tier: str) -> int:
    return sum(alert.tier == tier and alert.state == "open" for alert in listed)


def _rows(visit: Visit, shown: list[ListedAlert]) -> list[Row]:
    reader = visit.reader
    ids = {alert.patient_id for alert in shown}
    known: dict[int, Overview] = {
        one.id: one
        for one in overviews(visit.conn, visit.person.staff_id, reader.today(), sorted(ids))
    }
    curves = _pulse_curves(visit, shown) | _week_curves(visit, shown)
    return [Row(alert, known.get(alert.patient_id), curves.get(alert.id)) for alert in shown]


def _pulse_curves(visit: Visit, shown: list[ListedAlert]) -> dict[int, Markup]:
    """Return the minutes around each alert of heart rate."""
    about = [alert for alert in shown if alert.ceiling_bpm is not None][:CURVES_SHOWN]
    if not about:
        return {}
    spans = [
        Span(
            alert.patient_id,
            utc_ms(max(alert.raised_at, alert.last_at - LONGEST) - BEFORE),
            utc_ms(alert.last_at + BEHIND),
        )
        for alert in about
    ]
    words = visit.reader.gettext("Heart rate around the alert")
    read = samples_of(visit.conn, spans, "list")
    return {
        alert.id: spark(samples, span.from_ms, span.to_ms, alert.ceiling_bpm, words)
        for alert, span, samples in zip(about, spans, read, strict=True)
    }


def _week_curves(visit: Visit, shown: list[ListedAlert]) -> dict[int, Markup]:
    """Return the last weeks of each patient with an alert about weeks."""
    about = [alert for alert in shown if alert.week is not None][:ROWS_SHOWN]
    if not about:
        return {}
    given = {"patient_ids": [alert.patient_id for alert in about], "weeks": WEEKS_IN_BARS}
    with border():
        found = visit.conn.execute(query("read_last_weeks"), given).fetchall()
    weeks: dict[int, list[tuple[float, str]]] = {}
    for patient_id, pct, state in found:
        weeks.setdefault(patient_id, []).append((pct, state))
    words = visit.reader.gettext("Adherence of the last weeks")
    return {alert.id: bars(weeks.get(alert.patient_id, []), words) for alert in about}

"""One alert: what was seen and why it counts, who was told, and what a person does with it."""

from datetime import datetime, timedelta
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Form, HTTPException, Response

from alerts import lifecycle
from alerts.listing import ListedAlert, deliveries, history, one
from config.alert_rules import ADVICE, TITLES, CeilingRule, Rule, load_alert_rules
from config.errors import Rejected
from config.language import later
from portal import pictures, records
from portal.alert_programme import programme_of
from portal.prescription_form import Subject, prescription_form
from portal.visit import CareTeam, CareTeamWrites, Visit, safe_path, see_other
from storage.database import border
from storage.queries import query

router = APIRouter()

BEFORE, BEHIND = timedelta(minutes=25), timedelta(minutes=10)
LONGEST_SHOWN = timedelta(hours=3)
FAULTS = {
    "reason_missing": later("This outcome needs a reason."),
    "reason_too_long": later("The reason is too long."),
    "unknown_outcome": later("Choose an outcome."),
    "alert_closed": later("Somebody has closed this alert already."),
}
LARGEST_ID = 2**63 - 1


class Quality(NamedTuple):
    """What the readings behind an alert were like."""

    readings: int
    at_ceiling: int
    suspect: int
    off_skin: int
    remembered: int
    """Kept by the band and told later."""


def alert_of(visit: Visit, alert_id: int) -> ListedAlert:
    """Return an alert of a patient whom the visitor looks after; for any other there is no page."""
    alert = one(visit.conn, visit.person.staff_id, alert_id) if alert_id <= LARGEST_ID else None
    if alert is None:
        raise visit.refuse(f"alert {alert_id}")
    return alert


@router.get("/alerts/{alert_id}")
def alert_page(visit: CareTeam, alert_id: int) -> Response:
    """Show an alert."""
    return _page(visit, alert_of(visit, alert_id))


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(
    visit: CareTeamWrites,
    alert_id: int,
    next: Annotated[str, Form(max_length=400)] = "",  # noqa: A002 - the word in the form
) -> Response:
    """Take charge of an alert; whoever was first stays."""
    alert = alert_of(visit, alert_id)
    try:
        if lifecycle.acknowledge(visit.conn, alert.id, visit.person.staff_id):
            visit.note("alert_acknowledged", alert.pseudonym, alert=alert.id)
    except Rejected as refused:
        return _page(visit, alert_of(visit, alert_id), refused)
    return see_other(safe_path(next) if next else f"/alerts/{alert.id}")


@router.post("/alerts/{alert_id}/close")
def close(
    visit: CareTeamWrites,
    alert_id: int,
    outcome: Annotated[str, Form(max_length=40)] = "",
    reason: Annotated[str, Form(max_length=4_000)] = "",
) -> Response:
    """Close an alert with an outcome; a changed prescription is written first, by its own form."""
    alert = alert_of(visit, alert_id)
    if outcome == "prescription_adjusted" and alert.state != "closed":
        return _prescription_form(visit, alert, reason)
    try:
        lifecycle.close(visit.conn, alert.id, visit.person.staff_id, outcome, reason)
    except Rejected as refused:
        return _page(visit, alert, refused, outcome=outcome, reason=reason)
    visit.note("alert_closed", alert.pseudonym, alert=alert.id, outcome=outcome)
    return see_other("/")


def _prescription_form(visit: Visit, alert: ListedAlert, reason: str) -> Response:
    """Return the form of the new version, with what was typed already: no address holds that."""
    if visit.person.role != "family_doctor":
        raise HTTPException(403)
    patient, day = _patient(visit, alert), visit.reader.local(alert.onset_at).date()
    programme = programme_of(visit.conn, alert, day)
    versions = [] if programme is None else records.versions(visit.conn, programme.enrolment.id)
    if programme is None or not versions:
        raise visit.refuse(alert.pseudonym)
    visit.note("read_patient", alert.pseudonym, page="prescription")
    subject = Subject(patient, programme.enrolment, programme.case is None, versions, alert)
    return prescription_form(visit, subject, reason=reason)


def _patient(visit: Visit, alert: ListedAlert) -> records.Patient:
    patient = records.find_patient(visit.conn, visit.person.staff_id, alert.pseudonym)
    if patient is None:
        raise visit.refuse(alert.pseudonym)
    return patient


def _page(
    visit: Visit,
    alert: ListedAlert,
    refused: Rejected | None = None,
    *,
    outcome: str = "",
    reason: str = "",
) -> Response:
    conn, reader = visit.conn, visit.reader
    patient = _patient(visit, alert)
    visit.note("read_patient", alert.pseudonym, alert=alert.id)
    day = reader.local(alert.onset_at).date()
    programme = programme_of(conn, alert, day)
    version = None if programme is None else programme.version
    picture = quality = None
    if alert.ceiling_bpm is not None:
        start, end = _shown(alert)
        picture = pictures.around(
            conn, reader, alert.patient_id, start - BEFORE, end + BEHIND, version, alerts=[alert]
        )
        quality = _quality(visit, alert, end)
    return visit.page(
        "alert.html",
        _status(refused),
        here=f"/alerts/{alert.id}",
        alert=alert,
        case=None if programme is None else programme.case,
        patient=patient,
        version=version,
        picture=picture,
        quality=quality,
        rule=_rule(alert),
        is_ceiling_rule=isinstance(_rule(alert), CeilingRule),
        history=history(conn, alert.id),
        deliveries=deliveries(conn, alert.id),
        outcomes=lifecycle.OUTCOMES,
        need_reason=lifecycle.NEEDS_REASON,
        fault=None if refused is None else FAULTS.get(refused.reason, refused.reason),
        outcome=outcome,
        reason=reason,
        titles=TITLES,
        advice=ADVICE,
        day=day,
    )


def _status(refused: Rejected | None) -> int:
    if refused is None:
        return 200
    return 409 if refused.reason == "alert_closed" else 422


def _shown(alert: ListedAlert) -> tuple[datetime, datetime]:
    """Return the stretch to show: from its onset, or its last hours where that is long ago."""
    return max(alert.onset_at, alert.last_at - LONGEST_SHOWN), alert.last_at


def _quality(visit: Visit, alert: ListedAlert, end: datetime) -> Quality:
    given = {
        "patient_id": alert.patient_id,
        "from_at": alert.onset_at,
        "to_at": end,
        "ceiling_bpm": alert.ceiling_bpm,
    }
    with border():
        row = visit.conn.execute(query("read_quality"), given).fetchone()
    return Quality(*(row or (0, 0, 0, 0, 0)))


def _rule(alert: ListedAlert) -> Rule | None:
    """Return the rule in force; None where the alert was raised by another version of it."""
    rule = getattr(load_alert_rules(), alert.rule, None)
    return rule if isinstance(rule, Rule) and rule.version == alert.rule_version else None

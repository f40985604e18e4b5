"""A new version of a prescription: the doctor's answer to what was seen.

A version is never edited. The new one takes effect on a later local day, so that no day that has
begun changes under the patient; with an alert behind it, both are written together or not at all.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Response

from alerts import lifecycle
from alerts.listing import ListedAlert
from config.errors import Rejected
from config.language import later
from portal import records
from portal.alert_pages import FAULTS, alert_of
from portal.limits import LAST_WEEK, Faulty
from portal.patients import enrolment_of, patient_of
from portal.terms import Asked, Text, as_typed, filled, terms_of
from portal.visit import Doctor, DoctorWrites, Visit, see_other
from storage.people import put_prescription

router = APIRouter()

Label = Annotated[str, Form(max_length=400)]

CHANGED = later("Somebody has written another version meanwhile. Look at it first.")
CONTRADICTS = later("These terms contradict each other; nothing was written.")


@router.get("/patients/{pseudonym}/prescription")
def prescription_page(
    visit: Doctor,
    pseudonym: str,
    case: str | None = None,
    alert: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Show the form, filled with the newest version."""
    patient = patient_of(visit, pseudonym)
    _all, enrolment = enrolment_of(visit, patient, case)
    versions = [] if enrolment is None else records.versions(visit.conn, enrolment.id)
    if enrolment is None or not versions:
        raise visit.refuse(pseudonym)
    behind = None if alert is None else _alert(visit, alert, patient)
    visit.note("read_patient", pseudonym, page="prescription")
    first = as_typed(versions[0], visit.reader.today())
    return _form(visit, patient, enrolment, versions, first, behind)


@router.post("/patients/{pseudonym}/prescription")
def prescribe(
    visit: DoctorWrites,
    pseudonym: str,
    asked: Annotated[Asked, Depends()],
    case: Label = "",
    newest: Text = "",
    alert: Text = "",
    reason: Annotated[str, Form(max_length=4_000)] = "",
) -> Response:
    """Write the new version, and close the alert it answers."""
    patient = patient_of(visit, pseudonym)
    _all, enrolment = enrolment_of(visit, patient, case)
    versions = [] if enrolment is None else records.versions(visit.conn, enrolment.id)
    if enrolment is None or not versions:
        raise visit.refuse(pseudonym)
    behind = _alert(visit, int(alert), patient) if alert.isdecimal() else None
    try:
        _check_newest(newest, versions[0])
        terms = terms_of(asked, versions[0], visit.reader.today())
        with visit.conn.transaction():
            put_prescription(
                visit.conn,
                enrolment_id=enrolment.id,
                version=versions[0].number + 1,
                prescription=terms,
            )
            if behind is not None:
                staff_id = visit.person.staff_id
                lifecycle.close(visit.conn, behind.id, staff_id, "prescription_adjusted", reason)
                visit.note("alert_closed", pseudonym, alert=behind.id)
            visit.note("prescribe", pseudonym, version=versions[0].number + 1)
    except Faulty as fault:
        return _form(visit, patient, enrolment, versions, asked, behind, fault.words, reason)
    except Rejected as refused:
        words = FAULTS.get(refused.reason, CONTRADICTS if _is_contradiction(refused) else CHANGED)
        return _form(visit, patient, enrolment, versions, asked, behind, words, reason)
    return see_other(f"/patients/{pseudonym}")


def _alert(visit: Visit, alert_id: int, patient: records.Patient) -> ListedAlert:
    alert = alert_of(visit, alert_id)
    if alert.patient_id != patient.id:
        raise visit.refuse(f"alert {alert_id}")
    return alert


def _form(
    visit: Visit,
    patient: records.Patient,
    enrolment: records.Enrolment,
    versions: list[records.Version],
    asked: Asked,
    behind: ListedAlert | None,
    fault: str | None = None,
    reason: str = "",
) -> Response:
    return visit.page(
        "prescribe.html",
        200 if fault is None else 422,
        patient=patient,
        enrolment=enrolment,
        version=versions[0],
        asked=filled(asked, versions[0], visit.reader.today()),
        alert=behind,
        fault=fault,
        reason=reason,
        last_week=LAST_WEEK,
        tomorrow=visit.reader.today() + timedelta(days=1),
    )


def _check_newest(newest: str, version: records.Version) -> None:
    """Refuse a form that was filled in before another version came."""
    if newest != str(version.number):
        raise Faulty(CHANGED)


def _is_contradiction(refused: Rejected) -> bool:
    """Say whether the database found the terms themselves wrong, not somebody else's meanwhile."""
    return "CheckViolation" in str(refused)

"""A new version of a prescription: the doctor's answer to what was seen.

A version is never edited. The new one takes effect on a later local day, so that no day that has
begun changes under the patient; with an alert behind it, both are written together or not at all.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Response

from alerts import lifecycle
from config.errors import Rejected
from config.language import later
from portal import records
from portal.alert_pages import FAULTS, alert_of
from portal.limits import Faulty
from portal.patients import enrolment_of, patient_of, patient_path
from portal.prescription_form import Subject, prescription_form
from portal.terms import Asked, Text, terms_of
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
    subject = _subject(visit, pseudonym, case, alert)
    visit.note("read_patient", pseudonym, page="prescription")
    return prescription_form(visit, subject)


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
    subject = _subject(visit, pseudonym, case, int(alert) if alert.isdecimal() else None)
    last, behind = subject.versions[0], subject.alert
    try:
        _check_newest(newest, last)
        terms = terms_of(asked, last, visit.reader.today())
        with visit.conn.transaction():
            put_prescription(
                visit.conn,
                enrolment_id=subject.enrolment.id,
                version=last.number + 1,
                prescription=terms,
            )
            if behind is not None:
                staff_id = visit.person.staff_id
                lifecycle.close(visit.conn, behind.id, staff_id, "prescription_adjusted", reason)
                visit.note("alert_closed", pseudonym, alert=behind.id)
            visit.note("prescribe", pseudonym, version=last.number + 1)
    except Faulty as fault:
        return prescription_form(visit, subject, asked, fault=fault.words, reason=reason)
    except Rejected as refused:
        words = FAULTS.get(refused.reason, CONTRADICTS if _is_contradiction(refused) else CHANGED)
        return prescription_form(visit, subject, asked, fault=words, reason=reason)
    return see_other(patient_path(subject.patient, subject.enrolment, is_only=subject.is_only))


def _subject(visit: Visit, pseudonym: str, case: str | None, alert_id: int | None) -> Subject:
    """Return what a form is about; what is not the visitor's, or has no prescription, is none."""
    patient = patient_of(visit, pseudonym)
    found, enrolment = enrolment_of(visit, patient, case)
    versions = [] if enrolment is None else records.versions(visit.conn, enrolment.id)
    if enrolment is None or not versions:
        raise visit.refuse(pseudonym)
    alert = None if alert_id is None else alert_of(visit, alert_id)
    if alert is not None and alert.patient_id != patient.id:
        raise visit.refuse(f"alert {alert_id}")
    return Subject(patient, enrolment, len(found) == 1, versions, alert)


def _check_newest(newest: str, version: records.Version) -> None:
    """Refuse a form that was filled in before another version came."""
    if newest != str(version.number):
        raise Faulty(CHANGED)


def _is_contradiction(refused: Rejected) -> bool:
    """Say whether the database found the terms themselves wrong, not somebody else's meanwhile."""
    return "CheckViolation" in str(refused)

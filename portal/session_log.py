"""The session log of a patient: what was done in a class or at home, written down and corrected.

An entry is never edited: a correction keeps what was said before, and says who changed it and why.
"""

import secrets
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Response

from adherence.schema import LOGGED
from config.errors import Rejected
from config.language import later
from portal import records
from portal.patients import enrolment_of, patient_of
from portal.session_form import Asked, FaultySession, as_typed, check_reason, session_of
from portal.visit import CareTeam, CareTeamWrites, Visit, see_other
from storage.session_log import (
    Entry,
    correct_session,
    entry_of,
    note_session,
    sessions_between,
)

router = APIRouter()

Text = Annotated[str, Form(max_length=80)]
Label = Annotated[str, Form(max_length=400)]

SHOWN = timedelta(weeks=13)
MOST_ROWS = 100
LARGEST_ID = 2**63 - 1
SENT_BEFORE = later(
    "This form was sent before, with other words. What it said then stands in the list: correct it "
    "there."
)
CORRECTED = later("Somebody has corrected this entry meanwhile. Look at it first.")


@router.get("/patients/{pseudonym}/sessions")
def sessions_page(visit: CareTeam, pseudonym: str, case: str | None = None) -> Response:
    """Show the newest entries, and the form for another."""
    patient, enrolment = _programme(visit, pseudonym, case)
    visit.note("read_sessions", pseudonym)
    today = visit.reader.today()
    return _page(
        visit, patient, enrolment, Asked(today.isoformat(), supervised_by=visit.person.code)
    )


@router.post("/patients/{pseudonym}/sessions")
def write(
    visit: CareTeamWrites,
    pseudonym: str,
    asked: Annotated[Asked, Depends()],
    case: Label = "",
    entry_key: Text = "",
) -> Response:
    """Write an entry; a form that is sent twice writes one."""
    patient, enrolment = _programme(visit, pseudonym, case)
    try:
        session = session_of(asked, enrolment, visit.reader.today(), _codes(visit, patient))
        with visit.conn.transaction():
            entry = note_session(
                visit.conn,
                enrolment_id=enrolment.id,
                entry_key=entry_key or secrets.token_urlsafe(16),
                session=session,
                noted_by=visit.person.code,
            )
            visit.note("note_session", pseudonym, entry=entry.entry_id)
    except FaultySession as fault:
        return _page(visit, patient, enrolment, asked, entry_key, fault.words)
    except Rejected:
        return _page(visit, patient, enrolment, asked, fault=SENT_BEFORE)
    return see_other(_path(patient, enrolment))


@router.get("/patients/{pseudonym}/sessions/{entry_id}")
def entry_page(visit: CareTeam, pseudonym: str, entry_id: int) -> Response:
    """Show an entry with everything that was ever said in it, and the form to correct it."""
    patient, enrolment, entry = _entry(visit, pseudonym, entry_id)
    visit.note("read_sessions", pseudonym, entry=entry_id)
    return _entry_page(visit, patient, enrolment, entry, as_typed(entry[-1].session))


@router.post("/patients/{pseudonym}/sessions/{entry_id}")
def correct(
    visit: CareTeamWrites,
    pseudonym: str,
    entry_id: int,
    asked: Annotated[Asked, Depends()],
    act: Text = "correct",
    newest: Text = "",
    reason: Annotated[str, Form(max_length=4_000)] = "",
) -> Response:
    """Say an entry anew, or take it back."""
    patient, enrolment, entry = _entry(visit, pseudonym, entry_id)
    known = entry[-1]
    said = reason.strip()
    try:
        check_reason(said)
        withdrawn = act == "withdraw"
        people = _codes(visit, patient) | {known.session.supervised_by or ""}
        session = None if withdrawn else session_of(asked, enrolment, visit.reader.today(), people)
        with visit.conn.transaction():
            correct_session(
                visit.conn,
                entry_key=known.entry_key,
                revision=int(newest) if newest.isdecimal() else 0,
                session=session,
                reason=said,
                noted_by=visit.person.code,
            )
            visit.note("correct_session", pseudonym, entry=entry_id)
    except FaultySession as fault:
        return _entry_page(visit, patient, enrolment, entry, asked, fault.words, reason)
    except Rejected:
        return _entry_page(visit, patient, enrolment, entry, asked, CORRECTED, reason)
    return see_other(_path(patient, enrolment))


def _programme(
    visit: Visit, pseudonym: str, case: str | None
) -> tuple[records.Patient, records.Enrolment]:
    patient = patient_of(visit, pseudonym)
    _all, enrolment = enrolment_of(visit, patient, case)
    if enrolment is None:
        raise visit.refuse(pseudonym)
    return patient, enrolment


def _entry(
    visit: Visit, pseudonym: str, entry_id: int
) -> tuple[records.Patient, records.Enrolment, list[Entry]]:
    """Return an entry of this patient; for any other there is no page."""
    patient = patient_of(visit, pseudonym)
    entry = entry_of(visit.conn, entry_id) if 0 < entry_id <= LARGEST_ID else []
    enrolments = records.enrolments(visit.conn, patient.id)
    mine = [one for one in enrolments if entry and one.id == entry[0].enrolment_id]
    if not mine:
        raise visit.refuse(f"{pseudonym} session {entry_id}")
    return patient, mine[0], entry


def _path(patient: records.Patient, enrolment: records.Enrolment) -> str:
    case = urlencode({"case": enrolment.case_label})
    return f"/patients/{quote(patient.pseudonym, safe='')}/sessions?{case}"


def _codes(visit: Visit, patient: records.Patient) -> set[str]:
    return {"", *(code for code, _name in records.team(visit.conn, patient.id))}


def _page(
    visit: Visit,
    patient: records.Patient,
    enrolment: records.Enrolment,
    asked: Asked,
    entry_key: str = "",
    fault: str | None = None,
) -> Response:
    today = visit.reader.today()
    since = today - SHOWN
    return visit.page(
        "session_log.html",
        200 if fault is None else 422,
        here=_path(patient, enrolment),
        patient=patient,
        enrolment=enrolment,
        entries=sessions_between(visit.conn, enrolment.id, since, today, rows=MOST_ROWS),
        asked=asked,
        components=LOGGED,
        entry_key=entry_key or secrets.token_urlsafe(16),
        team=records.team(visit.conn, patient.id),
        since=since,
        today=today,
        fault=fault,
    )


def _entry_page(
    visit: Visit,
    patient: records.Patient,
    enrolment: records.Enrolment,
    entry: list[Entry],
    asked: Asked,
    fault: str | None = None,
    reason: str = "",
) -> Response:
    team = records.team(visit.conn, patient.id)
    newest = entry[-1]
    if newest.session.supervised_by is not None:
        there = (newest.session.supervised_by, newest.supervisor or "")
        team += [] if there in team else [there]
    return visit.page(
        "session_entry.html",
        200 if fault is None else 422,
        here=f"/patients/{quote(patient.pseudonym, safe='')}/sessions/{newest.entry_id}",
        patient=patient,
        enrolment=enrolment,
        entry=entry,
        newest=newest,
        asked=asked,
        components=LOGGED,
        team=team,
        today=visit.reader.today(),
        fault=fault,
        reason=reason,
    )

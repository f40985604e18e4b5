"""The recording's people in the database: centres, doctors, patients, prescriptions, bands."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, timezone

from scripts.replay.freeze import Case
from scripts.replay.recording import Recording
from storage.database import Connection
from storage.people import (
    assign_device,
    put_enrolment,
    put_organisation,
    put_patient,
    put_pause,
    put_prescription,
    put_staff,
)

DISTRICT = "replay"
PAUSED = "as the cases say"


def put_people(
    conn: Connection, recording: Recording, cases: Sequence[Case], *, utc_offset_min: int
) -> None:
    """Write everybody; to do it again changes nothing."""
    names, roster = recording.identities, recording.roster
    with conn.transaction():
        put_organisation(conn, kind="district", code=DISTRICT, name="Replay")
        for centre in roster.centres:
            put_organisation(
                conn,
                kind="centre",
                code=names.centre(centre.code),
                name=centre.name,
                parent=DISTRICT,
            )
        for doctor in roster.doctors:
            put_staff(
                conn,
                organisation=names.centre(doctor.centre),
                code=names.label(doctor.code),
                role="family_doctor",
                name=doctor.name,
            )
        for track in recording.tracks:
            _put_patient(conn, recording, track.person)
        for case in cases:
            _put_case(conn, recording, case)
        _assign(conn, recording, cases, timezone(timedelta(minutes=utc_offset_min)))


def _put_patient(conn: Connection, recording: Recording, person: str) -> None:
    names, roster = recording.identities, recording.roster
    put_patient(
        conn,
        pseudonym=names.label(person),
        centre=names.centre(roster.centre_of(person)),
        family_doctor=names.label(roster.doctor_of[person]),
        name=roster.name_of.get(person),
    )


def _put_case(conn: Connection, recording: Recording, case: Case) -> None:
    names = recording.identities
    enrolment = put_enrolment(
        conn,
        case_label=names.label(case.case),
        patient=names.label(case.person),
        mode=case.mode,
        starts_on=case.starts_on,
        ends_on=case.ends_on,
    )
    put_prescription(conn, enrolment_id=enrolment, version=1, prescription=case.prescription)
    for pause in case.pauses:
        put_pause(
            conn,
            case_label=names.label(case.case),
            first_day=pause.first_day,
            until=pause.until,
            reason=PAUSED,
        )


def _assign(conn: Connection, recording: Recording, cases: Sequence[Case], zone: timezone) -> None:
    """Give everybody a band for the enrolled weeks, and for all the readings there are."""
    names = recording.identities
    for track in recording.tracks:
        mine = [case for case in cases if case.person == track.person]
        ends = [
            datetime.combine(day, time(), zone)
            for case in mine
            for day in (case.starts_on, case.ends_on)
        ] + [datetime.fromtimestamp(ms / 1000, UTC) for ms in track.bounds_ms() or ()]
        assign_device(
            conn,
            device_key=names.device_key(track.person),
            patient=names.label(track.person),
            worn_from=min(ends),
            worn_until=max(ends) + timedelta(minutes=1),
        )

"""Records of people, prescriptions and bands, each written by the name people give it.

Every function may be called again with the same values: it changes nothing and returns the same id.
A name that is referred to and unknown is Misconfigured; a record that contradicts what stands (an
overlapping assignment, an edited prescription) is Rejected. None of them decides a commit: in
autocommit each call is its own transaction, and `with conn.transaction()` joins many.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Literal

from config.errors import Misconfigured, Rejected
from config.language import _
from storage.database import Connection, border
from storage.intensity import IntensityKind
from storage.queries import query

Role = Literal[
    "family_doctor", "therapist", "instructor", "operator", "administrator", "payer", "auditor"
]


PhaseName = Literal["adapt", "progress", "reach", "hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What the aerobic part asks from some week on; None stands as the version has it."""

    from_week: int
    """Week 1 is the one in which the enrolment starts: a new version goes on counting."""
    phase: PhaseName
    zone_lo: float | None = None
    zone_hi: float | None = None
    session_min: float | None = None
    sessions_per_week: float | None = None
    weekly_min: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prescription:
    """One version of a prescription; HRmax and rest are frozen in it (C6, C7).

    The aerobic five (`zone_lo` to `weekly_min`) are None together where another part is prescribed
    (method, section 13).
    """

    effective_from: date
    """A local day; it holds until the next version, if there is one."""
    age_years: float | None
    sex: Literal["M", "F"] | None
    beta_blocker: bool | None
    hr_max_bpm: float | None
    hr_max_source: Literal["measured", "gellish", "brawner"] | None
    rest_hr_bpm: float | None
    rest_hr_source: Literal["measured", "recorded"] | None
    frozen_on: date
    zone_lo: float | None
    """In the unit of `intensity_kind`."""
    zone_hi: float | None
    session_min: float | None
    sessions_per_week: float | None
    weekly_min: float | None
    ceiling_bpm: float | None = None
    """At or above it the effort is to stop; None: no ceiling is watched."""
    ceiling_source: Literal["prescribed", "default"] | None = None
    """Said by the doctor, or the default of that day's rule; None exactly where there is none."""
    intensity_kind: IntensityKind = "hrr"
    day_adds_up: bool = False
    """The bouts of a day add up to a session."""
    resistance_per_week: float | None = None
    """Days a week; None: not prescribed."""
    resistance_min: float | None = None
    """Minutes of one time; None: any length counts."""
    rest_days: int = 0
    """Whole days between two times of resistance work that both count."""
    balance_per_week: float | None = None
    balance_min: float | None = None
    steps_per_day: float | None = None
    phases: tuple[Phase, ...] = ()
    """By their weeks, each holding until the next; before the first the version's own figures."""


PHASE_COLUMNS = (
    "phase",
    "from_week",
    "zone_lo",
    "zone_hi",
    "session_min",
    "sessions_per_week",
    "weekly_min",
)
"""Behind the id of the version, what the query `phases_of` returns."""


def put_organisation(
    conn: Connection,
    *,
    kind: Literal["district", "centre", "payer"],
    code: str,
    name: str,
    parent: str | None = None,
) -> int:
    """Write an organisation; `parent` is the code of the district a centre belongs to."""
    if parent is not None:
        _id(conn, "find_organisation", {"code": parent}, parent)
    given = {"kind": kind, "code": code, "name": name, "parent": parent}
    return _put(conn, "put_organisation", "find_organisation", given, code)


def put_staff(
    conn: Connection,
    *,
    organisation: str,
    code: str,
    role: Role,
    name: str,
) -> int:
    """Write a person of the staff of an organisation, named by its code."""
    given = {"organisation": organisation, "code": code, "role": role, "name": name}
    return _put(conn, "put_staff", "find_staff", given, organisation)


def put_patient(
    conn: Connection, *, pseudonym: str, centre: str, family_doctor: str, name: str | None = None
) -> int:
    """Write a patient; the centre and the doctor are named by their codes."""
    given = {
        "pseudonym": pseudonym,
        "centre": centre,
        "family_doctor": family_doctor,
        "name": name,
    }
    return _put(conn, "put_patient", "find_patient", given, f"{centre} / {family_doctor}")


def move_patient(
    conn: Connection, *, pseudonym: str, centre: str, since_utc: datetime | None
) -> bool:
    """Have a patient belong to a centre from an instant on; None: always. What was before stays.

    A week is judged by the centre of its Monday. Returns whether that is new.
    """
    given = {"pseudonym": pseudonym, "centre": centre, "since": since_utc}
    with border():
        row = conn.execute(query("move_patient"), given).fetchone()
    return bool(row and row[0])


def put_enrolment(
    conn: Connection,
    *,
    case_label: str,
    patient: str,
    mode: Literal["worn", "site"],
    starts_on: date,
    ends_on: date | None = None,
) -> int:
    """Write an enrolment of a patient (by pseudonym); `ends_on` is the first day after it.

    Raises Rejected (`case_of_another_person`) where the label is taken.
    """
    given = {
        "case_label": case_label,
        "patient": patient,
        "mode": mode,
        "starts_on": starts_on,
        "ends_on": ends_on,
    }
    with border(), conn.transaction():
        conn.execute(query("put_enrolment"), given)
        row = conn.execute(query("find_enrolment"), given).fetchone()
        if row is None:
            raise _unknown(patient)
        if row[1] != patient:
            raise Rejected("case_of_another_person")
    return int(row[0])


def put_prescription(
    conn: Connection, *, enrolment_id: int, version: int, prescription: Prescription
) -> int:
    """Write a version with its phases, and end the earlier ones on the day it takes effect.

    Raises Rejected (`prescription_edited`) where this version stands with other values: a
    change is a new version. Terms that contradict each other are refused by the database.
    """
    values = {name: value for name, value in asdict(prescription).items() if name != "phases"}
    given = values | {"enrolment_id": enrolment_id, "version": version}
    with border(), conn.transaction():
        conn.execute(query("close_earlier_prescriptions"), given)
        is_new = conn.execute(query("put_prescription"), given).rowcount == 1
        row = conn.execute(query("find_prescription"), given).fetchone()
        if row is None or tuple(row[1:]) != tuple(values.values()):
            raise Rejected("prescription_edited")
        if is_new:
            for phase in prescription.phases:
                conn.execute(query("put_phase"), asdict(phase) | {"prescription_id": row[0]})
        if phases_of(conn, [row[0]]).get(row[0], ()) != prescription.phases:
            raise Rejected("prescription_edited")
    return int(row[0])


def phases_of(conn: Connection, prescription_ids: Sequence[int]) -> dict[int, tuple[Phase, ...]]:
    """Return the phases of those versions (by their ids) that have any, each in their order."""
    found: dict[int, tuple[Phase, ...]] = {}
    with border():
        rows = conn.execute(query("phases_of"), {"prescriptions": list(prescription_ids)})
        for prescription_id, *values in rows.fetchall():
            phase = Phase(**dict(zip(PHASE_COLUMNS, values, strict=True)))
            found[prescription_id] = (*found.get(prescription_id, ()), phase)
    return found


def put_pause(
    conn: Connection, *, case_label: str, first_day: date, until: date | None, reason: str
) -> int:
    """Excuse the local days from `first_day` until before `until`; no two pauses may overlap."""
    given = {"case_label": case_label, "first_day": first_day, "until": until, "reason": reason}
    return _put(conn, "put_pause", "find_pause", given, case_label)


def put_device(conn: Connection, device_key: str, family: str | None = None) -> int:
    """Register a band by its address or serial.

    `family` is the key of its family in `devices/`; None says nothing: what was said before stands.
    Raises Misconfigured for a new band whose key differs from a known one in capitals alone: as two
    bands it could have two wearers, and a gateway would hear only one of them.
    """
    if "\n" in device_key:
        raise Rejected("malformed", "a band's key is one line")
    with border(), conn.transaction():
        given = {"device_keys": [device_key]}
        if conn.execute(query("find_devices"), given).fetchone() is None:
            other = conn.execute(query("other_spelling"), {"device_key": device_key}).fetchone()
            if other is not None:
                raise Misconfigured(
                    _("The band %(given)s is known as %(known)s: write it so.")
                    % {"given": device_key, "known": other[0]}
                )
            conn.execute(query("insert_devices"), given)
        if family is not None:
            conn.execute(query("put_family"), {"device_key": device_key, "family": family})
    return _id(conn, "find_device", {"device_key": device_key}, device_key)


def assign_device(
    conn: Connection,
    *,
    device_key: str,
    patient: str,
    worn_from: datetime | None,
    worn_until: datetime | None = None,
) -> int:
    """Say who wears a band, from (inclusive) until (exclusive) instants with a zone; None: open.

    The band is registered if it is not. Raises Rejected where somebody is assigned in that time.
    """
    if any(at is not None and at.tzinfo is None for at in (worn_from, worn_until)):
        raise ValueError("an instant needs its zone")
    put_device(conn, device_key)
    given = {
        "device_key": device_key,
        "patient": patient,
        "worn_from": worn_from,
        "worn_until": worn_until,
    }
    return _put(conn, "assign_device", "find_assignment", given, patient)


def _put(conn: Connection, put: str, find: str, given: Mapping[str, object], refers_to: str) -> int:
    with border():
        conn.execute(query(put), given)
    return _id(conn, find, given, refers_to)


def _id(conn: Connection, find: str, given: Mapping[str, object], refers_to: str) -> int:
    with border():
        row = conn.execute(query(find), given).fetchone()
    if row is None:
        raise _unknown(refers_to)
    return int(row[0])


def _unknown(name: str) -> Misconfigured:
    return Misconfigured(_("Nothing is known by the name %(name)s.") % {"name": name})

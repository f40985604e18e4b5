"""What stands of an organisation, a person of the staff or a patient before it is written again."""

from typing import NamedTuple

from storage.database import Connection, border
from storage.queries import query


class Organisation(NamedTuple):
    """An organisation as it stands."""

    kind: str
    name: str
    district: str | None
    """Code of the district a centre belongs to."""


class Registration(NamedTuple):
    """Where a patient belongs."""

    centre: str
    doctor: str
    name: str | None


def organisation(conn: Connection, code: str) -> Organisation | None:
    """Return the organisation of that code; None where there is none."""
    with border():
        row = conn.execute(query("read_organisation"), {"code": code}).fetchone()
    return None if row is None else Organisation(*row)


def registration(conn: Connection, patient: str) -> Registration | None:
    """Return where a patient, named by the pseudonym, belongs; None for one nobody knows."""
    with border():
        row = conn.execute(query("read_registration"), {"patient": patient}).fetchone()
    return None if row is None else Registration(*row)


def staff_role(conn: Connection, staff: str) -> str | None:
    """Return the role of a person of the staff, named by the code; None for one nobody knows."""
    with border():
        row = conn.execute(query("read_staff_role"), {"staff": staff}).fetchone()
    return None if row is None else str(row[0])


def districts(conn: Connection) -> list[str]:
    """Return the codes of all districts."""
    with border():
        return [str(row[0]) for row in conn.execute(query("read_district_codes")).fetchall()]

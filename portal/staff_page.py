"""Accounts: the administrator makes them, hands out one-time links, and shuts people out."""

import re
from datetime import timedelta
from typing import Annotated, NamedTuple, cast

from fastapi import APIRouter, Form, Response

from config.errors import Misconfigured, Rejected
from config.language import later
from portal.visit import Administrator, AdministratorWrites, Visit, see_other
from portal.words import ROLES
from storage.accounts import (
    CARE_ROLES,
    accounts,
    admit_to_care_team,
    disable_account,
    dismiss_from_care_team,
    enable_account,
    find_account,
    issue_link,
    open_account,
    put_email,
)
from storage.database import border
from storage.people import Role, put_staff
from storage.queries import query

router = APIRouter()

LINK_HOURS = 24
Text = Annotated[str, Form(max_length=200)]

BAD_CODE = later("A staff code is 1 to 40 letters, digits, or the signs . _ - @.")
BAD_NAME = later("Write the person's name.")
BAD_ROLE = later("Choose a role.")
BAD_EMAIL = later("This is no e-mail address.")
NO_ORGANISATION = later("Choose an organisation.")
CODE_IS_TAKEN = later("This code is another person's already.")
LAST_ADMINISTRATOR = later("The last administrator cannot be shut out.")
NOBODY = later("There is nobody, or no patient, by this name.")
NOT_OF_A_TEAM = later("Only doctors, therapists and instructors join a care team.")


class Typed(NamedTuple):
    """A new account as it was typed."""

    code: str = ""
    name: str = ""
    role: str = ""
    organisation: str = ""
    email: str = ""


class Joining(NamedTuple):
    """A change of a care team as it was typed."""

    patient: str = ""
    code: str = ""


@router.get("/staff")
def staff_page(visit: Administrator) -> Response:
    """List the staff and their accounts."""
    visit.note("read_accounts", "accounts")
    return _page(visit)


@router.post("/staff")
def add(
    visit: AdministratorWrites,
    code: Text = "",
    name: Text = "",
    role: Text = "",
    organisation: Text = "",
    email: Text = "",
) -> Response:
    """Add a person of the staff, and show the link by which they set their password."""
    typed = Typed(code.strip(), name.strip(), role, organisation, email.strip())
    code, name, email = typed.code, typed.name, typed.email
    fault = _fault(visit, code, name, role, email)
    if fault is not None:
        return _page(visit, fault=fault, typed=typed)
    try:
        with visit.conn.transaction():
            put_staff(
                visit.conn, organisation=organisation, code=code, role=cast("Role", role), name=name
            )
            put_email(visit.conn, staff=code, email=email or None)
            open_account(visit.conn, code)
            visit.note("put_staff", code, role=role)
    except Rejected:
        return _page(visit, fault=BAD_EMAIL, typed=typed)
    except Misconfigured:
        return _page(visit, fault=NO_ORGANISATION, typed=typed)
    return _link(visit, code)


@router.post("/staff/link")
def link(visit: AdministratorWrites, code: Text = "") -> Response:
    """Make a one-time link, also for whoever has forgotten the password."""
    return _link(visit, code)


@router.post("/staff/disable")
def disable(visit: AdministratorWrites, code: Text = "") -> Response:
    """Shut a person out at once."""
    try:
        disable_account(visit.conn, code)
    except Rejected:
        return _page(visit, fault=LAST_ADMINISTRATOR)
    except Misconfigured:
        return _page(visit, fault=NOBODY)
    visit.note("disable_account", code)
    return see_other("/staff")


@router.post("/staff/enable")
def enable(visit: AdministratorWrites, code: Text = "") -> Response:
    """Let a person in again."""
    try:
        enable_account(visit.conn, code)
    except Misconfigured:
        return _page(visit, fault=NOBODY)
    visit.note("enable_account", code)
    return see_other("/staff")


@router.post("/staff/team")
def team(
    visit: AdministratorWrites, code: Text = "", patient: Text = "", act: Text = "join"
) -> Response:
    """Take a person into a patient's care team, or out of it."""
    code, patient = code.strip(), patient.strip()
    joining = Joining(patient, code)
    account = find_account(visit.conn, code)
    if account is not None and account.role not in CARE_ROLES:
        return _page(visit, fault=NOT_OF_A_TEAM, joining=joining)
    try:
        if act == "leave":
            if not dismiss_from_care_team(visit.conn, patient=patient, staff=code):
                return _page(visit, fault=NOBODY, joining=joining)
        else:
            admit_to_care_team(visit.conn, patient=patient, staff=code)
    except Misconfigured:
        return _page(visit, fault=NOBODY, joining=joining)
    visit.note("leave_care_team" if act == "leave" else "join_care_team", patient, staff=code)
    return see_other("/staff")


def _link(visit: Visit, code: str) -> Response:
    try:
        token = issue_link(visit.conn, code, timedelta(hours=LINK_HOURS), sets_password=True)
    except Misconfigured:
        return _page(visit, fault=NOBODY)
    visit.note("issue_link", code)
    return _page(visit, made=(code, f"{visit.portal.settings.public_url}/enter/{token}"))


def _fault(visit: Visit, code: str, name: str, role: str, email: str) -> str | None:
    if not re.fullmatch(r"[A-Za-z0-9._@-]{1,40}", code):
        return BAD_CODE
    if not name:
        return BAD_NAME
    if role not in ROLES:
        return BAD_ROLE
    if email and not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        return BAD_EMAIL
    if any(account.code == code for account in accounts(visit.conn)):
        return CODE_IS_TAKEN
    return None


def _page(
    visit: Visit,
    *,
    fault: str | None = None,
    made: tuple[str, str] | None = None,
    typed: Typed | None = None,
    joining: Joining | None = None,
) -> Response:
    with border():
        organisations = visit.conn.execute(query("read_organisations")).fetchall()
    return visit.page(
        "staff.html",
        200 if fault is None else 422,
        # The link is nowhere else: from this page no switch leads away and back.
        here="/staff" if made is None else "",
        accounts=accounts(visit.conn),
        organisations=organisations,
        fault=fault,
        made=made,
        typed=typed or Typed(),
        joining=joining or Joining(),
        hours=LINK_HOURS,
    )

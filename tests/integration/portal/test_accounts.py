"""Accounts, links and care teams, as the database keeps them."""

from datetime import timedelta

import pytest

from config.errors import Misconfigured, Rejected
from storage.accounts import (
    accounts,
    disable_account,
    enable_account,
    find_account,
    find_link,
    issue_link,
    leave_care_team,
    open_account,
    put_care_team,
    put_email,
    set_password_hash,
    token_sha256,
)
from storage.people import put_staff
from storage.web_sessions import Opening, enter_by_link, find_session
from tests.district import District
from tests.pages import CHEAP

DAY = timedelta(days=1)
HASHED = CHEAP.hash("quiet river 7")
OPENING = Opening(session_for=DAY, idle=DAY, before=None)


@pytest.fixture
def conn(conn):
    District(conn)
    put_staff(conn, organisation="c1", code="boss", role="administrator", name="Boss")
    put_staff(conn, organisation="c1", code="boss2", role="administrator", name="Boss two")
    return conn


def team_of(conn, pseudonym):
    return conn.execute(
        "SELECT staff.code FROM patient_team JOIN patient ON patient.id = patient_id"
        " JOIN staff ON staff.id = staff_id WHERE pseudonym = %s ORDER BY 1",
        (pseudonym,),
    ).fetchall()


def test_the_family_doctor_and_the_care_team_are_a_patients_team(conn):
    put_staff(conn, organisation="c1", code="i1", role="instructor", name="Instructor")
    put_staff(conn, organisation="c1", code="i2", role="instructor", name="Another")
    conn.execute(
        "INSERT INTO patient (pseudonym, centre_id, family_doctor_id)"
        " SELECT 'p1', organisation_id, id FROM staff WHERE code = 'd1'"
    )

    put_care_team(conn, patient="p1", staff="i1")
    put_care_team(conn, patient="p1", staff="i1")
    put_care_team(conn, patient="p1", staff="d1")

    assert team_of(conn, "p1") == [("d1",), ("i1",)]
    assert leave_care_team(conn, patient="p1", staff="i1")
    assert not leave_care_team(conn, patient="p1", staff="i1")
    assert team_of(conn, "p1") == [("d1",)]
    with pytest.raises(Misconfigured, match="p9"):
        put_care_team(conn, patient="p9", staff="i1")


def test_a_link_opens_once_and_only_its_hash_is_kept(conn):
    token = issue_link(conn, "d1", DAY)

    assert conn.execute("SELECT token_sha256 FROM login_link").fetchone() == (token_sha256(token),)
    assert find_link(conn, token)[:3] == ("d1", "Doctor one", False)
    assert not enter_by_link(conn, token, OPENING).sets_password
    assert enter_by_link(conn, token, OPENING) is None
    assert find_link(conn, token).is_used
    assert find_link(conn, "never issued") is None


def test_a_link_expires(conn):
    token = issue_link(conn, "d1", timedelta(seconds=-1))

    assert find_link(conn, token).is_over
    assert enter_by_link(conn, token, OPENING) is None


def test_nobody_gets_a_link_who_is_not_of_the_staff(conn):
    with pytest.raises(Misconfigured, match="d9"):
        issue_link(conn, "d9", DAY)
    assert conn.execute("SELECT count(*) FROM login_link").fetchone() == (0,)


def test_a_new_password_ends_every_unused_link(conn):
    first, second = (issue_link(conn, "d1", DAY, sets_password=True) for _ in range(2))
    entered = enter_by_link(conn, first, OPENING)
    staff_id = find_session(conn, entered.token, idle=DAY).staff_id

    set_password_hash(conn, staff_id=staff_id, password_hash=HASHED)

    assert entered.sets_password
    assert enter_by_link(conn, second, OPENING) is None
    assert find_account(conn, "d1").has_password
    kept = conn.execute("SELECT password_hash FROM login").fetchone()[0]
    assert kept.rsplit("$", 1)[0] == HASHED.rsplit("$", 1)[0].replace("2id", "2id+sha256")
    assert kept.rsplit("$", 1)[1] not in HASHED


def test_a_disabled_account_opens_by_no_link_until_it_is_enabled(conn):
    before = issue_link(conn, "d1", DAY)
    disable_account(conn, "d1")
    after = issue_link(conn, "d1", DAY)

    assert enter_by_link(conn, before, OPENING) is None
    assert enter_by_link(conn, after, OPENING) is None
    assert find_account(conn, "d1").disabled_at is not None

    enable_account(conn, "d1")

    assert enter_by_link(conn, before, OPENING) is None
    assert enter_by_link(conn, after, OPENING) is not None


def test_the_last_administrator_cannot_be_shut_out(conn):
    open_account(conn, "boss")
    open_account(conn, "boss2")
    disable_account(conn, "boss2")

    with pytest.raises(Rejected, match="last_administrator"):
        disable_account(conn, "boss")
    enable_account(conn, "boss2")
    disable_account(conn, "boss")


def test_staff_without_an_account_are_listed_too(conn):
    put_email(conn, staff="d1", email="d1@example.org")
    open_account(conn, "boss")

    shown = {account.code: account for account in accounts(conn)}

    assert shown["d1"].email == "d1@example.org"
    assert not shown["d1"].has_login
    assert shown["boss"].has_login
    assert not shown["boss"].has_password
    with pytest.raises(Rejected):
        put_email(conn, staff="d1", email="no address")

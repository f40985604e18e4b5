"""What the ledger holds against a box is told to its operators: once a day, and to nobody else."""

from datetime import timedelta

import pytest

from alerts.findings import tell_findings
from alerts.paging import Channels
from alerts.sending import Answer, Fate
from storage import ledger
from storage.accounts import disable_account, open_account, put_email
from storage.database import connect
from storage.dead_letters import store_dead_letter
from storage.people import put_organisation, put_staff
from storage.roles import Role
from tests.batches import a_gateway
from tests.integration.alerts.test_outbox import Stand, at_work, wait_for
from tests.ledgers import a_spool, store

MAIL = Channels(mail=True, file=False)


@pytest.fixture
def gateway(conn):
    """In a centre of a district, with an operator of each, and a doctor who is no operator."""
    put_organisation(conn, kind="district", code="town", name="Town")
    gateway_id = a_gateway(conn)
    put_organisation(conn, kind="centre", code="east", name="East", parent="town")
    put_organisation(conn, kind="centre", code="west", name="West", parent="town")
    for organisation, code, role in (
        ("east", "of-east", "operator"),
        ("town", "of-town", "operator"),
        ("west", "of-west", "operator"),
        ("east", "doctor", "family_doctor"),
    ):
        put_staff(conn, organisation=organisation, code=code, role=role, name=code)
        put_email(conn, staff=code, email=f"{code}@example.org")
    return gateway_id


@pytest.fixture
def watch(database):
    with connect(database, role=Role.ALERTS) as conn:
        yield conn


def told(conn):
    rows = conn.execute("SELECT recipient FROM delivery WHERE finding_id IS NOT NULL").fetchall()
    return sorted(recipient for (recipient,) in rows)


def break_chain(conn, gateway_id, *, first_seq):
    sealed = a_spool([10, 20], first_seq=first_seq)
    sealed[1] = sealed[1]._replace(previous=bytes(32))
    store(conn, gateway_id, sealed)


def test_the_operators_of_the_centre_and_above_are_told_once_a_day(conn, watch, gateway):
    break_chain(conn, gateway, first_seq=0)
    first = tell_findings(watch, MAIL)
    break_chain(conn, gateway, first_seq=10)
    second = tell_findings(watch, MAIL)
    conn.execute("UPDATE delivery SET queued_at = queued_at - %s", (timedelta(days=2),))
    third = tell_findings(watch, MAIL)

    assert (first, second, third) == (2, 0, 2)
    assert told(conn) == ["of-east@example.org"] * 2 + ["of-town@example.org"] * 2


def test_another_kind_is_told_at_once_and_what_was_seen_is_not(conn, watch, gateway):
    break_chain(conn, gateway, first_seq=0)
    tell_findings(watch, MAIL)
    store_dead_letter(conn, "adhere/v1/east/g1/live", "forked_spool", "", b"x")
    assert tell_findings(watch, MAIL) == 2

    (staff_id,) = conn.execute("SELECT id FROM staff WHERE code = 'of-east'").fetchone()
    for finding in ledger.findings(conn):
        ledger.see_finding(conn, finding.id, staff_id=staff_id)
    conn.execute("UPDATE delivery SET queued_at = queued_at - %s", (timedelta(days=2),))

    assert tell_findings(watch, MAIL) == 0
    states = conn.execute("SELECT DISTINCT state FROM delivery").fetchall()
    assert states == [("dropped",)]


def test_who_was_shut_out_is_not_told(conn, watch, gateway):
    open_account(conn, "of-east")
    disable_account(conn, "of-east")
    break_chain(conn, gateway, first_seq=0)

    tell_findings(watch, MAIL)

    assert told(conn) == ["of-town@example.org"]


def test_the_message_names_the_box_and_nobody(conn, database, watch, gateway):
    break_chain(conn, gateway, first_seq=0)
    tell_findings(watch, MAIL)
    channel = Stand(Answer(Fate.UNKNOWN), Answer(Fate.SENT))

    with at_work(database, channel):
        wait_for(lambda: len(channel.given) == 3)

    message = channel.given[0]
    assert "east/g1" in message.subject
    assert message.link == "https://adhere.east.example:8443/operations"
    assert len({one.message_id for one in channel.given}) == 1
    fates = conn.execute("SELECT state, again FROM delivery ORDER BY id").fetchall()
    assert fates == [("unknown", False), ("sent", False), ("sent", True)]

"""Which boxes may send: their keys, rotation and revocation."""

import hashlib
from datetime import UTC, datetime

import pytest

from config.errors import Misconfigured, Rejected
from storage.gateways import enrol_gateway, find_gateway_key, put_outage, revoke_gateway_key
from storage.people import put_organisation

FIRST, SECOND = bytes(32), bytes(31) + b"\x01"


def kid(key):
    return hashlib.sha256(key).digest()[:8]


@pytest.fixture
def east(conn):
    put_organisation(conn, kind="centre", code="east", name="East")
    put_organisation(conn, kind="payer", code="payer", name="Payer")


def enrol(conn, key=FIRST, *, centre="east", gateway="g1", encryption_key=SECOND):
    return enrol_gateway(
        conn, centre=centre, gateway=gateway, signing_key=key, encryption_key=encryption_key
    )


@pytest.mark.usefixtures("east")
def test_an_enrolled_key_is_found_by_gateway_and_identifier(conn):
    gateway_id = enrol(conn)

    assert enrol(conn) == gateway_id
    assert find_gateway_key(conn, "east", "g1", kid(FIRST)) == (gateway_id, FIRST, SECOND)


@pytest.mark.usefixtures("east")
def test_after_a_rotation_both_keys_hold_until_one_is_revoked(conn):
    gateway_id = enrol(conn)
    assert enrol(conn, SECOND) == gateway_id

    assert revoke_gateway_key(conn, FIRST)

    assert find_gateway_key(conn, "east", "g1", kid(SECOND)).signing_key == SECOND
    with pytest.raises(Rejected, match="revoked_key"):
        find_gateway_key(conn, "east", "g1", kid(FIRST))
    with pytest.raises(Misconfigured, match="make new keys"):
        enrol(conn)


@pytest.mark.usefixtures("east")
def test_a_key_speaks_for_one_gateway_alone(conn):
    enrol(conn)

    with pytest.raises(Misconfigured, match="make new keys"):
        enrol(conn, gateway="g2")
    with pytest.raises(Misconfigured, match="make new keys"):
        enrol(conn, encryption_key=FIRST)
    assert conn.execute("SELECT code FROM gateway").fetchall() == [("g1",)]


@pytest.mark.usefixtures("east")
def test_strangers_are_told_apart(conn):
    enrol(conn)

    with pytest.raises(Rejected, match="unknown_gateway"):
        find_gateway_key(conn, "east", "g9", kid(FIRST))
    with pytest.raises(Rejected, match="unknown_gateway"):
        find_gateway_key(conn, "west", "g1", kid(FIRST))
    with pytest.raises(Rejected, match="unknown_key"):
        find_gateway_key(conn, "east", "g1", kid(SECOND))
    assert not revoke_gateway_key(conn, SECOND)


@pytest.mark.usefixtures("east")
@pytest.mark.parametrize("centre", ["west", "payer"])
def test_a_gateway_stands_in_a_centre_that_is_known(conn, centre):
    with pytest.raises(Misconfigured, match=centre):
        enrol(conn, centre=centre)


@pytest.mark.usefixtures("east")
def test_an_outage_is_written_once_and_for_a_known_gateway_alone(conn):
    hours = {
        "since": datetime(2026, 3, 4, 7, tzinfo=UTC),
        "until": datetime(2026, 3, 4, 9, tzinfo=UTC),
    }
    gateway_id = enrol(conn)

    for _ in range(2):
        put_outage(conn, centre="east", gateway="g1", reason="power cut", **hours)

    found = conn.execute(
        "SELECT gateway_id, lower(during), upper(during), reason FROM gateway_outage"
    ).fetchall()
    assert found == [(gateway_id, hours["since"], hours["until"], "power cut")]
    with pytest.raises(Misconfigured, match="no gateway g9"):
        put_outage(conn, centre="east", gateway="g9", reason="power cut", **hours)

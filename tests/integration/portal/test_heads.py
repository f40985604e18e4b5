"""What stands above the work list, and is the same on every page that says it."""

from datetime import UTC, datetime

from storage.ledger import catch_up
from tests.ledgers import a_spool, store


def test_how_complete_the_data_is_the_ledger_says_whenever_a_batch_came(
    doctor, browsers, house, conn
):
    early, *spool = a_spool([10] * 12)
    store(conn, house.gateway, spool[:-2] + spool[-1:])
    store(conn, house.gateway, [early], came_at=datetime.now(UTC))  # long after the others
    catch_up(conn)

    assert "<span>Data complete</span><b>91.6%</b>" in doctor.get("/").text
    assert "91.6%" in browsers().enter(conn, "op").get("/operations?hours=168").text


def test_where_nobody_knows_what_was_sealed_no_share_is_shown(doctor, house):
    assert "<span>Data complete</span><b>unknown</b>" in doctor.get("/").text


def test_a_gateway_that_was_taken_out_is_not_down(doctor, house, conn):
    old = house.one(
        "INSERT INTO gateway (centre_id, code) VALUES (%s, 'old') RETURNING id", house.centre
    )
    insert = (
        "INSERT INTO gateway_key (gateway_id, signing_key, encryption_key, revoked_at)"
        " VALUES (%s, sha256(%s::bytea), sha256(%s::bytea), %s)"
    )
    conn.execute(insert, (old, b"1", b"2", datetime.now(UTC)))
    conn.execute(insert, (house.gateway, b"3", b"4", datetime.now(UTC)))
    conn.execute(insert, (house.gateway, b"5", b"6", None))

    assert '<span>Gateways up</span><b class="off">0 / 1</b>' in doctor.get("/").text


def test_of_a_gateway_of_which_nobody_knows_it_the_share_says_so(doctor, house, conn):
    house.one("INSERT INTO gateway (centre_id, code) VALUES (%s, 'g2') RETURNING id", house.centre)
    store(conn, house.gateway, a_spool([10, 10]))
    catch_up(conn)

    text = doctor.get("/").text

    assert "<b>100% <small>gateways unknown: 1</small></b>" in text

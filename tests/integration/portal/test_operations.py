"""The operator's page: what came in, what is missing, what is held against a box."""

from datetime import UTC, datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb

from storage.dead_letters import store_dead_letter
from tests.ledgers import BOOT, a_spool, store


def a_gap(conn, house, *, says_count=True):
    """A batch of 60 readings, a gap of 40, a batch of 5; the last one's chain is broken."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    sealed = [one._replace(at=now) for one in a_spool([60, 40, 5, 6], says_count=says_count)]
    sealed[3] = sealed[3]._replace(previous=bytes(32))
    store(conn, house.gateway, [sealed[0], sealed[2], sealed[3]])


def test_with_nothing_heard_of_a_gateway_nothing_is_known_of_it(browser, conn, house):
    page = browser.enter(conn, "op").get("/operations").text

    assert "c1/g1" in page
    assert "unknown" in page
    assert "No batch is missing between two that are here." in page
    assert "There are no dead letters." in page


def test_an_operator_is_led_to_it(browser, conn, house):
    assert browser.enter(conn, "op").get("/").headers["location"] == "/operations"


def test_it_says_what_is_missing_and_of_what_nobody_knows_how_much(browser, conn, house):
    a_gap(conn, house)
    letter = store_dead_letter(conn, "adhere/v1/c1/g1/live", "unknown_key", "", b"bytes")
    op = browser.enter(conn, "op")

    page = op.get("/operations").text
    hours = op.get(f"/operations?hours=168&gateway={house.gateway}").text

    assert '<td class="n">111</td><td class="n">71<small>63.9%</small></td>' in page
    assert '<td class="n"><b>40</b></td>' in page
    reason = "not the key this gateway is enrolled with<small><code>unknown_key</code></small>"
    assert f'<td class="n">{letter}</td><td>{reason}</td><td>g1</td>' in page
    assert "Findings against boxes that nobody has taken note of: 1" in page
    assert "Hour by hour" in hours
    assert "p1" not in page + hours


def test_a_gap_of_unknown_size_is_not_shown_as_nothing(browser, conn, house):
    a_gap(conn, house, says_count=False)

    page = browser.enter(conn, "op").get("/operations").text

    assert "batches of unknown size: 1" in page
    assert '<td>1</td><td class="n"><span class="off">unknown</span></td>' in page


def test_an_operator_of_another_centre_sees_nothing_of_it(browser, conn, house):
    a_gap(conn, house)
    store_dead_letter(conn, "adhere/v1/c1/g9/live", "unknown_gateway", "", b"of nobody")
    browser.enter(conn, "op").get("/operations")  # counts
    finding = house.one("SELECT id FROM ledger_finding")
    house.add_centre("c2", "Centre two")
    conn.execute(
        "UPDATE staff SET organisation_id = (SELECT id FROM organisation"
        " WHERE code = 'c2') WHERE code = 'op'"
    )

    page = browser.get(f"/operations?gateway={house.gateway}").text
    browser.post("/operations/seen", {"finding": finding})

    assert "g1" not in page
    assert "unknown_gateway" not in page
    assert house.one("SELECT seen_at FROM ledger_finding") is None


def test_an_operator_of_the_district_sees_every_centre_and_letters_of_nobody(browser, conn, house):
    a_gap(conn, house)
    store_dead_letter(conn, "adhere/v1/c1/g9/live", "unknown_gateway", "", b"of nobody")
    conn.execute(
        "UPDATE staff SET organisation_id = (SELECT id FROM organisation"
        " WHERE code = 'd') WHERE code = 'op'"
    )

    page = browser.enter(conn, "op").get("/operations").text

    assert "c1/g1" in page
    assert "unknown_gateway" in page


def test_a_finding_is_an_open_alert_until_an_operator_takes_note_of_it(browser, conn, house):
    a_gap(conn, house)
    op = browser.enter(conn, "op")
    op.get("/operations")
    finding = house.one("SELECT id FROM ledger_finding")

    for _time in range(2):
        assert (
            op.post("/operations/seen", {"finding": finding}).headers["location"] == "/operations"
        )

    page = op.get("/operations").text
    assert "broken chain" in page
    assert "nobody has taken note of" not in page
    assert house.trail("see_finding") == [("op", "see_finding", f"finding {finding}")]


def test_a_ledger_that_cannot_be_counted_is_said_and_the_page_stands(browser, conn, house):
    a_gap(conn, house)
    op = browser.enter(conn, "op")
    conn.execute(
        "CREATE OR REPLACE FUNCTION ledger_catch_up(most integer) RETURNS integer"
        " LANGUAGE plpgsql AS 'BEGIN RETURN 9223372036854775807 + 1; END'"
    )

    page = op.get("/operations").text

    assert "The ledger cannot be counted: batches in none of these sums: 3." in page
    assert "c1/g1" in page


def test_who_is_counting_at_this_moment_is_waited_for_by_nobody(browser, conn, house, database):
    a_gap(conn, house)
    op = browser.enter(conn, "op")
    with psycopg.connect(database) as watch:
        watch.execute("SELECT ledger_catch_up(20000)")
        page = op.get("/operations").text

    assert "Being counted: batches in none of these sums yet: 3" in page
    assert "Being counted" not in op.get("/operations").text


def test_of_a_box_that_is_down_it_says_that_nobody_knows_what_it_has_sealed(browser, conn, house):
    a_gap(conn, house)
    said = {"state": "online", "boot": BOOT.hex(), "sealed": 120, "unsealed": 3}
    conn.execute("DELETE FROM gateway_state")
    conn.execute(
        "INSERT INTO gateway_state SELECT %s, false, now(), now(), %s", (house.gateway, Jsonb(said))
    )
    op = browser.enter(conn, "op")
    op.get("/operations")

    page = op.get(f"/operations?gateway={house.gateway}").text

    down = '<td class="n"><span class="off">unknown</span><small>down: it may have sealed more'
    assert page.count(down) >= 2
    assert '<td class="n"><b>52</b></td>' in page  # 40 in the gap, 12 on its disk

"""Outages as gateways tell them: once each, growing, and never longer for being told again."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from config.errors import Rejected
from storage.box_times import LONGEST_AGE_MS
from storage.claims import store_edge_event
from storage.edge import EdgeOutage, EventOutcome
from storage.gateways import enrol_gateway
from storage.incoming import LATEST_SEALED_MS
from storage.people import put_organisation

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEGAN = datetime(2026, 5, 4, 9, tzinfo=UTC)


def ms(at):
    return round((at - EPOCH) / timedelta(milliseconds=1))


@pytest.fixture
def gateway_id(conn):
    put_organisation(conn, kind="centre", code="east", name="East")
    return enrol_gateway(
        conn, centre="east", gateway="g1", signing_key=bytes(32), encryption_key=bytes(32)
    )


def outage(gateway_id, minutes, *, ear="adapters", began=BEGAN, number=0, **more):
    given = {"age_ms": 0, "is_sure": True} | more
    return EdgeOutage(
        gateway_id=gateway_id, boot=bytes(16), number=number, ear=ear,
        began_utc_ms=ms(began), until_utc_ms=ms(began + timedelta(minutes=minutes)), **given,
    )  # fmt: skip


def stored(conn):
    return [
        (reason, (since - BEGAN) / timedelta(minutes=1), (until - BEGAN) / timedelta(minutes=1))
        for reason, since, until in conn.execute(
            "SELECT reason, lower(during), upper(during) FROM gateway_outage ORDER BY 1, 2"
        )
    ]


@pytest.mark.parametrize("order", list(itertools.permutations((60, 120, 170))))
def test_one_that_lasts_grows_in_whatever_order_it_is_told(conn, gateway_id, order):
    for minutes in order:
        store_edge_event(conn, outage(gateway_id, minutes))

    assert stored(conn) == [("adapters", 0, 170)]


def test_the_same_again_changes_nothing(conn, gateway_id):
    assert store_edge_event(conn, outage(gateway_id, 60)) is EventOutcome.STORED
    conn.execute("DELETE FROM changed")

    assert store_edge_event(conn, outage(gateway_id, 60)) is EventOutcome.DUPLICATE
    assert store_edge_event(conn, outage(gateway_id, 30)) is EventOutcome.DUPLICATE
    assert conn.execute("SELECT count(*) FROM changed").fetchone() == (0,)


def test_a_day_it_touches_is_computed_anew(conn, gateway_id):
    conn.execute("DELETE FROM changed")
    store_edge_event(conn, outage(gateway_id, 60))

    assert conn.execute("SELECT count(*) FROM changed").fetchone() == (1,)


def test_ears_and_times_are_told_apart(conn, gateway_id):
    store_edge_event(conn, outage(gateway_id, 60))
    store_edge_event(conn, outage(gateway_id, 60, ear="scanner hall"))
    store_edge_event(conn, outage(gateway_id, 30, began=BEGAN + timedelta(hours=5)))

    assert stored(conn) == [("adapters", 0, 60), ("adapters", 300, 330), ("scanner hall", 0, 60)]


def test_a_box_that_does_not_know_the_time_is_believed_in_how_long_ago_it_was(conn, gateway_id):
    asleep = datetime(1970, 1, 1, 0, 10, tzinfo=UTC)
    age = timedelta(minutes=20)
    said = outage(
        gateway_id, 60, began=asleep, is_sure=False, age_ms=round(age / timedelta(milliseconds=1))
    )
    store_edge_event(conn, said)

    ((_, since, until),) = stored(conn)
    now = (datetime.now(UTC) - BEGAN) / timedelta(minutes=1)
    assert until == pytest.approx(now - 20, abs=2)
    assert until - since == pytest.approx(60, abs=0.01)


def test_nothing_of_the_time_to_come_is_excused(conn, gateway_id):
    began = datetime.now(UTC) - timedelta(minutes=10)
    store_edge_event(conn, outage(gateway_id, 600, began=began))
    store_edge_event(conn, outage(gateway_id, 60, began=datetime.now(UTC) + timedelta(hours=2)))

    ((_, _, until),) = stored(conn)
    assert BEGAN + timedelta(minutes=until) <= datetime.now(UTC)


@pytest.mark.parametrize("age_ms", [LONGEST_AGE_MS + 1, 2**62, 2**63 - 1])
def test_an_age_beyond_belief_counts_as_unknown(conn, gateway_id, age_ms):
    store_edge_event(conn, outage(gateway_id, 60, is_sure=False, age_ms=age_ms))

    assert stored(conn) == [("adapters", 0, 60)]


def test_an_outage_of_all_times_by_a_clock_that_is_off_is_malformed(conn, gateway_id):
    all_times = outage(gateway_id, 1, is_sure=False, age_ms=0)
    all_times = replace(all_times, began_utc_ms=0, until_utc_ms=LATEST_SEALED_MS)

    with pytest.raises(Rejected, match="malformed"):
        store_edge_event(conn, all_times)

    assert stored(conn) == []


def test_of_years_without_an_ear_one_is_excused(conn, gateway_id):
    began = BEGAN - timedelta(days=3 * 366)
    store_edge_event(conn, outage(gateway_id, 3 * 366 * 1440, began=began))

    ((_, since, until),) = stored(conn)
    assert (until - since) / 1440 == 366

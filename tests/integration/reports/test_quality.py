"""The sheet of data quality: what the ledger said when the report was made, and no other word."""

from datetime import UTC, date, datetime, timedelta

import pytest

from reports.nightly.quality import as_rows, of_rows, quality_of
from storage import ledger
from storage.database import connect
from storage.dead_letters import store_dead_letter
from tests.batches import a_gateway
from tests.ledgers import Sealed, store

ZONE = "Asia/Shanghai"
MONDAY = date(2026, 11, 2)
NOON = datetime(2026, 11, 2, 4, tzinfo=UTC)
"""Of that Monday in Shanghai."""


def sealed_on(*days_and_counts):
    """Batches of one spool: (days after Monday, readings)."""
    batches, before, previous = [], 0, None
    for seq, (day, count) in enumerate(days_and_counts):
        sha256 = bytes([seq]) * 32
        at = NOON + timedelta(days=day)
        batches.append(Sealed(seq, count, before, at, previous, sha256))
        before, previous = before + count, sha256
    return batches


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def gateway(conn):
    """Enrolled on that Monday."""
    gateway_id = a_gateway(conn)
    conn.execute("UPDATE gateway_key SET enrolled_at = %s", (NOON,))
    return gateway_id


def expected_by_day(conn, until=8):
    rows = quality_of(conn, MONDAY - timedelta(days=7), MONDAY + timedelta(days=until), ZONE)
    return {row["day"].day: row["expected"] for row in rows.iter_rows(named=True)}


def test_a_day_under_a_whole_chain_has_nothing_and_one_beyond_it_is_unknown(conn, gateway):
    store(conn, gateway, sealed_on((0, 10), (3, 20)))
    ledger.catch_up(conn)

    assert expected_by_day(conn, 4) == {2: 10, 3: 0, 4: 0, 5: 20, 6: None}


def test_a_day_under_a_gap_is_unknown_and_what_is_missing_stands_where_it_begins(conn, gateway):
    sealed = sealed_on((0, 10), (2, 30), (4, 20))
    store(conn, gateway, [sealed[0], sealed[2]])
    ledger.catch_up(conn)

    rows = quality_of(conn, MONDAY, MONDAY + timedelta(days=4), ZONE)

    assert rows["expected"].to_list() == [40, None, None, None, 20]
    assert rows["pending"].to_list() == [30, 0, 0, 0, 0]


def test_a_gateway_that_never_sent_anything_has_its_rows(conn, gateway):
    rows = quality_of(conn, MONDAY, MONDAY + timedelta(days=1), ZONE)

    assert rows.select("gateway_code", "expected", "stored").rows() == [("g1", None, 0)] * 2


def test_the_days_are_local_and_letters_stand_beside(conn, gateway):
    late = sealed_on((0, 10))[0]._replace(at=datetime(2026, 11, 2, 16, 30, tzinfo=UTC))
    store(conn, gateway, [late])
    store_dead_letter(conn, "adhere/v1/east/g1/live", "forked_spool", "", b"other")
    conn.execute("UPDATE dead_letter SET first_seen_at = %s", (NOON,))
    ledger.catch_up(conn)

    rows = quality_of(conn, MONDAY, MONDAY + timedelta(days=1), ZONE)

    assert rows["stored"].to_list() == [0, 10]
    assert rows.select("refused", "forked").rows() == [(1, 1), (0, 0)]


def test_what_was_said_is_kept_to_the_last_cell(conn, gateway):
    store(conn, gateway, sealed_on((0, 10), (3, 20)))
    ledger.catch_up(conn)
    rows = quality_of(conn, MONDAY, MONDAY + timedelta(days=6), ZONE)

    assert of_rows(as_rows(rows)).equals(rows)
    assert of_rows(None) is None


def test_of_a_box_that_is_down_the_day_of_its_last_batch_is_unknown(conn, gateway):
    store(conn, gateway, sealed_on((0, 10), (3, 20)))
    ledger.catch_up(conn)
    conn.execute("INSERT INTO gateway_state VALUES (%s, false, NULL, %s, '{}')", (gateway, NOON))

    assert expected_by_day(conn, 4) == {2: 10, 3: 0, 4: 0, 5: None, 6: None}

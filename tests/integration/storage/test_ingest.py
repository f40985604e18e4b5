"""Batches into the database: each once, whole, or not at all."""

import threading
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from config.errors import Rejected, Unavailable
from storage.database import connect
from storage.gathered import NEWEST_MS
from storage.ingest import Outcome, store_batches
from tests.batches import BOOT, DAY_MS, T0_MS, a_batch, a_gateway, columns

STORED, DUPLICATE, FORKED = Outcome.STORED, Outcome.DUPLICATE, Outcome.FORKED
TABLES = ("batch", "batch_payload", "heart_rate", "touched", "batch_queue", "quarantined_reading")


@pytest.fixture
def is_plain(conn):
    """Whether days are made by us: TimescaleDB makes its own."""
    kind = conn.execute("SELECT relkind FROM pg_class WHERE relname = 'heart_rate'").fetchone()
    return kind == ("p",)


def counts(conn):
    return {
        table: conn.execute(
            psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table))
        ).fetchone()[0]
        for table in TABLES
    }


def test_a_batch_leaves_its_readings_ledger_payload_touched_and_queue(conn):
    gateway_id = a_gateway(conn)
    batch = a_batch(
        gateway_id,
        7,
        columns([T0_MS, T0_MS + 1234], [61.5, 62], device=1),
        columns([T0_MS + 60_000], [12], quantity="steps_increment", device=1, span_ms=60_000),
        columns([T0_MS + 5], [99], quantity="battery_pct", stamps=[-3]),
        devices=("AA", "BB"),
    )

    outcomes = store_batches(conn, [batch])

    assert outcomes == [STORED]
    (batch_id,) = conn.execute("SELECT id FROM batch").fetchone()
    ids = dict(conn.execute("SELECT device_key, id FROM device").fetchall())
    at = datetime(2016, 4, 12, tzinfo=UTC)
    assert conn.execute("SELECT * FROM heart_rate ORDER BY at").fetchall() == [
        (at, 61.5, batch_id, None, ids["BB"], 0, 0),
        (at.replace(second=1, microsecond=234_000), 62.0, batch_id, None, ids["BB"], 0, 0),
    ]
    assert conn.execute("SELECT value, span_ms FROM steps").fetchall() == [(12.0, 60_000)]
    assert conn.execute("SELECT value, device_ts_ms, device_id FROM battery").fetchall() == [
        (99.0, -3, ids["AA"])
    ]
    assert conn.execute(
        "SELECT gateway_id, boot, seq, content_sha256, lane, sealed_at, reading_count, "
        "quarantined_count FROM batch"
    ).fetchall() == [(gateway_id, BOOT, 7, batch.content_sha256, "live", at.replace(day=13), 4, 0)]
    assert conn.execute("SELECT content_sha256, sealed FROM batch_payload").fetchall() == [
        (batch.content_sha256, batch.sealed)
    ]
    for table in ("touched", "batch_queue"):
        assert conn.execute(
            psycopg.sql.SQL(
                "SELECT batch_id, device_id, min_at, max_at FROM {} ORDER BY device_id"
            ).format(psycopg.sql.Identifier(table))
        ).fetchall() == [
            (batch_id, ids["AA"], at.replace(microsecond=5000), at.replace(microsecond=5000)),
            (batch_id, ids["BB"], at, at.replace(minute=1)),
        ]


def test_a_batch_that_comes_again_changes_nothing(conn):
    batch = a_batch(a_gateway(conn), 1, columns([T0_MS], [60]))
    store_batches(conn, [batch])
    before = counts(conn)

    outcomes = store_batches(conn, [batch, batch])

    assert outcomes == [DUPLICATE, DUPLICATE]
    assert counts(conn) == before


def test_a_batch_twice_in_one_call_is_stored_once(conn):
    batch = a_batch(a_gateway(conn), 1, columns([T0_MS], [60]))

    outcomes = store_batches(conn, [batch, batch])

    assert outcomes == [STORED, DUPLICATE]
    assert counts(conn)["heart_rate"] == 1


@pytest.mark.parametrize("in_one_call", [True, False])
def test_other_content_under_a_known_key_is_a_fork_and_leaves_no_trace(conn, in_one_call):
    gateway_id = a_gateway(conn)
    batch = a_batch(gateway_id, 1, columns([T0_MS], [60]))
    fork = a_batch(gateway_id, 1, columns([T0_MS], [61]))
    other = a_batch(gateway_id, 2, columns([T0_MS + 1], [70]))

    if in_one_call:
        outcomes = store_batches(conn, [batch, fork, other])
    else:
        outcomes = store_batches(conn, [batch]) + store_batches(conn, [fork, other])

    assert outcomes == [STORED, FORKED, STORED]
    assert conn.execute("SELECT value FROM heart_rate ORDER BY value").fetchall() == [(60,), (70,)]
    assert counts(conn)["batch_payload"] == 2


def test_the_fork_may_come_before_the_batch_that_is_known(conn):
    gateway_id = a_gateway(conn)
    batch = a_batch(gateway_id, 1, columns([T0_MS], [60]))
    fork = a_batch(gateway_id, 1, columns([T0_MS], [61]))
    store_batches(conn, [batch])

    assert store_batches(conn, [fork, batch]) == [FORKED, DUPLICATE]


def test_the_same_sequence_of_another_gateway_or_spool_is_another_batch(conn):
    first, second = a_gateway(conn, "g1"), a_gateway(conn, "g2")
    batches = [
        a_batch(first, 1, columns([T0_MS], [60])),
        a_batch(second, 1, columns([T0_MS], [61]), salt=b"2"),
        a_batch(first, 1, columns([T0_MS], [62]), boot=bytes(16)),
    ]

    assert store_batches(conn, batches) == [STORED] * 3
    assert counts(conn)["heart_rate"] == 3


def test_readings_that_cannot_be_true_are_set_aside_with_the_reason(conn):
    sealed = T0_MS + 500 * DAY_MS
    edges = [sealed - 400 * DAY_MS, sealed + 300_000]
    batch = a_batch(
        a_gateway(conn),
        1,
        columns([*edges, edges[0] - 1, edges[1] + 1, sealed, sealed], [1, 2, 3, 4, np.nan, np.inf]),
        columns([sealed], [5], quantity="steps_increment", span_ms=2**31, stamps=[17]),
        sealed_utc_ms=sealed,
    )

    store_batches(conn, [batch])

    assert conn.execute("SELECT value FROM heart_rate ORDER BY value").fetchall() == [(1,), (2,)]
    assert conn.execute(
        "SELECT quantity, at_utc_ms, span_ms, device_ts_ms, reason FROM quarantined_reading "
        "ORDER BY reason, value"
    ).fetchall() == [
        ("heart_rate_bpm", sealed, 0, None, "not_finite"),
        ("heart_rate_bpm", sealed, 0, None, "not_finite"),
        ("steps_increment", sealed, 2**31, 17, "span_too_long"),
        ("heart_rate_bpm", edges[0] - 1, 0, None, "too_early"),
        ("heart_rate_bpm", edges[1] + 1, 0, None, "too_late"),
    ]
    assert conn.execute("SELECT reading_count, quarantined_count FROM batch").fetchone() == (7, 5)
    assert conn.execute(
        "SELECT extract(epoch FROM min_at) * 1000, extract(epoch FROM max_at) * 1000 FROM touched"
    ).fetchall() == [tuple(edges)]


def late_by(ms):
    return time.time_ns() // 1_000_000 + ms


def test_what_lies_ahead_of_the_district_by_a_boxs_clock_makes_no_day_and_counts_for_nobody(conn):
    sealed = late_by(300 * DAY_MS)
    batch = a_batch(
        a_gateway(conn),
        1,
        columns(
            [late_by(-1000), late_by(NEWEST_MS - 60_000), sealed - 5, sealed + 5], [1, 2, 3, 4]
        ),
        sealed_utc_ms=sealed,
    )

    assert store_batches(conn, [batch]) == [STORED]

    assert conn.execute("SELECT value FROM heart_rate ORDER BY value").fetchall() == [(1,), (2,)]
    assert conn.execute("SELECT value, reason FROM quarantined_reading ORDER BY 1").fetchall() == [
        (3, "clock_suspect"),
        (4, "clock_suspect"),
    ]
    latest = f"heart_rate_{datetime.now(UTC) + timedelta(days=2):%Y%m%d}"
    made = "SELECT count(*) FROM pg_class WHERE relname > %s AND relname ~ '^heart_rate_[0-9]{8}$'"
    assert conn.execute(made, (latest,)).fetchone() == (0,)


def test_a_hub_whose_clock_stands_behind_sets_nothing_aside(conn, monkeypatch):
    now = time.time_ns()
    batch = a_batch(
        a_gateway(conn), 1, columns([now // 1_000_000], [60]), sealed_utc_ms=now // 1_000_000
    )
    monkeypatch.setattr("storage.ingest.time.time_ns", lambda: now - 10 * DAY_MS * 1_000_000)

    store_batches(conn, [batch])

    assert counts(conn)["heart_rate"] == 1


def days_of(conn, count, seq, *, first=T0_MS):
    ats = [first + number * DAY_MS for number in range(count)]
    return a_batch(
        conn, seq, columns(ats, [60] * count), sealed_utc_ms=first + count * DAY_MS, salt=b"d"
    )


def test_a_batch_of_many_days_waits_for_them_and_holds_nobody_up(conn, is_plain):
    gateway = a_gateway(conn)
    long, short = days_of(gateway, 37, 1), days_of(gateway, 2, 2, first=T0_MS - 9 * DAY_MS)

    outcomes = [store_batches(conn, [long, short], most_new_days=10)]
    while outcomes[-1][0] is not STORED:
        assert counts(conn)["batch"] == 1
        outcomes.append(store_batches(conn, [long], most_new_days=10))

    assert outcomes[0] == ([Outcome.WAITING, STORED] if is_plain else [STORED, STORED])
    assert len(outcomes) == (4 if is_plain else 1), "8, 10, 10 and 9 days"
    assert counts(conn)["heart_rate"] == 39
    assert store_batches(conn, [long], most_new_days=0) == [DUPLICATE]


def test_without_a_bound_all_days_are_made_at_once(conn):
    assert store_batches(conn, [days_of(a_gateway(conn), 37, 1)]) == [STORED]


def test_no_new_day_may_be_made_and_what_needs_none_is_stored(conn, is_plain):
    gateway = a_gateway(conn)
    store_batches(conn, [days_of(gateway, 3, 1)])

    outcomes = store_batches(
        conn, [days_of(gateway, 4, 2), days_of(gateway, 2, 3)], most_new_days=0
    )

    assert outcomes == [Outcome.WAITING if is_plain else STORED, STORED]


def test_a_batch_without_readings_is_entered_all_the_same(conn):
    batch = a_batch(a_gateway(conn), 1, columns([], []))

    assert store_batches(conn, [batch]) == [STORED]
    assert counts(conn) == dict.fromkeys(TABLES, 0) | {
        "batch": 1,
        "batch_payload": 1,
    }


def test_no_batches_are_no_work(conn):
    assert store_batches(conn, []) == []


def test_what_the_database_refuses_is_rejected_whole_and_says_no_value(conn):
    good = a_batch(a_gateway(conn), 1, columns([T0_MS], [61.25]))
    bad = a_batch(999, 2, columns([T0_MS], [61.25]))

    with pytest.raises(
        Rejected, match="database_refused: ForeignKeyViolation sqlstate=23503"
    ) as caught:
        store_batches(conn, [good, bad])

    assert "61.25" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert counts(conn)["batch"] == 0


def test_a_lost_connection_is_unavailable_and_the_same_batches_may_be_given_again(conn, database):
    batch = a_batch(a_gateway(conn), 1, columns([T0_MS], [60]))
    with connect(database) as other:
        conn.execute("SELECT pg_terminate_backend(%s)", (other.info.backend_pid,))

        with pytest.raises(Unavailable):
            store_batches(other, [batch])

    assert store_batches(conn, [batch]) == [STORED]


def test_inside_a_transaction_it_refuses_to_work(conn):
    with conn.transaction(), pytest.raises(RuntimeError):
        store_batches(conn, [])


def test_two_hubs_with_the_same_batches_store_each_once(conn, database):
    gateway_id = a_gateway(conn)
    batches = [
        a_batch(
            gateway_id,
            seq,
            columns([T0_MS - seq * DAY_MS // 7], [60 + seq]),
            devices=(f"{seq % 3}",),
        )
        for seq in range(40)
    ]
    outcomes = {}
    barrier = threading.Barrier(2)

    def work(name, mine):
        with connect(database) as own:
            barrier.wait()
            outcomes[name] = [store_batches(own, [one, *mine[:3]])[0] for one in mine]

    threads = [
        threading.Thread(target=work, args=("up", batches)),
        threading.Thread(target=work, args=("down", batches[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 2
    assert counts(conn) == {
        "batch": 40,
        "batch_payload": 40,
        "heart_rate": 40,
        "touched": 40,
        "batch_queue": 40,
        "quarantined_reading": 0,
    }


def test_a_known_band_does_not_use_up_numbers(conn):
    gateway_id = a_gateway(conn)
    for seq in range(5):
        store_batches(conn, [a_batch(gateway_id, seq, columns([T0_MS], [60]))])

    store_batches(conn, [a_batch(gateway_id, 9, columns([T0_MS], [60]), devices=("new",))])

    assert conn.execute("SELECT array_agg(id ORDER BY id) FROM device").fetchone() == ([1, 2],)

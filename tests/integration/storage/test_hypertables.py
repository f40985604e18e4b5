"""Where the server has TimescaleDB the tables of readings are hypertables by day."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest

from reports.nightly.recompute import recompute
from reports.why import minutes_of_week
from scripts.bench.disk import on_disk
from storage.database import connect, snapshot
from storage.ingest import store_batches
from storage.reading_tables import TABLE_OF
from storage.retention import Policies, apply_policies
from storage.status import look
from tests.batches import DAY_MS, T0_MS, a_batch, a_gateway, columns
from tests.district import District, every, from_scratch, local_ms, results
from tests.postgres import new_database


@pytest.fixture
def database(timescale):
    server_dsn, template = timescale
    with new_database(server_dsn, template=template) as dsn:
        yield dsn


def test_every_reading_table_is_a_hypertable_with_chunks_of_one_utc_day(conn):
    batch = a_batch(a_gateway(conn), 1, columns([T0_MS, T0_MS + DAY_MS - 1], [60, 61]))

    store_batches(conn, [batch])

    dimensions = conn.execute(
        "SELECT hypertable_name, time_interval = interval '1 day' "
        "FROM timescaledb_information.dimensions ORDER BY 1"
    ).fetchall()
    assert dimensions == [(table, True) for table in sorted(TABLE_OF.values())]
    assert conn.execute(
        "SELECT hypertable_name, range_start::text FROM timescaledb_information.chunks"
    ).fetchall() == [("heart_rate", "2016-04-12 00:00:00+00")]
    assert look(conn).timescale


def test_days_need_not_be_made(conn):
    made = conn.execute("SELECT ensure_reading_days('steps', ARRAY['2016-04-12'::date])")

    assert made.fetchone() == (0,)


def test_compressed_days_can_be_written_and_read(conn):
    gateway_id = a_gateway(conn)
    store_batches(conn, [a_batch(gateway_id, 1, columns([T0_MS], [60]))])
    packed(conn)

    store_batches(conn, [a_batch(gateway_id, 2, columns([T0_MS + 1], [61]))])

    assert conn.execute("SELECT value FROM heart_rate ORDER BY at").fetchall() == [(60,), (61,)]


def packed(conn):
    """Compress what is three weeks old."""
    policies = Policies(
        compress_after_days=21, retain_readings_days=None, purge_unowned_after_days=30
    )
    return apply_policies(conn, policies, now=datetime.now(UTC), actor="nightly")


def test_a_snapshot_misses_no_row_of_a_day_that_is_compressed_again(conn, database):
    gateway_id = a_gateway(conn)
    ats = [T0_MS + n * 1000 for n in range(100)]
    store_batches(conn, [a_batch(gateway_id, 1, columns(ats, [60] * 100))])
    packed(conn)
    store_batches(conn, [a_batch(gateway_id, 2, columns([T0_MS + 500], [61]))])
    done = []
    with connect(database) as other:
        packing = threading.Thread(target=lambda: done.append(packed(other)))
        with snapshot(conn):
            conn.execute("SELECT 1 FROM batch LIMIT 1")
            packing.start()
            packing.join(1)
            assert packing.is_alive()
            assert conn.execute("SELECT count(*) FROM heart_rate").fetchone() == (101,)
        packing.join()

    assert done[0].compressed_days == 1
    assert conn.execute("SELECT count(*) FROM heart_rate").fetchone() == (101,)


def test_a_compressed_reading_of_one_a_second_takes_three_bytes_at_most(conn):
    seen = on_disk(conn, hours=0.5)

    assert seen.readings == 72_000
    assert seen.compressed <= 3
    assert seen.rows > 20 * seen.compressed


def test_a_packed_week_is_computed_and_explained_as_before(conn):
    district, sunday = District(conn), date(2022, 11, 13)
    enrolment = district.wear("p1", starts_on=date(2022, 11, 7))
    start = local_ms("2022-11-09 07:40:00")  # over the midnight of UTC
    rows = every(start, start + 40 * 60_000, 120)
    minutes = [(start + n * 60_000, 30) for n in range(40)]
    district.hear("p1", heart_rate=rows, steps=minutes)
    district.hear("p1", heart_rate=[(ms + 3, bpm) for ms, bpm in rows], stamps=range(len(rows)))
    recompute(conn, through=sunday)
    stored, why = results(conn), minutes_of_week(conn, enrolment, sunday - timedelta(days=6))

    assert packed(conn).compressed_days == 2 * 2
    from_scratch(conn)
    recompute(conn, through=sunday)

    assert results(conn) == stored
    again = minutes_of_week(conn, enrolment, sunday - timedelta(days=6))
    assert again.minutes.equals(why.minutes)
    assert again.days == why.days
    assert len(again.sessions) == 1
    assert again.sessions == why.sessions

"""Where the server has TimescaleDB the tables of readings are hypertables by day."""

import pytest

from storage.ingest import store_batches
from storage.reading_tables import TABLE_OF
from storage.status import look
from tests.batches import DAY_MS, T0_MS, a_batch, a_gateway, columns
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
    conn.execute("ALTER TABLE heart_rate SET (timescaledb.compress)")
    conn.execute("SELECT compress_chunk(chunk) FROM show_chunks('heart_rate') AS chunk")

    store_batches(conn, [a_batch(gateway_id, 2, columns([T0_MS + 1], [61]))])

    assert conn.execute("SELECT value FROM heart_rate ORDER BY at").fetchall() == [(60,), (61,)]

"""Days of readings: made on demand, by several hubs at once, without shutting anybody out."""

import threading
from datetime import date, timedelta

import pytest

from storage.database import connect
from storage.queries import query
from storage.reading_tables import TABLE_OF
from tests.postgres import new_database

DAYS = [date(2016, 3, 1) + timedelta(days=n) for n in range(45)]


@pytest.fixture
def database(postgres, template):
    """Plain PostgreSQL alone: a hypertable makes its own days."""
    with new_database(postgres.dsn, template=template) as dsn:
        yield dsn


def ensure(conn, table, days):
    given = {"reading_table": table, "days": days}
    return conn.execute(query("ensure_reading_days"), given).fetchone()[0]


def partitions(conn):
    return conn.execute(
        "SELECT count(*) FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE relkind = 'r'"
    ).fetchone()[0]


@pytest.mark.parametrize("table", sorted(TABLE_OF.values()))
def test_days_are_made_once_in_utc_and_indexed(conn, table):
    assert ensure(conn, table, [*DAYS, *DAYS]) == 45
    assert ensure(conn, table, DAYS) == 0

    conn.execute("SET timezone = 'Asia/Shanghai'")
    bounds = conn.execute(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = %s",
        (f"{table}_20160301",),
    ).fetchone()[0]
    assert bounds == ("FOR VALUES FROM ('2016-03-01 08:00:00+08') TO ('2016-03-02 08:00:00+08')")
    assert conn.execute(
        "SELECT count(*) FROM pg_indexes WHERE tablename = %s", (f"{table}_20160301",)
    ).fetchone() == (1,)


def test_days_do_not_depend_on_the_sessions_time_zone(conn):
    conn.execute("SET timezone = 'Asia/Shanghai'")
    ensure(conn, "steps", DAYS[:1])
    conn.execute("SET timezone = 'UTC'")

    assert (
        conn.execute(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'steps_20160301'"
        )
        .fetchone()[0]
        .startswith("FOR VALUES FROM ('2016-03-01 00:00:00+00')")
    )


def test_several_hubs_may_want_the_same_days_at_once(conn, database):
    made = []
    barrier = threading.Barrier(4)

    def work():
        with connect(database) as own:
            barrier.wait()
            made.append(ensure(own, "heart_rate", DAYS))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [0, 0, 0, 45]
    assert partitions(conn) == 45


def test_readers_and_writers_of_the_table_are_not_waited_for(conn, database):
    ensure(conn, "steps", DAYS[:1])
    with connect(database) as other, other.transaction():
        other.execute("INSERT INTO steps VALUES ('2016-03-01', 1, 1, NULL, 1, 0, 0)")
        conn.execute("SET lock_timeout = '5s'")

        assert ensure(conn, "steps", DAYS) == 44


@pytest.mark.parametrize("table", ["patient", "steps; DROP TABLE steps", '"'])
def test_no_other_table_can_be_named(conn, table):
    with pytest.raises(Exception, match="no such reading table"):
        ensure(conn, table, DAYS)


def test_only_who_was_allowed_may_make_days(conn):
    conn.execute("DROP ROLE IF EXISTS test_reader")
    conn.execute("CREATE ROLE test_reader")
    try:
        conn.execute("SET ROLE test_reader")
        with pytest.raises(Exception, match="permission denied"):
            ensure(conn, "steps", DAYS)
    finally:
        conn.execute("RESET ROLE")
        conn.execute("DROP ROLE test_reader")


def test_a_path_laid_by_the_caller_is_not_followed(conn):
    conn.execute("CREATE SCHEMA evil")
    conn.execute("CREATE FUNCTION evil.to_char(date, text) RETURNS text RETURN 'steps'")
    conn.execute("SET search_path = evil, pg_catalog, public")

    assert ensure(conn, "steps", DAYS[:1]) == 1
    assert conn.execute("SELECT to_regclass('public.steps_20160301') IS NOT NULL").fetchone()[0]

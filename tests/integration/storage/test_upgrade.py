"""A database of every earlier version, with data in all its tables, comes up to date with it.

One database grows: a migration, then `tests/upgrades/<number>.sql` with rows for what is new. From
each of its steps on, all later migrations are run and looked at, and then rolled back.
"""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from psycopg import sql

from storage.database import connect
from storage.migrate import MIGRATIONS_DIR, migrate, require_current, run_one
from storage.queries import query
from tests.postgres import new_database

DATA = Path(__file__).resolve().parents[2] / "upgrades"
VERSIONS = sorted(path.name for path in MIGRATIONS_DIR.glob("*.sql"))
EARLIER = VERSIONS[:-1]
RENAMED = {"zone_lo_pct": "zone_lo", "zone_hi_pct": "zone_hi"}
"""Columns of prescription, by 0011."""
NOT_YET_WRITTEN = {"0004": {"week", "nightly_run"}}
"""No program of that version wrote them, and 0005 adds to them what could not be said of a row."""
FORGOTTEN = {"batch_queue": "0008"}
"""What 0008 found in it had been read by nobody, and was too old to be urgent."""
REWRITTEN = {"login": ("password_hash", "0017")}
"""What a migration says in another way: the same passwords open."""
DROPPED = {"touched": {"id"}, "ledger_spool": {"lost_sealed", "released"}}
"""Columns that a migration takes away on purpose."""
SHAPE = (DATA / "shape.sql").read_bytes()


@pytest.fixture(params=["plain", "timescale"])
def server_dsn(request):
    if request.param == "timescale":
        return request.getfixturevalue("timescale")[0]
    return request.getfixturevalue("postgres").dsn


def test_every_earlier_version_keeps_its_data_and_comes_to_look_like_a_new_database(
    server_dsn, tmp_path
):
    with new_database(server_dsn, template="template0") as new, connect(new) as conn:
        migrate(conn)
        shape = conn.execute(SHAPE).fetchall()
    with new_database(server_dsn, template="template0") as dsn, connect(dsn) as conn:
        conn.execute("SET synchronous_commit = off")  # nothing here needs to survive
        for number, version in enumerate(EARLIER, start=1):
            shutil.copy(MIGRATIONS_DIR / version, tmp_path)
            assert migrate(conn, folder=tmp_path) == [version]
            data = DATA / f"{version[:4]}.sql"
            if data.exists():
                conn.execute(data.read_bytes())
            with conn.transaction(force_rollback=True):
                before = {table: rows(conn, table) for table in tables(conn)}
                empty = {table for table, found in before.items() if not found}
                assert empty <= NOT_YET_WRITTEN.get(version[:4], set()), "say what stands in them"

                for later in VERSIONS[number:]:
                    run_one(conn, MIGRATIONS_DIR / later)

                require_current(conn)
                assert set(before) <= set(tables(conn))
                assert [
                    (version, table, lost)
                    for table, was in before.items()
                    if version >= FORGOTTEN.get(table, "")
                    and (lost := missed(conn, table, was, version))
                ] == []
                assert conn.execute(SHAPE).fetchall() == shape, version


def tables(conn):
    return [name for (name,) in conn.execute(query("find_tables"))]


def rows(conn, table):
    """Every row as a dictionary, its columns under their names of today."""
    text = sql.SQL("SELECT to_jsonb(t) FROM {} AS t").format(sql.Identifier(table))
    return [
        {RENAMED.get(name, name): value for name, value in row.items()}
        for (row,) in conn.execute(text)
    ]


def missed(conn, table, was, version):
    """Rows that are not as they were in every column that is still there."""
    now = rows(conn, table)
    if not was or not now:
        return was
    other, since = REWRITTEN.get(table, ("", ""))
    columns = sorted((was[0].keys() & now[0].keys()) - ({other} if version < since else set()))
    assert was[0].keys() - now[0].keys() <= DROPPED.get(table, set()), table

    def seen(these):
        return Counter(repr([row[name] for name in columns]) for row in these)

    return seen(was) - seen(now)

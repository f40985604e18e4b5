"""A COMMIT is on disk before anybody is told of it, whatever the server has as default."""

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from config.errors import Misconfigured
from storage.database import connect, require_durable
from storage.embedded import EmbeddedPostgres, server


def test_a_default_of_the_database_cannot_make_commits_lazy(database):
    with psycopg.connect(database, autocommit=True) as conn:
        name = sql.Identifier(conn.info.dbname)
        conn.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))

    with connect(database) as conn:
        setting = conn.execute("SHOW synchronous_commit").fetchone()

    assert setting == ("on",)


def test_a_server_that_syncs_is_good_enough(database):
    with connect(database) as conn:
        require_durable(conn)


def test_a_server_without_fsync_is_refused(server_folder, monkeypatch):
    monkeypatch.setitem(server.SETTINGS, "fsync", "off")
    place = server_folder / "unsafe"

    with (
        EmbeddedPostgres(place, base=server_folder / "base") as unsafe,
        connect(unsafe.dsn) as conn,
        pytest.raises(Misconfigured, match="fsync"),
    ):
        require_durable(conn)


def test_a_peer_that_fell_silent_is_noticed_within_seconds_at_both_ends(database):
    """By default it takes a quarter of an hour: so long no alarm would be told."""
    with connect(database) as conn:
        client = conn.info.get_parameters()
        server = conn.execute(
            "SELECT name FROM pg_settings WHERE source = 'client' AND name LIKE 'tcp%' ORDER BY 1"
        ).fetchall()

    assert (client["keepalives_idle"], client["tcp_user_timeout"]) == ("10", "20000")
    assert [name for (name,) in server] == [
        "tcp_keepalives_count",
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_user_timeout",
    ]


def test_a_dsn_that_says_when_a_peer_is_gone_is_heeded(database):
    with connect(make_conninfo(database, tcp_user_timeout="5000")) as conn:
        assert conn.info.get_parameters()["tcp_user_timeout"] == "5000"

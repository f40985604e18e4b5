"""A COMMIT is on disk before anybody is told of it, whatever the server has as default."""

import psycopg
import pytest
from psycopg import sql

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

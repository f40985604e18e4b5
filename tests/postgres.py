"""One PostgreSQL server a session, one migrated database a test. Loaded by pyproject.toml.

`postgres` is the server, `database` the DSN of a fresh migrated database. A test that kills its
server makes one of its own.
"""

import contextlib
import shutil
import tempfile
import uuid
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate


@pytest.fixture(scope="session")
def server_folder():
    """A folder that also an unprivileged account can enter; pytest's own are ours alone."""
    folder = Path(tempfile.mkdtemp(prefix="adhere-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(server_folder):
    with EmbeddedPostgres(server_folder / "postgres", base=server_folder / "base") as server:
        yield server


@contextlib.contextmanager
def new_database(server_dsn, *, template="template1"):
    """Make a database for as long as it is needed; yield its DSN."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_dsn, autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    try:
        yield make_conninfo(server_dsn, dbname=name)
    finally:
        with psycopg.connect(server_dsn, autocommit=True) as conn:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def migrated_template(server_dsn):
    """Make a migrated database to copy from; yield its name."""
    with new_database(server_dsn) as dsn:
        with connect(dsn) as conn:
            migrate(conn)
            name = conn.info.dbname
        with psycopg.connect(server_dsn, autocommit=True) as conn:
            # TimescaleDB's own workers would sit in it, and then it cannot be copied.
            conn.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name))
            )
            conn.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s",
                (name,),
            )
        yield name


@pytest.fixture(scope="session")
def template(postgres):
    with migrated_template(postgres.dsn) as name:
        yield name


@pytest.fixture
def database(postgres, template):
    with new_database(postgres.dsn, template=template) as dsn:
        yield dsn

"""One PostgreSQL server a session, one migrated database a test. Loaded by pyproject.toml.

`postgres` is the server, `database` the DSN of a fresh migrated database. A test that kills its
server makes one of its own. `either_database` is a fresh database on plain PostgreSQL, then one on
a server with TimescaleDB, where a variable of the environment names one.
"""

import contextlib
import os
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
from storage.embedded.place import POINTER
from storage.migrate import migrate

TIMESCALE_DSN = "ADHERE_TEST_TIMESCALE_DSN"


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


@pytest.fixture(scope="session", autouse=True)
def _nothing_left_elsewhere(tmp_path_factory):
    """As root a command whose folder is pytest's has its database elsewhere: remove that too."""
    yield
    for pointer in tmp_path_factory.getbasetemp().rglob(POINTER):
        shutil.rmtree(pointer.read_text("utf-8").strip(), ignore_errors=True)


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


@pytest.fixture(scope="session")
def timescale():
    """The DSN of a server with TimescaleDB, and the name of a migrated template on it."""
    dsn = os.environ.get(TIMESCALE_DSN)
    if not dsn:
        pytest.skip(f"{TIMESCALE_DSN} is not set")
    with migrated_template(dsn) as name:
        yield dsn, name


@pytest.fixture(params=["plain", "timescale"])
def either_database(request):
    if request.param == "timescale":
        server_dsn, name = request.getfixturevalue("timescale")
    else:
        server_dsn = request.getfixturevalue("postgres").dsn
        name = request.getfixturevalue("template")
    with new_database(server_dsn, template=name) as dsn:
        yield dsn

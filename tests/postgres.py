"""One PostgreSQL server a session, one migrated database a test. Loaded by pyproject.toml.

`postgres` is the server, `database` the DSN of a fresh migrated database. A test that kills its server
makes one of its own.
"""

import shutil
import tempfile
import uuid
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

TEMPLATE = "adhere_template"


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


@pytest.fixture(scope="session")
def template(postgres):
    with psycopg.connect(postgres.dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    with connect(postgres.dsn_of(TEMPLATE)) as conn:
        migrate(conn)
    return TEMPLATE


@pytest.fixture
def database(postgres, template):
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        yield postgres.dsn_of(name)
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

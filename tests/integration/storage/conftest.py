"""Storage runs on plain PostgreSQL and on TimescaleDB: its tests see both."""

import os

import pytest

from storage.database import connect
from tests.postgres import migrated_template, new_database

TIMESCALE_DSN = "ADHERE_TEST_TIMESCALE_DSN"


@pytest.fixture(scope="session")
def timescale():
    """Yield (DSN of the server, name of the migrated template)."""
    dsn = os.environ.get(TIMESCALE_DSN)
    if not dsn:
        pytest.skip(f"{TIMESCALE_DSN} is not set")
    with migrated_template(dsn) as name:
        yield dsn, name


@pytest.fixture(params=["plain", "timescale"])
def database(request):
    if request.param == "timescale":
        server_dsn, template = request.getfixturevalue("timescale")
    else:
        server_dsn = request.getfixturevalue("postgres").dsn
        template = request.getfixturevalue("template")
    with new_database(server_dsn, template=template) as dsn:
        yield dsn


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn

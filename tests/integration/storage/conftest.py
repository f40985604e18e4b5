"""Storage runs on plain PostgreSQL and on TimescaleDB: its tests see both."""

import pytest

from storage.database import connect


@pytest.fixture
def database(either_database):
    return either_database


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn

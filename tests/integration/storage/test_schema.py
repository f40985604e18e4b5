"""What is written down of the schema is what the migrations make."""

import pytest

from scripts.schema import TABLES_PAGE
from storage.database import connect
from storage.schema import SCHEMA_FILE, dump, tables_page, uncommented
from tests.postgres import new_database

HINT = "run: python -m scripts.schema"


@pytest.fixture
def database(postgres, template):
    """Plain PostgreSQL alone: with TimescaleDB the dump has much that is not ours."""
    with new_database(postgres.dsn, template=template) as dsn:
        yield dsn


def test_the_schema_file_is_what_the_migrations_make(postgres, database):
    assert dump(postgres.programs, database) == SCHEMA_FILE.read_text("utf-8"), HINT


def test_the_page_of_tables_is_complete(conn):
    assert tables_page(conn) == TABLES_PAGE.read_text("utf-8"), HINT


def test_days_made_later_are_no_tables_of_their_own(database):
    with connect(database) as conn:
        conn.execute("SELECT ensure_reading_days('steps', ARRAY['2016-01-01'::date])")

        assert tables_page(conn) == TABLES_PAGE.read_text("utf-8"), HINT


def test_every_table_and_function_says_what_it_is_for(conn):
    assert uncommented(conn) == []
    conn.execute("CREATE TABLE silent (x integer)")
    assert uncommented(conn) == ["silent"]

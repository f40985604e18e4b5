"""What is in a database at one moment: rows and a hash for each table, and the audit anchor.

A hash is the sum of the server's own 64-bit hash of each row: the order of the rows does not
matter, every value of every column does. It finds what a dump lost or bent; that nobody changed
the dump's files is what SHA256SUMS is for.
"""

from typing import NamedTuple

from psycopg import sql

from storage import audit_chain
from storage.database import Connection, border
from storage.queries import query


class Table(NamedTuple):
    """The rows of one table."""

    rows: int
    hash: int
    """Modulo 2**64."""


class Content(NamedTuple):
    """All tables by name, and the newest sealed block of the audit trail."""

    tables: dict[str, Table]
    anchor: audit_chain.Anchor | None
    unsealed: int
    """Rows of the trail written since that block."""


class Difference(NamedTuple):
    """A table that is not as it was; None where it is not there at all."""

    table: str
    before: Table | None
    after: Table | None


def look(conn: Connection) -> Content:
    """Count and hash every table; inside a snapshot all of it is of one moment."""
    with border():
        names = [str(name) for (name,) in conn.execute(query("find_tables"))]
        tables = {name: _table(conn, name) for name in names}
        if "audit_block" not in tables:
            return Content(tables, None, 0)
        anchor = audit_chain.newest(conn)
        row = conn.execute(query("count_unsealed_audit")).fetchone()
    return Content(tables, anchor, int(row[0]) if row else 0)


def differences(before: Content, after: Content) -> list[Difference]:
    """Return the tables that differ, by name."""
    return [
        Difference(name, before.tables.get(name), after.tables.get(name))
        for name in sorted(before.tables.keys() | after.tables.keys())
        if before.tables.get(name) != after.tables.get(name)
    ]


def _table(conn: Connection, name: str) -> Table:
    row = conn.execute(
        sql.SQL(
            "SELECT count(*), coalesce(sum(hash_record_extended(t, 0)), 0) FROM public.{} AS t"
        ).format(sql.Identifier(name))
    ).fetchone()
    rows, total = row or (0, 0)
    return Table(int(rows), int(total) % 2**64)

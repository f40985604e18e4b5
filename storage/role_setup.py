"""The group roles on a server: made where they are missing, and looked at.

Roles belong to the server, not to a database: two databases that migrate at once both find them
missing, and a dump restored on another server finds none.
"""

import psycopg
from psycopg import sql

from config.errors import Misconfigured
from config.language import _
from storage.database import Connection, border, require_idle
from storage.queries import query
from storage.roles import Role

ALREADY_MADE = (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation)
"""Of a role that somebody made before, and of one that somebody makes at the same moment."""


def make_missing_roles(conn: Connection) -> list[Role]:
    """Make the group roles that the server lacks; return them.

    Raises Misconfigured where the login may not make roles, with what to run instead.
    """
    require_idle(conn)
    wanted = missing_roles(conn)
    for role in wanted:
        try:
            with border():
                _make(conn, role)
        except Misconfigured:
            raise Misconfigured(
                _(
                    "The server lacks roles, and this login may not make them (CREATEROLE). As an"
                    " administrator of the server run this, then try again:\n%(statements)s"
                )
                % {"statements": "\n".join(statement_of(conn, each) for each in wanted)}
            ) from None
    return wanted


def missing_roles(conn: Connection) -> list[Role]:
    """Return the group roles that the server lacks."""
    with border():
        there = {name for (name,) in conn.execute(query("find_roles"), {"roles": list(Role)})}
    return [role for role in Role if role not in there]


def statement_of(conn: Connection, role: Role) -> str:
    """Return the SQL that makes `role`."""
    return _statement(role).as_string(conn)


def _statement(role: Role) -> sql.Composed:
    return sql.SQL("CREATE ROLE {} NOLOGIN;").format(sql.Identifier(role))


def _make(conn: Connection, role: Role) -> None:
    try:
        conn.execute(_statement(role))
    except ALREADY_MADE:
        return

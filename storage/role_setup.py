"""The group roles on a server: made where they are missing, and looked at.

Roles belong to the server, not to a database: two databases that migrate at once both find them
missing, and a dump restored on another server finds none.
"""

from typing import NamedTuple

import psycopg
from psycopg import sql

from config.errors import Misconfigured
from config.language import _
from storage.database import Connection, border, require_idle
from storage.queries import query
from storage.roles import LOGINS, Role

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


class Login(NamedTuple):
    """Somebody who may log in to the server, and the group roles it may work as."""

    name: str
    is_superuser: bool
    roles: tuple[str, ...]


def logins(conn: Connection) -> list[Login]:
    """Return who may work as a group role: superusers last, they may as all."""
    with border():
        rows = conn.execute(query("members_of_roles"), {"roles": list(Role)}).fetchall()
    return [Login(str(name), bool(is_superuser), tuple(of)) for name, is_superuser, of in rows]


def overpowered_roles(conn: Connection) -> list[str]:
    """Return the group roles with an attribute no role of ours needs (LOGIN, SUPERUSER, ...)."""
    with border():
        rows = conn.execute(query("overpowered_roles"), {"roles": list(Role)}).fetchall()
    return [str(name) for (name,) in rows]


def statements_for_logins(conn: Connection) -> list[str]:
    """Return the SQL that makes the roles, and a login for each process, as far as they lack.

    They have no password: on the server's own machine each is known by its account (`peer`);
    elsewhere an administrator adds what the server's pg_hba.conf asks for.
    """
    there = {login.name: login.roles for login in logins(conn)}
    with border():
        known = {
            name
            for (name,) in conn.execute(query("find_roles"), {"roles": list(LOGINS)}).fetchall()
        }
    wanted = [_statement(role) for role in missing_roles(conn)]
    for name, roles in LOGINS.items():
        login = sql.Identifier(name)
        if name not in known:
            wanted.append(sql.SQL("CREATE ROLE {} LOGIN;").format(login))
        lacking = [role for role in roles if role not in there.get(name, ())]
        if lacking:
            groups = sql.SQL(", ").join(map(sql.Identifier, lacking))
            wanted.append(sql.SQL("GRANT {} TO {};").format(groups, login))
    return [one.as_string(conn) for one in wanted]


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

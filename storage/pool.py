"""Connections kept open for many short uses, each as `storage.database.connect` makes them."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from config.errors import Misconfigured
from config.language import _
from storage.database import CONNECT_TIMEOUT_S, Connection, as_role, border
from storage.roles import Role

WAIT_FOR_CONNECTION_S = 3.0
"""A person waits for a page: better to say soon that the database is away."""
LONGEST_STATEMENT_S = 20


class Pool:
    """At most `most` connections; opened when first needed, replaced when the server broke them.

    With a `role` each works as that role, as `storage.database.connect` says. Between two uses the
    session forgets everything that was set, prepared or locked in it: whatever one user of a
    connection did to it, the next begins anew.
    """

    def __init__(
        self, dsn: str, *, application: str, most: int = 8, role: Role | None = None
    ) -> None:
        try:
            given = str(conninfo_to_dict(dsn).get("options") or "")
        except psycopg.ProgrammingError:
            raise Misconfigured(
                _(
                    "The database DSN cannot be read: write postgresql://user:password@host/database."
                )
            ) from None
        options = (
            f"{given} -c timezone=UTC -c datestyle=ISO -c synchronous_commit=on"
            f" -c statement_timeout={LONGEST_STATEMENT_S}s{as_role(role)}"
        )
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            dsn,
            min_size=1,
            max_size=most,
            open=False,
            timeout=WAIT_FOR_CONNECTION_S,
            check=ConnectionPool.check_connection,
            reset=_forget,
            kwargs={
                "autocommit": True,
                # What is prepared is forgotten with the rest.
                "prepare_threshold": None,
                "connect_timeout": CONNECT_TIMEOUT_S,
                "application_name": application,
                "options": options,
            },
        )

    def open(self) -> None:
        """Start to connect, in the background: a database that is away holds nothing up."""
        self._pool.open()

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection in autocommit; raises Unavailable where there is none in time."""
        with border(), self._pool.connection() as conn:
            yield conn


def _forget(conn: Connection) -> None:
    """Make a session as it was when it was opened, its role included."""
    conn.execute("DISCARD ALL")

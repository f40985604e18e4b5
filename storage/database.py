"""Connections to PostgreSQL, and the border where its errors become ours.

psycopg's messages can hold row values (DETAIL), so nothing of them passes: an error says the
SQLSTATE and, where there is one, the name of the constraint.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from config.errors import Misconfigured, Rejected, Unavailable
from config.language import _

OLDEST_SERVER = 15
CONNECT_TIMEOUT_S = 10

NOTICED = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""When a peer counts as gone that fell silent without a word (cable, power, failover): seconds, and
ms. The systems' own defaults are a quarter of an hour and two hours: too long for an alarm, and for
the lock of whoever is no longer there."""

Connection: TypeAlias = psycopg.Connection[TupleRow]
"""A psycopg connection in autocommit, its session in UTC, its commits on disk; rows are tuples."""


@contextmanager
def border() -> Iterator[None]:
    """Turn psycopg's errors into ours, sorted by what the caller must do.

    A server that is away, full, shutting down or that broke a deadlock is Unavailable: try again.
    Data it refuses is Rejected. A missing table or privilege is Misconfigured.
    """
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise Rejected("database_refused", _described(error)) from None
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
        raise Unavailable(f"database: {_described(error)}") from None
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.UndefinedFunction,
    ) as error:
        raise Misconfigured(
            _("The database is not up to date (%(what)s): run `adhere db migrate`.")
            % {"what": _described(error)}
        ) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise Misconfigured(
            _("The database role may not do this (%(what)s): grant it, or use another role.")
            % {"what": _described(error)}
        ) from None


def _described(error: psycopg.Error) -> str:
    """Name a fault without a value out of any row."""
    parts = [type(error).__name__]
    if error.sqlstate:
        parts.append(f"sqlstate={error.sqlstate}")
    if error.diag.constraint_name:
        parts.append(f"constraint={error.diag.constraint_name}")
    return " ".join(parts)


def connect(dsn: str, *, application: str = "adhere") -> Connection:
    """Open a connection in autocommit, in UTC; close it with `with` or `.close()`.

    Raises Misconfigured for a DSN that cannot be read or a server older than 15, Unavailable where
    nobody answers or the server turns us away.
    """
    try:
        given = conninfo_to_dict(dsn)
        noticed = {name: value for name, value in NOTICED.items() if name not in given}
        conn = psycopg.connect(
            make_conninfo(dsn, **noticed),
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name=application,
            # What a receipt promises is on disk, whatever the server or the role has as default.
            options=f"{given.get('options') or ''} -c timezone=UTC -c datestyle=ISO"
            f" -c synchronous_commit=on {_server_notices(**NOTICED)}",
        )
    except psycopg.ProgrammingError:
        raise Misconfigured(
            _("The database DSN cannot be read: write postgresql://user:password@host/database.")
        ) from None
    except psycopg.OperationalError as error:
        # libpq's own words name host, port, user and database, never the password.
        raise Unavailable(f"database: {' '.join(str(error).split())}") from None
    if conn.info.server_version < OLDEST_SERVER * 10_000:
        conn.close()
        raise Misconfigured(
            _("The PostgreSQL server is too old: version %(oldest)d or newer is needed.")
            % {"oldest": OLDEST_SERVER}
        )
    return conn


def _server_notices(**noticed: int) -> str:
    """Return the same for the server's end, as options of a session."""
    return " ".join(
        f"-c {'' if name.startswith('tcp_') else 'tcp_'}{name}={value}"
        for name, value in noticed.items()
    )


def require_durable(conn: Connection) -> None:
    """Raise Misconfigured where a COMMIT may be lost with the power: a receipt would be a lie."""
    with border():
        row = conn.execute("SHOW fsync").fetchone()
    if row is None or row[0] != "on":
        raise Misconfigured(
            _("The PostgreSQL server runs with fsync = off: set it to on, or readings are lost.")
        )


def require_idle(conn: Connection) -> None:
    """Raise RuntimeError inside a transaction: for work that must decide its own commits."""
    if conn.info.transaction_status != TransactionStatus.IDLE:
        raise RuntimeError("this needs a connection that is in no transaction")


@contextmanager
def snapshot(conn: Connection) -> Iterator[None]:
    """One REPEATABLE READ transaction: all reads see one moment; commits on leaving.

    What others commit meanwhile stays unseen and untouched; where two such transactions delete the
    same rows the second gets Unavailable, and may try again.
    """
    require_idle(conn)
    with border(), conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


@contextmanager
def exclusively(conn: Connection, work: str) -> Iterator[bool]:
    """Yield whether this session is the only one doing `work`; do not wait for another.

    The lock is the session's: it ends with the connection, also when the process is killed.
    """
    with border():
        row = conn.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"adhere.{work}",)
        ).fetchone()
    mine = bool(row and row[0])
    try:
        yield mine
    finally:
        if mine and not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (f"adhere.{work}",))

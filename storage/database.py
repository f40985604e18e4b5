"""Connections to PostgreSQL, and the border where its errors become ours.

psycopg's messages can hold row values (DETAIL), so nothing of them passes: an error says the
SQLSTATE and, where there is one, the name of the constraint.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import LiteralString, TypeAlias

import psycopg
import structlog
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from config.errors import Misconfigured, Rejected, Unavailable
from config.language import _
from storage.roles import Role

log = structlog.get_logger()

OLDEST_SERVER = 15
MEMBERS_MAY_LACK_SET = 160_000
"""From this version on a member of a role may be one without the right to SET ROLE."""
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
        if isinstance(error, psycopg.errors.CheckViolation) and not error.diag.constraint_name:
            # No constraint of ours: the day's partition was dropped since it was asked for. Asked
            # for again it is made again.
            raise _away(_described(error)) from None
        raise Rejected("database_refused", _described(error)) from None
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
        raise _away(_described(error)) from None
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


def _away(fault: str) -> Unavailable:
    return Unavailable(_("database: %(fault)s") % {"fault": fault})


def _described(error: psycopg.Error) -> str:
    """Name a fault without a value out of any row."""
    parts = [type(error).__name__]
    if error.sqlstate:
        parts.append(f"sqlstate={error.sqlstate}")
    if error.diag.constraint_name:
        parts.append(f"constraint={error.diag.constraint_name}")
    return " ".join(parts)


def connect(dsn: str, *, application: str = "adhere", role: Role | None = None) -> Connection:
    """Open a connection in autocommit, in UTC; close it with `with` or `.close()`.

    With a `role` the session works as that role and has its rights alone, whatever else its login
    may do. Without one it works as its login: for whoever migrates, and owns everything.

    Raises Misconfigured for a DSN that cannot be read, a server older than 15, or a login that is
    no member of the role; Unavailable where nobody answers or the server turns us away.
    """
    if role is None:
        return _connect(dsn, application, "")
    try:
        conn = _connect(dsn, application, as_role(role))
    except Unavailable:
        # The server says why in words alone, so the same login is asked without the role.
        with _connect(dsn, application, "") as conn:
            _require_member(conn, role)
        raise
    with border():
        row = conn.execute(
            "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = session_user"
        ).fetchone()
    if row and row[1]:
        warn_of_superuser(str(row[0]))
    return conn


def as_role(role: Role | None) -> str:
    """Return the options of a session that make it work as `role`, also after a RESET ROLE."""
    return "" if role is None else f" -c role={role}"


@contextmanager
def working_as(conn: Connection, role: Role) -> Iterator[None]:
    """Work as `role` for a while, then as before: for a process whose parts have own rights.

    `conn` is in no transaction when it begins. Raises Misconfigured where the login is no member.
    """
    require_idle(conn)
    with border():
        row = conn.execute("SELECT current_setting('role')").fetchone()
    before = str(row[0]) if row else "none"
    _require_member(conn, role)
    _set_role(conn, role)
    try:
        yield
    finally:
        if conn.info.transaction_status == TransactionStatus.IDLE:  # not broken
            _set_role(conn, before)


def _set_role(conn: Connection, role: str) -> None:
    with border():
        conn.execute("SELECT set_config('role', %s, false)", (role,))


def _require_member(conn: Connection, role: Role) -> None:
    """Raise Misconfigured where the login of `conn` may not work as `role`."""
    right = "SET" if conn.info.server_version >= MEMBERS_MAY_LACK_SET else "MEMBER"
    with border():
        row = conn.execute(
            "SELECT session_user, pg_has_role(session_user, rol.oid, %s)"
            " FROM (SELECT to_regrole(%s)::oid AS oid) AS rol",
            (right, str(role)),
        ).fetchone()
    login, member = row or ("", None)
    if member is None:
        raise Misconfigured(
            _("The server has no role %(role)s: run `adhere db migrate`.") % {"role": role}
        )
    if not member:
        raise Misconfigured(
            _(
                "The login %(login)s may not work as %(role)s: as an administrator run"
                " GRANT %(role)s TO %(quoted)s;"
            )
            % {
                "login": login,
                "role": role,
                "quoted": sql.Identifier(str(login)).as_string(conn),
            }
        )


@cache
def warn_of_superuser(login: str) -> None:
    """Say once a process that its login could do everything; the role confines it all the same."""
    log.warning("database_login_is_superuser", login=login)


def _connect(dsn: str, application: str, more_options: str) -> Connection:
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
            f" -c synchronous_commit=on {_server_notices(**NOTICED)}{more_options}",
        )
    except psycopg.ProgrammingError:
        raise Misconfigured(
            _("The database DSN cannot be read: write postgresql://user:password@host/database.")
        ) from None
    except psycopg.OperationalError as error:
        # libpq's own words name host, port, user and database, never the password.
        raise _away(" ".join(str(error).split())) from None
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
    # Before the transaction, for it would see what stood before it had waited for the lock.
    with border(), _locked(conn, _WITH_OTHERS), conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


@contextmanager
def alone_with_days(conn: Connection, *, wait_s: int = 5) -> Iterator[None]:
    """Keep snapshots out while whole days of readings are dropped or packed anew.

    Neither obeys them: rows that a snapshot should see would be missing in it (TimescaleDB's
    recompression, and every DROP). Raises psycopg's LockNotAvailable after `wait_s` where one is
    open. The caller commits inside.
    """
    require_idle(conn)
    with _locked(conn, _ALONE, wait_s=wait_s):
        yield


_WITH_OTHERS, _ALONE = "_shared", ""


@contextmanager
def _locked(conn: Connection, how: LiteralString, *, wait_s: int | None = None) -> Iterator[None]:
    """Hold the session's lock on the days of readings."""
    key: LiteralString = "(hashtextextended('adhere.reading_days', 0))"
    if wait_s is None:
        conn.execute("SELECT pg_advisory_lock" + how + key)
    else:
        with conn.transaction():
            conn.execute("SELECT set_config('lock_timeout', %s, true)", (f"{wait_s}s",))
            conn.execute("SELECT pg_advisory_lock" + how + key)
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("SELECT pg_advisory_unlock" + how + key)


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
            with border():
                conn.execute(
                    "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (f"adhere.{work}",)
                )

"""Migrations: numbered plain SQL, forward only, one transaction each, under one lock.

The table `migration` remembers the SHA-256 of each file as it was run: a file that was edited
afterwards is an error, not a difference nobody notices.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

from config.errors import Misconfigured
from config.language import _
from storage.database import Connection, border, require_idle
from storage.role_setup import make_missing_roles

MIGRATIONS_DIR = Path(__file__).with_name("migrations")


class EditedMigration(Misconfigured):
    """A migration was changed after it had been run."""


class NewerDatabase(Misconfigured):
    """The database was migrated by a newer program than this one."""


class Status(NamedTuple):
    """What has been run, and what is still to run; names in order."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


def migrate(conn: Connection, *, folder: Path = MIGRATIONS_DIR) -> list[str]:
    """Bring the database up to date; return the names applied now, none if it was.

    Two at once is fine: the second waits, then finds nothing to do. A migration that fails leaves
    nothing of itself behind, and those before it stay.
    """
    require_idle(conn)
    with border():
        conn.execute("SELECT pg_advisory_lock(hashtextextended('adhere.migrate', 0))")
        try:
            conn.execute(
                "CREATE TABLE IF NOT EXISTS public.migration ("
                "name text PRIMARY KEY, sha256 text NOT NULL, "
                "applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
            )
            pending = _pending(conn, folder)
            if pending:
                make_missing_roles(conn)  # migrations grant to them
            for path in pending:
                run_one(conn, path)
        finally:
            if not conn.closed:
                conn.execute("SELECT pg_advisory_unlock(hashtextextended('adhere.migrate', 0))")
    return [path.name for path in pending]


def run_one(conn: Connection, path: Path) -> None:
    """Run one migration and remember it, all of it or nothing; `migrate` says which are to run."""
    data = path.read_bytes()
    with conn.transaction():
        conn.execute("SET LOCAL search_path = public")
        conn.execute(data)
        conn.execute(
            "INSERT INTO public.migration (name, sha256) VALUES (%s, %s)",
            (path.name, _sha256(data)),
        )


def status(conn: Connection, *, folder: Path = MIGRATIONS_DIR) -> Status:
    """Return what has been run and what has not; changes nothing. Raises as `migrate` does."""
    with border():
        pending = tuple(path.name for path in _pending(conn, folder))
    everything = tuple(path.name for path in _files(folder))
    return Status(tuple(name for name in everything if name not in pending), pending)


def require_current(conn: Connection) -> None:
    """Raise Misconfigured unless the database is exactly what this program expects."""
    pending = status(conn).pending
    if pending:
        raise Misconfigured(
            _("The database lacks %(names)s: run `adhere db migrate`.")
            % {"names": ", ".join(pending)}
        )


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _pending(conn: Connection, folder: Path) -> list[Path]:
    """Return the files not yet run, after checking those that were."""
    row = conn.execute("SELECT to_regclass('public.migration') IS NOT NULL").fetchone()
    done: dict[object, object] = {}
    if row and row[0]:
        done = dict(conn.execute("SELECT name, sha256 FROM public.migration").fetchall())
    files = _files(folder)
    unknown = sorted(str(name) for name in done.keys() - {path.name for path in files})
    if unknown:
        raise NewerDatabase(
            _("The database is newer than this program (%(names)s): install the newer program.")
            % {"names": ", ".join(unknown)}
        )
    for path in files:
        if path.name in done and done[path.name] != _sha256(path.read_bytes()):
            raise EditedMigration(
                _(
                    "Migration %(name)s was changed after it had been run: restore the file and "
                    "write the change as a new migration."
                )
                % {"name": path.name}
            )
    return [path for path in files if path.name not in done]

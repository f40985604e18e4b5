"""How a database stands: for the operator, and for programs that watch."""

from datetime import datetime
from typing import NamedTuple

from storage import migrate
from storage.database import Connection, border
from storage.privileges import Difference, difference
from storage.queries import query
from storage.role_setup import missing_roles


class Status(NamedTuple):
    """What `adhere db status` shows; the counts are 0 while migrations are pending."""

    server: str
    timescale: str | None
    """The version of the extension, None without it."""
    applied: tuple[str, ...]
    pending: tuple[str, ...]
    batches: int = 0
    readings: int = 0
    """In all batches, those in quarantine too."""
    quarantined: int = 0
    last_committed_at: datetime | None = None
    dead_letters: int = 0
    touched: int = 0
    """Stretches of readings the nightly recomputation has not looked at yet."""
    declared_lost: int = 0
    """Readings that gateways themselves say they have lost or given up; they are in no batch here,
    but for those of refused batches, which the dead letters keep."""
    roles_missing: tuple[str, ...] = ()
    """Group roles that the server lacks; `migrate` makes them."""
    rights_missing: int = 0
    """Rights that a role should have and has not: its process will fail."""
    rights_beyond: int = 0
    """Rights that somebody has and nobody needs."""


def look(conn: Connection) -> Status:
    """Return how the database stands; changes nothing."""
    migrations = migrate.status(conn)
    with border():
        server, timescale = conn.execute(query("server_versions")).fetchall()[0]
        counts = () if migrations.pending else conn.execute(query("stored_counts")).fetchall()[0]
    missing = tuple(map(str, missing_roles(conn)))
    rights = Difference((), ()) if migrations.pending else difference(conn)
    seen = Status(server, timescale, *migrations, *counts)
    return seen._replace(
        roles_missing=missing,
        rights_missing=len(rights.missing),
        rights_beyond=len(rights.beyond),
    )

"""The completeness ledger: expected = stored + declared lost + pending, by gateway and hour.

Every batch says how many readings its spool had sealed before it, so two batches that are here say
what is missing between them. The hub only inserts; the database counts later, in whatever order
batches came, and ends the same. What nobody can know is None, never 0.

One session counts at a time. Whoever looks in passing leaves it to that one; whoever prints what
is counted waits, and says so where it could not be counted.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import psycopg

from config.errors import Misconfigured, Unavailable
from config.language import _
from storage.database import Connection, border
from storage.queries import query

SLICE_BATCHES = 20_000
"""Counted in one transaction."""
PATIENCE_S = 120.0
"""Whoever must have it whole waits so long: for a slice, or for all of it being counted anew."""


class Counted(NamedTuple):
    """What is known of some time of a gateway; readings, unless a name says batches."""

    expected: int | None
    """Sealed by the box; None where batches are missing whose size it does not say, and from its
    last batch on where it is down."""
    stored: int
    lost: int
    """Of what is missing: what the box itself has declared lost."""
    pending: int
    """And the rest: on the way, on the box, or in the dead letters."""
    unknown_batches: int
    """Missing, and nobody knows how many readings they hold."""
    batches: int
    """Stored."""
    quarantined: int
    """Of the stored: kept aside, counted for nobody."""
    clock_suspect: int
    """Of these: nobody can say when they were heard."""


class Hour(NamedTuple):
    """One hour of sealing of one gateway."""

    centre: str
    gateway: str
    hour: datetime
    counted: Counted


class Box(NamedTuple):
    """One gateway over a stretch of time, and how it stands now."""

    id: int
    centre: str
    gateway: str
    centre_name: str
    counted: Counted
    is_online: bool | None
    """By its own word; None: it never said."""
    said_at: datetime | None
    """When that word came."""
    on_box: int | None
    """On its disk beyond the last batch here, as it said last; None: nobody knows. Of pending."""
    last_batch_at: datetime | None
    """When the hub last committed one of it; None: never."""
    gaps: int
    """Open now."""
    findings: int
    """That no operator has taken note of."""
    refused: int
    """Messages on its topics that could not be taken, first seen in that time."""


class Day(NamedTuple):
    """One local day of one gateway."""

    centre: str
    gateway: str
    day: date
    counted: Counted
    refused: int


class Gap(NamedTuple):
    """Batches of one spool file that must exist and are not here."""

    centre: str
    gateway: str
    boot: str
    first_seq: int
    last_seq: int
    batches: int
    readings: int | None
    """None: the box does not say."""
    lost: int | None
    """Of the readings: declared lost by the box."""
    after_at: datetime | None
    """Sealed after this; None: nothing of the spool is here from before."""
    before_at: datetime
    opened_at: datetime


class Finding(NamedTuple):
    """What is held against a box: a technical alert."""

    id: int
    kind: str
    centre: str
    gateway: str
    boot: str | None
    seq: int | None
    dead_letter: int | None
    found_at: datetime
    seen_at: datetime | None
    seen_by: str | None


def catch_up(conn: Connection, *, most_slices: int | None = None) -> int:
    """Count what is due (all of it, or so many slices); return how many batches that was.

    Where another session is at it, it is left to that one. In a transaction of the caller's it is
    undone where it fails, and that one goes on.
    """
    total, slices = 0, 0
    while most_slices is None or slices < most_slices:
        with border(), conn.transaction():
            counted = _slice(conn)
        total, slices = total + counted, slices + 1
        if counted < SLICE_BATCHES:
            break
    return total


def count_all(conn: Connection, *, patience_s: float) -> int:
    """Count all that is due now, waiting for whoever else is at it; return how many batches.

    `conn` is in no transaction. Raises Unavailable where another session counts for longer.
    """
    total = 0
    while True:
        with border(), conn.transaction():
            _wait(conn, patience_s)
            counted = _slice(conn)
        total += counted
        if counted < SLICE_BATCHES:
            return total


def count_anew(conn: Connection, *, patience_s: float) -> int:
    """Forget the counts, and count every batch again; return how many. Findings stay.

    All in one transaction: until it ends everybody sees the counts of before. Raises as
    `count_all` does.
    """
    with border(), conn.transaction():
        _wait(conn, patience_s)
        row = conn.execute(query("ledger_anew")).fetchone()
    return int(row[0]) if row else 0


def uncounted(conn: Connection) -> int:
    """Return how many batches are here and in no sum."""
    with border():
        row = conn.execute(query("ledger_uncounted")).fetchone()
    return int(row[0]) if row else 0


def _slice(conn: Connection) -> int:
    row = conn.execute(query("ledger_catch_up"), {"most": SLICE_BATCHES}).fetchone()
    return int(row[0] or 0) if row else 0


def _wait(conn: Connection, patience_s: float) -> None:
    """Hold the right to count until the transaction ends."""
    try:
        conn.execute(query("ledger_wait"), {"patience": f"{round(patience_s * 1000)}ms"})
    except psycopg.errors.LockNotAvailable:
        raise Unavailable(
            _("the ledger is being counted by somebody else: try again in some minutes")
        ) from None


def hours(
    conn: Connection,
    since: datetime,
    until: datetime,
    *,
    gateway_ids: Sequence[int] | None = None,
    limit: int | None = None,
) -> list[Hour]:
    """Return the hours in [since, until) in which anything was sealed or missed, newest first."""
    given = {"since": since, "until": until, "gateway_ids": _listed(gateway_ids), "limit": limit}
    with border():
        rows = conn.execute(query("read_ledger_hours"), given).fetchall()
    return [Hour(centre, gateway, hour, Counted(*row)) for centre, gateway, hour, *row in rows]


def boxes(
    conn: Connection, since: datetime, until: datetime, *, gateway_ids: Sequence[int] | None = None
) -> list[Box]:
    """Return every enrolled gateway with its sums over [since, until), zeros too."""
    given = {"since": since, "until": until, "gateway_ids": _listed(gateway_ids)}
    with border():
        rows = conn.execute(query("read_ledger_gateways"), given).fetchall()
    return [
        Box(gateway_id, centre, gateway, name, Counted(*row[:8]), *row[8:])
        for gateway_id, centre, gateway, name, *row in rows
    ]


def days(conn: Connection, since: datetime, until: datetime, *, time_zone: str) -> list[Day]:
    """Return the local days in [since, until) by gateway; an hour is of the day it begins in."""
    given = {"since": since, "until": until, "time_zone": time_zone}
    with border():
        rows = conn.execute(query("read_ledger_days"), given).fetchall()
    return [
        Day(centre, gateway, day, Counted(*counts), refused)
        for centre, gateway, day, *counts, refused in rows
    ]


def gaps(
    conn: Connection, *, gateway_ids: Sequence[int] | None = None, limit: int = 100
) -> list[Gap]:
    """Return open gaps, the newest first."""
    with border():
        rows = conn.execute(
            query("read_ledger_gaps"), {"gateway_ids": _listed(gateway_ids), "limit": limit}
        ).fetchall()
    return [Gap(*row) for row in rows]


def findings(
    conn: Connection,
    *,
    gateway_ids: Sequence[int] | None = None,
    unseen: bool = False,
    limit: int = 100,
) -> list[Finding]:
    """Return findings, those nobody has seen first; `unseen`: those alone."""
    given = {"gateway_ids": _listed(gateway_ids), "unseen": unseen, "limit": limit}
    with border():
        rows = conn.execute(query("read_ledger_findings"), given).fetchall()
    return [Finding(*row) for row in rows]


def see_finding(conn: Connection, finding_id: int, *, staff_id: int) -> str | None:
    """Note that an operator has seen it; return its kind.

    None where it was seen before, or is of a box that this operator does not look after.
    """
    with border():
        row = conn.execute(
            query("see_finding"), {"finding_id": finding_id, "staff_id": staff_id}
        ).fetchone()
    return None if row is None else str(row[0])


def looked_after(conn: Connection, staff_id: int) -> list[int]:
    """Return the ids of the gateways that an operator looks after."""
    with border():
        rows = conn.execute(query("gateways_looked_after"), {"staff_id": staff_id}).fetchall()
    return sorted(int(row[0]) for row in rows)


def _listed(ids: Sequence[int] | None) -> list[int] | None:
    return None if ids is None else list(ids)


def gateway_id_of(conn: Connection, name: str) -> int:
    """Return the id of `CODE` or `CENTRE/CODE`. Raises Misconfigured: none, or several."""
    centre, _slash, code = name.rpartition("/")
    with border():
        rows = conn.execute(
            query("find_gateway_by_code"), {"gateway": code, "centre": centre or None}
        ).fetchall()
    if len(rows) == 1:
        return int(rows[0][0])
    if rows:
        raise Misconfigured(
            _("Several centres have a gateway %(gateway)s: write CENTRE/%(gateway)s.")
            % {"gateway": code}
        )
    raise Misconfigured(_("There is no gateway %(gateway)s.") % {"gateway": name})

"""The completeness ledger: expected = stored + declared lost + pending, by gateway and hour.

Every batch says how many readings its spool had sealed before it, so two batches that are here say
what is missing between them. The hub only inserts; the database counts later, in whatever order
batches came, and ends the same. What nobody can know is None, never 0.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from config.errors import Misconfigured
from config.language import _
from storage.database import Connection, border
from storage.queries import query

SLICE_BATCHES = 20_000
"""Counted in one transaction."""


class Counted(NamedTuple):
    """What is known of some time of a gateway; readings, unless a name says batches."""

    expected: int | None
    """Sealed by the box; None where batches are missing whose size it does not say."""
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
    """On its disk beyond the last batch here, as it says; None: nobody knows. Part of pending."""
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

    Where another session is at it, it is left to that one.
    """
    total, slices = 0, 0
    while most_slices is None or slices < most_slices:
        with border():
            row = conn.execute(query("ledger_catch_up"), {"most": SLICE_BATCHES}).fetchone()
        if row is None or not row[0]:
            break
        total, slices = total + int(row[0]), slices + 1
    return total


def count_anew(conn: Connection) -> int:
    """Forget the counts, and count every batch again; return how many. Findings stay."""
    with border():
        conn.execute(query("ledger_anew"))
    return catch_up(conn)


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

"""Rosters: whom each gateway is to protect, and the one issued to it last.

The database decides what is issued: under a lock on the gateway the bands are read again, and only
what differs from the last issue gets the next version. So the version rises whatever hub asks, in
whatever order, and every hub publishes the same bytes.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple, cast

from storage.database import Connection, border
from storage.queries import query


class GatewayRoster(NamedTuple):
    """A gateway, and the roster it was last issued (None: never)."""

    gateway_id: int
    centre_id: int
    centre: str
    gateway: str
    encryption_keys: list[bytes]
    """In force, the newest first; none: the gateway is revoked."""
    version: int | None
    content_sha256: bytes | None
    sealed: bytes | None
    is_old: bool | None
    """It is time to issue it anew, that it does not expire."""


class WornRow(NamedTuple):
    """An assignment of a band, with one version of a prescription (a row for each, or one of None).

    `worn_*` are milliseconds since 1970, None for no end; the days are local, None for no end.
    """

    centre_id: int
    device_key: str
    family: str | None
    subject: str
    worn_from_ms: int | None
    worn_until_ms: int | None
    from_day: date | None
    until_day: date | None
    ceiling_bpm: float | None
    rest_hr_bpm: float | None
    hr_max_bpm: float | None
    intensity_kind: str | None
    """None: there is no prescription in this row."""
    zone_lo: float | None
    """In the unit of `intensity_kind`; None: no aerobic part."""
    zone_hi: float | None
    claimed_at_gateway_id: int | None = None
    """The wearer said so on that gateway's page, which knows it better; None: the staff did."""
    irk: bytes | None = None
    """What resolves the band's changing addresses. A secret."""

    def __repr__(self) -> str:
        return f"WornRow({self.device_key!r}, {self.subject!r}, ...)"


class ClaimerRow(NamedTuple):
    """Somebody who may claim a band, with one version of a prescription (or one row of None)."""

    centre_id: int
    subject: str
    code_salt: bytes
    code_hash: bytes
    from_day: date | None
    until_day: date | None
    ceiling_bpm: float | None
    rest_hr_bpm: float | None
    hr_max_bpm: float | None
    intensity_kind: str | None
    zone_lo: float | None
    zone_hi: float | None

    def __repr__(self) -> str:
        return f"ClaimerRow({self.subject!r}, ...)"


class Known(NamedTuple):
    """All of one centre that goes into the rosters of its gateways."""

    worn: list[WornRow]
    claimers: list[ClaimerRow]


class Content(NamedTuple):
    """What a roster would say, and how to seal it."""

    sha256: bytes
    """Of everything but version and times."""
    seal: Callable[[int, int, int], bytes]
    """Given version, time of issue and of expiry (ms UTC)."""


class Issued(NamedTuple):
    """A roster to publish."""

    version: int
    sealed: bytes


def roster_gateways(
    conn: Connection, *, renew_after: timedelta, gateway_id: int | None = None
) -> list[GatewayRoster]:
    """Return all gateways, or one."""
    given = {"renew_after": renew_after, "gateway_id": gateway_id}
    with border():
        rows = conn.execute(query("roster_gateways"), given).fetchall()
    return [GatewayRoster(*row) for row in rows]


def worn_rows(conn: Connection, *, centre_id: int | None = None) -> list[WornRow]:
    """Return who wears which band, of one centre or of all, in the order of centre and band."""
    with border():
        rows = conn.execute(query("roster_bands"), {"centre_id": centre_id}).fetchall()
    return [WornRow(*row) for row in rows]


def claimer_rows(conn: Connection, *, centre_id: int | None = None) -> list[ClaimerRow]:
    """Return who may claim a band, of one centre or of all, in the order of centre and person."""
    with border():
        rows = conn.execute(query("roster_claimers"), {"centre_id": centre_id}).fetchall()
    return [ClaimerRow(*row) for row in rows]


def known_of(conn: Connection, centre_id: int) -> Known:
    """Return what the rosters of one centre are made of."""
    return Known(worn_rows(conn, centre_id=centre_id), claimer_rows(conn, centre_id=centre_id))


def issue_roster(
    conn: Connection,
    gateway_id: int,
    content_of: Callable[[GatewayRoster, Known], Content],
    *,
    renew_after: timedelta,
    valid_for: timedelta,
) -> Issued | None:
    """Issue the gateway's roster if what it says has changed or is old; return the newest.

    None for a gateway without a key in force. `content_of` may raise Rejected: nothing is issued.
    """
    with border(), conn.transaction():
        conn.execute(query("lock_gateway"), {"gateway_id": gateway_id})
        found = roster_gateways(conn, renew_after=renew_after, gateway_id=gateway_id)
        if not found or not found[0].encryption_keys:
            return None
        one = found[0]
        content = content_of(one, known_of(conn, one.centre_id))
        is_same = one.content_sha256 == content.sha256 and not one.is_old
        if is_same and one.version is not None and one.sealed is not None:
            return Issued(one.version, one.sealed)
        row = conn.execute(
            query("next_roster"), {"gateway_id": gateway_id, "valid_for": valid_for}
        ).fetchone()
        version, issued_utc_ms, expires_utc_ms = cast("tuple[int, int, int]", row)
        sealed = content.seal(version, issued_utc_ms, expires_utc_ms)
        conn.execute(
            query("put_roster_issue"),
            {
                "gateway_id": gateway_id,
                "version": version,
                "content_sha256": content.sha256,
                "sealed": sealed,
                "issued_utc_ms": issued_utc_ms,
                "expires_utc_ms": expires_utc_ms,
            },
        )
    return Issued(version, sealed)


def listen_for_changes(conn: Connection) -> None:
    """Be told of every change that may concern a roster."""
    with border():
        conn.execute("LISTEN adhere_roster")


def was_told(conn: Connection, timeout_s: float) -> bool:
    """Wait for the news of a change, at most so long; say whether some came."""
    with border():
        told: Iterator[object] = conn.notifies(timeout=timeout_s, stop_after=1)
        return any(True for _ in told)

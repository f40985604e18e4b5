"""Bands as the staff register and hand them out, and what their wearers said on the on-site pages.

An identity key and the hash of a claim code are written here and read by the rosters alone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from config.errors import Misconfigured, Rejected
from config.language import _
from storage.database import Connection, border
from storage.people import assign_device, put_device
from storage.queries import query

MOMENT = timedelta(microseconds=1)
"""The least the database tells apart."""


class OfferedBand(NamedTuple):
    """A band that somebody at a gateway's page asks to register."""

    device_key: str
    families: list[str]
    centre: str
    gateway: str
    asked_at: datetime


class RegisteredBand(NamedTuple):
    """A band, and who wears it now."""

    device_key: str
    family: str | None
    pseudonym: str | None
    worn_from: datetime | None
    worn_until: datetime | None
    has_identity_key: bool
    is_claimed: bool
    """By its wearer, on an on-site page."""


class ClaimedBand(NamedTuple):
    """A claim and the time it counts for; None where it covers none."""

    pseudonym: str
    device_key: str
    centre: str
    gateway: str
    began_at: datetime
    ended_at: datetime | None
    why_ended: str | None
    counts_from: datetime | None
    counts_until: datetime | None


def register_band(
    conn: Connection, device_key: str, *, family: str | None = None, irk: bytes | None = None
) -> None:
    """Register a band; `irk` (16 bytes, most significant first) takes the place of one before."""
    with border(), conn.transaction():
        put_device(conn, device_key, family)
        if irk is not None:
            conn.execute(query("put_band_key"), {"device_key": device_key, "irk": irk})


def forget_identity_key(conn: Connection, device_key: str) -> bool:
    """Delete a band's identity key; say whether there was one."""
    with border():
        return conn.execute(query("forget_band_key"), {"device_key": device_key}).rowcount == 1


def hand_out(
    conn: Connection,
    device_key: str,
    *,
    patient: str,
    since: datetime,
    until: datetime | None = None,
) -> None:
    """Give a band to a person by the staff's word, which stands above its wearers'.

    Claims of that time end where it begins. Raises Rejected (`band_is_worn`), with what to do,
    where the staff gave it away for other times in that time.
    """
    with border(), conn.transaction():
        put_device(conn, device_key)
        held = _held(conn, device_key, since, until)
        given = [one for one in held if not one.is_claim]
        if any((one.patient, one.since, one.until) != (patient, since, until) for one in given):
            raise Rejected(
                "band_is_worn",
                _(
                    "the band is somebody's in that time: look at `adhere band list`, and take it"
                    " back first (`adhere band end`), or lend it (`adhere band lend`)"
                ),
            )
        _end_claims(conn, held, since)
        _give(conn, device_key, patient, since, until)


class TakenBack(NamedTuple):
    """A band that is nobody's from a time on."""

    patient: str
    """Whose it was, by pseudonym."""
    since: datetime | None
    """From when to when it was theirs until now; None: open."""
    until: datetime | None
    is_whole: bool
    """It was never theirs: what was handed out began then, or later."""


def take_back(conn: Connection, device_key: str, *, at: datetime) -> TakenBack | None:
    """End what is assigned at that time; None where nobody had the band.

    Where nobody has it then, what begins later and is not over goes as a whole, the next first: so
    a band that was handed out by mistake, or is still to be handed out, is taken back. Times that
    are over stay.
    """
    with border(), conn.transaction():
        held = _held(conn, device_key, at, None)
        if not held:
            return None
        one = held[0]
        if not one.has(at) and one.until is not None and one.until <= datetime.now(UTC):
            return None
        if one.is_claim:
            _end_claims(conn, [one], at)
        else:
            _end_at(conn, one, at)
    is_whole = one.since is not None and one.since >= at
    return TakenBack(one.patient, one.since, one.until, is_whole)


def lend(
    conn: Connection, device_key: str, *, patient: str, since: datetime, until: datetime
) -> str | None:
    """Give a band to somebody for a while, and then back to whoever had it; return the lender.

    None: nobody had it, and nobody has it afterwards. Claims of that time end where it begins.
    Raises Rejected (`lent_to_its_wearer`, `band_changes_hands`) where the person has it anyway, or
    where more than one had it in that time.
    """
    with border(), conn.transaction():
        put_device(conn, device_key)
        held = _held(conn, device_key, since, until)
        _end_claims(conn, held, since)
        lenders = [one for one in held if not one.is_claim]
        if len(lenders) > 1:
            raise Rejected("band_changes_hands", "more than one has it in that time")
        for lender in lenders:
            if lender.patient == patient:
                raise Rejected("lent_to_its_wearer", "the person has it in that time")
            _end_at(conn, lender, max(since, lender.since or since))
            if lender.until is None or lender.until > until:
                _give(conn, device_key, lender.patient, until, lender.until)
        _give(conn, device_key, patient, since, until)
    return lenders[0].patient if lenders else None


def swap(conn: Connection, device_key: str, other_key: str, *, at: datetime) -> tuple[str, str]:
    """Let two people exchange their bands; return who wears the first one now, and the other.

    Each keeps a band for as long as before. Claims end there. Raises Rejected
    (`nobody_wears_it`, `same_wearer`) where there is nothing to exchange.
    """
    with border(), conn.transaction():
        keys = (device_key, other_key)
        # In one order, so that two exchanges never wait for each other in a circle.
        found = {key: _held(conn, key, at, at + MOMENT) for key in sorted(keys, key=str.upper)}
        worn = [next((one for one in found[key] if one.has(at)), None) for key in keys]
        mine, theirs = worn
        if mine is None or theirs is None:
            raise Rejected("nobody_wears_it", "both bands must be worn at that time")
        if mine.patient == theirs.patient:
            raise Rejected("same_wearer", "one person wears both")
        for one in (mine, theirs):
            _end_claims(conn, [one], at)
            _end_at(conn, one, at)
        _give(conn, device_key, theirs.patient, at, theirs.until)
        _give(conn, other_key, mine.patient, at, mine.until)
    return theirs.patient, mine.patient


class _Held(NamedTuple):
    """Who has a band, and from when to when; None: without end."""

    assignment_id: int
    patient: str
    since: datetime | None
    until: datetime | None
    is_claim: bool

    def has(self, at: datetime) -> bool:
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


def _held(
    conn: Connection, device_key: str, since: datetime, until: datetime | None
) -> list[_Held]:
    """Return who has it in that time, earliest first; nobody else changes that meanwhile."""
    ids = [int(row[0]) for row in conn.execute(query("lock_band"), {"device_key": device_key})]
    given = {"device_ids": ids, "since": since, "until": until}
    return [_Held(*row) for row in conn.execute(query("worn_during"), given).fetchall()]


def _end_claims(conn: Connection, held: Sequence[_Held], at: datetime) -> None:
    """End by the staff's word what wearers said themselves."""
    for one in held:
        if one.is_claim:
            over = {"assignment_id": one.assignment_id, "ended_at": at, "why_ended": "roster"}
            conn.execute(query("end_claim"), over)
            _end_at(conn, one, at)


def _end_at(conn: Connection, one: _Held, at: datetime) -> None:
    given = {"assignment_id": one.assignment_id, "at": at}
    conn.execute(query("end_assignment_at"), given)
    conn.execute(query("drop_assignment_from"), given)


def _give(
    conn: Connection, device_key: str, patient: str, since: datetime, until: datetime | None
) -> None:
    assign_device(conn, device_key=device_key, patient=patient, worn_from=since, worn_until=until)


def give_code(conn: Connection, patient: str, salt: bytes, made: bytes) -> None:
    """Write the hash of a person's claim code, in place of one before."""
    with border():
        given = {"patient": patient, "salt": salt, "hash": made}
        row = conn.execute(query("put_claim_code"), given).fetchone()
    if row is None:
        raise Misconfigured(_("Nothing is known by the name %(name)s.") % {"name": patient})


def withdraw_code(conn: Connection, patient: str) -> bool:
    """Let a person claim no more; say whether there was a code."""
    with border():
        return conn.execute(query("withdraw_claim_code"), {"patient": patient}).rowcount == 1


def offered(conn: Connection, *, centre: str | None = None) -> list[OfferedBand]:
    """Return the bands that are to be registered, the newest first."""
    with border():
        rows = conn.execute(query("list_offers"), {"centre": centre}).fetchall()
    return [OfferedBand(*row) for row in rows]


def registered(conn: Connection, *, centre: str | None = None) -> list[RegisteredBand]:
    """Return the bands that are registered, by address; of one centre those that are worn there."""
    with border():
        rows = conn.execute(query("list_bands"), {"centre": centre}).fetchall()
    return [RegisteredBand(*row) for row in rows]


def claims(
    conn: Connection,
    *,
    since: datetime,
    until: datetime | None = None,
    centre: str | None = None,
    patient_id: int | None = None,
) -> list[ClaimedBand]:
    """Return the claims that began in a time, the newest first."""
    given = {"since": since, "until": until, "centre": centre, "patient_id": patient_id}
    with border():
        rows = conn.execute(query("list_claims"), given).fetchall()
    return [ClaimedBand(*row) for row in rows]

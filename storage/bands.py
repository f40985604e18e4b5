"""Bands as the staff register and hand them out, and what their wearers said on the on-site pages.

An identity key and the hash of a claim code are written here and read by the rosters alone.
"""

from datetime import datetime
from typing import NamedTuple

from config.errors import Misconfigured
from config.language import _
from storage.database import Connection, border
from storage.people import assign_device, put_device
from storage.queries import query


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

    Claims of that time end where it begins. Raises Rejected where the staff gave it to somebody
    else in that time.
    """
    with border(), conn.transaction():
        put_device(conn, device_key)
        ids = [int(row[0]) for row in conn.execute(query("lock_band"), {"device_key": device_key})]
        asked = {"device_ids": ids, "began_at": since, "until": until}
        for assignment_id, _patient, _since, is_claim in conn.execute(
            query("assigned_meanwhile"), asked
        ).fetchall():
            if is_claim:
                over = {
                    "assignment_id": assignment_id,
                    "ended_at": since,
                    "until": since,
                    "why_ended": "roster",
                }
                conn.execute(query("end_claim"), over)
                conn.execute(query("cut_assignment"), over)
                conn.execute(query("drop_empty_assignment"), over)
        assign_device(
            conn, device_key=device_key, patient=patient, worn_from=since, worn_until=until
        )


def take_back(conn: Connection, device_key: str, *, at: datetime) -> str | None:
    """End what is assigned at that time; return the wearer's pseudonym, None where nobody was."""
    with border():
        given = {"device_key": device_key, "until": at}
        row = conn.execute(query("end_assignment"), given).fetchone()
    return None if row is None else str(row[0])


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

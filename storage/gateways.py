"""Which boxes may send, and the public keys they are known by."""

from datetime import datetime
from typing import NamedTuple, cast

from config.errors import Misconfigured, Rejected
from config.language import _
from storage.database import Connection, border
from storage.queries import query


class GatewayKey(NamedTuple):
    """One enrolled key, in force, and the gateway it speaks for."""

    gateway_id: int
    signing_key: bytes
    """Ed25519, 32 bytes."""
    encryption_key: bytes
    """X25519, 32 bytes."""


class KnownKey(NamedTuple):
    """One key of a gateway, in force or not."""

    signing_key: bytes
    """Ed25519, 32 bytes."""
    encryption_key: bytes
    """X25519, 32 bytes."""
    enrolled_at: datetime
    revoked_at: datetime | None


def enrol_gateway(
    conn: Connection, *, centre: str, gateway: str, signing_key: bytes, encryption_key: bytes
) -> int:
    """Let a gateway send from now on; return its id. Doing it again changes nothing.

    Another key for the same gateway is a rotation: both hold until one is revoked. Raises
    Misconfigured for an unknown centre, and for a key that another gateway has or that was revoked:
    a second box needs keys of its own.
    """
    with border(), conn.transaction():
        found = conn.execute(query("find_centre"), {"centre": centre}).fetchone()
        if found is None:
            raise Misconfigured(_("There is no centre %(centre)s.") % {"centre": centre})
        named = {"centre_id": found[0], "gateway": gateway}
        conn.execute(query("insert_gateway"), named)
        gateway_id = _only_int(conn.execute(query("find_gateway"), named).fetchone())
        conn.execute(
            query("insert_gateway_key"),
            {
                "gateway_id": gateway_id,
                "signing_key": signing_key,
                "encryption_key": encryption_key,
            },
        )
        holder = conn.execute(query("find_key_holder"), {"signing_key": signing_key}).fetchone()
        if holder is None or (holder[0], holder[1], holder[2]) != (
            gateway_id,
            encryption_key,
            False,
        ):
            raise Misconfigured(
                _(
                    "The key of %(centre)s/%(gateway)s was enrolled before, for another box or "
                    "with another encryption key, or it was revoked: make new keys on the box."
                )
                % {"centre": centre, "gateway": gateway}
            )
    return gateway_id


def add_gateway_key(
    conn: Connection,
    *,
    centre: str,
    gateway: str,
    former_signing_key: bytes,
    signing_key: bytes,
    encryption_key: bytes,
) -> int:
    """Let a gateway have another key beside the one it has; return its id. Again changes nothing.

    Raises Misconfigured where the former key is not this gateway's, or was revoked.
    """
    named = {"centre": centre, "gateway": gateway}
    with border(), conn.transaction():
        given = named | {"signing_key": former_signing_key}
        # Held until the end, so that a revocation at the same time comes after or before.
        if conn.execute(query("hold_gateway_key"), given).fetchone() is None:
            raise Misconfigured(
                _(
                    "The key that %(centre)s/%(gateway)s has signed with is not in force: it was "
                    "revoked, or never enrolled. Enroll the box anew "
                    "(`adhere gateway enroll request --new-keys` on it)."
                )
                % named
            )
        return enrol_gateway(
            conn,
            centre=centre,
            gateway=gateway,
            signing_key=signing_key,
            encryption_key=encryption_key,
        )


def gateway_keys(conn: Connection, *, centre: str, gateway: str) -> list[KnownKey]:
    """Return all keys a gateway ever had, the newest first.

    Raises Misconfigured for a gateway that was never enrolled.
    """
    named = {"centre": centre, "gateway": gateway}
    with border():
        rows = conn.execute(query("all_gateway_keys"), named).fetchall()
    if not rows:
        raise Misconfigured(_("There is no gateway %(gateway)s in the centre %(centre)s.") % named)
    return [KnownKey(*row) for row in rows]


def newest_batches(
    conn: Connection, *, centre: str, gateway: str, since: datetime, limit: int = 20
) -> list[bytes]:
    """Return the signed messages of a gateway's newest batches committed since then."""
    given = {"centre": centre, "gateway": gateway, "since": since, "limit": limit}
    with border():
        rows = conn.execute(query("newest_batches"), given).fetchall()
    return [row[0] for row in rows]


def retire_gateway_keys(conn: Connection, *, centre: str, gateway: str) -> int:
    """Take nothing signed with any but the newest key any more; return how many that ended."""
    named = {"centre": centre, "gateway": gateway}
    with border():
        return conn.execute(query("retire_gateway_keys"), named).rowcount


def revoked_signing_keys(conn: Connection, gateway_id: int) -> list[bytes]:
    """Return a gateway's revoked signing keys, the newest last."""
    with border():
        rows = conn.execute(query("revoked_keys"), {"gateway_id": gateway_id}).fetchall()
    return [row[0] for row in rows]


def find_gateway_key(conn: Connection, centre: str, gateway: str, kid: bytes) -> GatewayKey:
    """Return the key of this gateway that is called `kid`.

    Raises Rejected: `unknown_gateway`, `unknown_key` or `revoked_key`.
    """
    with border():
        rows = conn.execute(
            query("find_gateway_keys"), {"centre": centre, "gateway": gateway, "kid": kid}
        ).fetchall()
    if not rows:
        raise Rejected("unknown_gateway")
    gateway_id, signing_key, encryption_key, is_revoked = cast(
        "tuple[int, bytes | None, bytes | None, bool]", rows[0]
    )
    if signing_key is None or encryption_key is None:
        raise Rejected("unknown_key")
    if is_revoked:
        raise Rejected("revoked_key")
    return GatewayKey(gateway_id, signing_key, encryption_key)


def revoke_gateway_key(conn: Connection, signing_key: bytes) -> bool:
    """Take nothing signed with this key any more; return whether it was enrolled at all."""
    with border():
        row = conn.execute(query("revoke_gateway_key"), {"signing_key": signing_key}).fetchone()
    return row is not None


def revoke_gateway(conn: Connection, *, centre: str, gateway: str) -> int:
    """Take nothing from this box any more, whatever key it uses; return how many keys that ended.

    Raises Misconfigured for a gateway that was never enrolled.
    """
    named = {"centre": centre, "gateway": gateway}
    with border(), conn.transaction():
        if conn.execute(query("find_gateway_by_names"), named).fetchone() is None:
            raise Misconfigured(
                _("There is no gateway %(gateway)s in the centre %(centre)s.") % named
            )
        return conn.execute(query("revoke_gateway_keys"), named).rowcount


def put_outage(
    conn: Connection, *, centre: str, gateway: str, since: datetime, until: datetime, reason: str
) -> None:
    """Say that a box heard nothing from `since` until `until`: such hours excuse its patients.

    Doing it again changes nothing. Raises Misconfigured for a gateway that was never enrolled.
    """
    named = {"centre": centre, "gateway": gateway}
    with border(), conn.transaction():
        if conn.execute(query("find_gateway_by_names"), named).fetchone() is None:
            raise Misconfigured(
                _("There is no gateway %(gateway)s in the centre %(centre)s.") % named
            )
        conn.execute(
            query("put_outage"), named | {"since": since, "until": until, "reason": reason}
        )


def _only_int(row: tuple[object, ...] | None) -> int:
    return cast("tuple[int]", row)[0]

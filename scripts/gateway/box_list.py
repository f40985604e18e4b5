"""`adhere gateway enroll keys` and `retire`: the keys a box has at the district, and their end."""

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import Rejected, Unavailable
from config.language import _
from config.settings import database_dsn
from scripts.gateway.rotate import app

if TYPE_CHECKING:
    from storage.gateways import KnownKey

__all__ = ["app"]

Json = Annotated[bool, typer.Option("--json", help=_("Print JSON for programs."))]


@app.command()
def keys(centre: str, gateway: str, *, as_json: Json = False) -> None:
    """In the district: list the keys of a box, the newest first."""
    from storage.database import connect
    from storage.gateways import gateway_keys
    from storage.roles import Role

    with connect(database_dsn(os.environ).get_secret_value(), role=Role.OPERATOR) as conn:
        known = gateway_keys(conn, centre=centre, gateway=gateway)
    if as_json:
        typer.echo(json.dumps([_plain(key) for key in known]))
        return
    for key in known:
        said = _plain(key)
        typer.echo(
            _("%(fingerprint)s  enrolled %(enrolled_at)s")
            % {"fingerprint": said["fingerprint"], "enrolled_at": said["enrolled_at"]}
            if key.revoked_at is None
            else _("%(fingerprint)s  enrolled %(enrolled_at)s, revoked %(revoked_at)s") % said
        )


@app.command()
def retire(
    centre: str,
    gateway: str,
    *,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help=_("Even if nothing has come under the newest key yet.")),
    ] = False,
) -> None:
    """In the district: end a change of keys; nothing but the newest key is taken from then on."""
    from storage import audit
    from storage.database import connect
    from storage.gateways import gateway_keys, newest_batches, retire_gateway_keys
    from storage.roles import Role

    with connect(database_dsn(os.environ).get_secret_value(), role=Role.OPERATOR) as conn:
        in_force = [
            key
            for key in gateway_keys(conn, centre=centre, gateway=gateway)
            if key.revoked_at is None
        ]
        if len(in_force) > 1 and not anyway:
            newest = in_force[0]
            sealed = newest_batches(conn, centre=centre, gateway=gateway, since=newest.enrolled_at)
            if not _is_signer(newest, sealed):
                raise Unavailable(
                    _(
                        "no batch has come under the newest key yet: accept the answer on the box "
                        "and start its gateway anew. A key that is retired too early leaves the "
                        "box without a voice (--anyway does it all the same)"
                    )
                )
        ended = retire_gateway_keys(conn, centre=centre, gateway=gateway)
        if ended:
            subject = f"{centre}/{gateway}"
            audit.note_command(conn, action="retire_gateway_keys", subject=subject)
    typer.echo(_("%(count)d keys revoked.") % {"count": ended})


def _is_signer(key: "KnownKey", messages: Iterable[bytes]) -> bool:
    """Say whether one of the messages is signed with the key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from ingest.batch import sign1
    from ingest.batch.limits import MAX_SEALED_BYTES

    public = Ed25519PublicKey.from_public_bytes(key.signing_key)
    for message in messages:
        signed = sign1.parse(message, max_bytes=MAX_SEALED_BYTES)
        try:
            sign1.verify(signed, typ=signed.typ, key=public)
        except Rejected:
            continue
        return True
    return False


def _plain(key: "KnownKey") -> dict[str, str | None]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    from ingest.batch.keys import PublicKeys

    public = PublicKeys(
        Ed25519PublicKey.from_public_bytes(key.signing_key),
        X25519PublicKey.from_public_bytes(key.encryption_key),
    )
    return {
        "fingerprint": public.fingerprint,
        "enrolled_at": key.enrolled_at.isoformat(timespec="seconds"),
        "revoked_at": None
        if key.revoked_at is None
        else key.revoked_at.isoformat(timespec="seconds"),
    }

"""Who the box is: its keys, its enrolment, whether the district still wants it; and its roster."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.errors import Misconfigured, Rejected
from config.gateway_settings import GatewaySettings
from config.language import _
from ingest.batch.enrolment import load_answer
from ingest.batch.keys import Keys
from ingest.batch.limits import MAX_SEALED_BYTES
from ingest.batch.roster import Roster, open_roster
from ingest.gateway import ENROLMENT_FILE
from ingest.gateway.box_keys import NEXT_FILE, load_box_keys
from ingest.gateway.checks.finding import Finding
from ingest.gateway.revoked import REVOKED_FILE, RevocationBook
from ingest.gateway.rosters import ROSTER_FILE

OLD_AFTER_MS = 3 * 86_400_000
"""The hub issues a roster anew each day: an older one did not come through."""


class Identity(NamedTuple):
    """What else can be looked at with."""

    keys: Keys
    hub_key: Ed25519PublicKey


def identity_of(settings: GatewaySettings) -> Identity:
    """Return the box's keys and the hub it trusts; raise Misconfigured with what is to be done."""
    keys = load_box_keys(settings.data_dir)
    path = settings.data_dir / ENROLMENT_FILE
    if not path.exists():
        raise Misconfigured(_("this box is not enrolled yet: adhere gateway enroll request"))
    answer = load_answer(path, keys)
    if (answer.centre, answer.gateway) != (settings.centre, settings.gateway):
        raise Misconfigured(_("the settings name another box than the one that was enrolled"))
    return Identity(keys, answer.hub_keys.signing)


def identity_findings(settings: GatewaySettings, identity: Identity) -> Iterator[Finding]:
    """Yield how the box stands with its district."""
    named = {
        "gateway": settings.gateway,
        "centre": settings.centre,
        "digits": identity.keys.public.fingerprint,
    }
    book = RevocationBook(
        settings.data_dir / REVOKED_FILE,
        identity.hub_key,
        identity.keys,
        centre=settings.centre,
        gateway=settings.gateway,
    )
    if book.is_revoked:
        yield Finding(
            "enrolment",
            "bad",
            _("the district takes nothing from this box any more; its readings stay in the spool"),
            _("ask the district; to enroll it anew: adhere gateway enroll request --new-keys"),
        )
        return
    yield Finding("enrolment", "ok", _("%(gateway)s in %(centre)s, fingerprint %(digits)s") % named)
    if (settings.data_dir / NEXT_FILE).exists():
        yield Finding(
            "enrolment",
            "warn",
            _("new keys wait for the district's answer"),
            _("take the request to the district, its answer back: adhere gateway enroll accept"),
        )


def roster_of(folder: Path, identity: Identity) -> Roster | None:
    """Return the roster on disk; None: there is none. Raises Rejected for one that is not ours."""
    try:
        with (folder / ROSTER_FILE).open("rb") as file:
            sealed = file.read(MAX_SEALED_BYTES + 1)
    except FileNotFoundError:
        return None
    return open_roster(sealed, identity.hub_key, identity.keys)


def roster_findings(folder: Path, identity: Identity, *, now_utc_ms: int) -> Iterator[Finding]:
    """Yield whether the box knows whom to protect."""
    try:
        roster = roster_of(folder, identity)
    except (Rejected, OSError):
        yield Finding(
            "roster",
            "bad",
            _("the roster on disk cannot be read"),
            _("start the gateway: the broker keeps the roster and sends it again"),
        )
        return
    if roster is None:
        yield Finding(
            "roster",
            "bad",
            _("there is none: no band is heard, nobody is warned"),
            _("assign bands in the district; it comes with the first connection"),
        )
        return
    age_ms = max(0, now_utc_ms - roster.issued_utc_ms)
    said = {
        "version": roster.version,
        "bands": len({band.device_key for band in roster.bands}),
        "hours": age_ms // 3_600_000,
    }
    says = _("number %(version)d, %(bands)d bands, %(hours)d h old") % said
    if now_utc_ms >= roster.expires_utc_ms:
        yield Finding(
            "roster",
            "bad",
            says + _("; it has expired: what it says may be wrong by now"),
            _("see to the connection with the broker, and to the hub"),
        )
    elif age_ms > OLD_AFTER_MS:
        yield Finding(
            "roster", "warn", says, _("see to the connection with the broker, and to the hub")
        )
    elif not roster.bands:
        yield Finding("roster", "warn", says, _("assign bands to their wearers in the district"))
    else:
        yield Finding("roster", "ok", says)

"""The gateway's book of its rosters: takes what the hub signed, keeps it, says who wears a band.

With no network the box still knows whom to protect: an expired roster is shown as such and goes on
protecting. What is on disk is the message as it came, readable with this box's key alone.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.errors import Rejected
from ingest.batch.keys import Keys
from ingest.batch.limits import MAX_SEALED_BYTES
from ingest.batch.roster import Claimer, Roster, RosterBand, open_roster
from ingest.gateway.edge_time import EdgeTime
from ingest.gateway.kept_file import keep

log = structlog.get_logger()

ROSTER_FILE = "roster.cose"


class RosterBook:
    """The newest roster. Every method may be called while another thread runs `save`."""

    def __init__(
        self,
        path: Path,
        hub_key: Ed25519PublicKey,
        keys: Keys,
        *,
        centre: str,
        gateway: str,
        time: EdgeTime,
    ) -> None:
        """Load what was kept; a file that is damaged or another hub's counts as none."""
        self.roster: Roster | None = None
        self.refused: Counter[str] = Counter()
        """Rosters that were not taken, by reason, since the start."""
        self._path, self._hub_key, self._keys = path, hub_key, keys
        self._centre, self._gateway, self._time = centre, gateway, time
        self.identity_keys: Mapping[str, bytes] = {}
        """What resolves the changing addresses of bands, by their keys in the roster. Secrets."""
        self.claimers: Mapping[str, Claimer] = {}
        """Who may say that a band is theirs, by pseudonym."""
        self._worn: Mapping[str, tuple[RosterBand, ...]] = {}
        self._sealed = self._saved = b""
        self._load()

    def take(self, sealed: bytes) -> bool:
        """Verify a roster and go by it from now on; say whether it is a new one.

        What is not ours, not signed by our hub, or not newer is counted and changes nothing. The
        same roster again (it is retained) is no fault. Call `save` after True.
        """
        if sealed == self._sealed:
            return False
        try:
            roster = self._opened(sealed)
        except Rejected as error:
            self.refused[error.reason] += 1
            log.warning("roster_refused", gateway=self._gateway, reason=error.reason)
            return False
        self._go_by(roster, sealed)
        log.info("roster_taken", version=roster.version, bands=len(roster.bands))
        return True

    def save(self) -> None:
        """Put the roster on disk, whole or not at all, if it is not there; raises OSError."""
        sealed = self._sealed
        if sealed == self._saved:
            return
        keep(self._path, sealed)
        self._saved = sealed

    @property
    def is_saved(self) -> bool:
        """Say whether the newest roster is on disk."""
        return self._sealed == self._saved

    @property
    def is_expired(self) -> bool:
        """Say whether the hub should have sent a newer one by now."""
        return self.roster is not None and self._time.utc_ms() >= self.roster.expires_utc_ms

    @property
    def needs_former_keys(self) -> bool:
        """Say whether the newest roster opens only with the keys before the present ones."""
        if self.roster is None or self._keys.former is None:
            return False
        try:
            open_roster(self._sealed, self._hub_key, replace(self._keys, former=None))
        except Rejected:
            return True
        return False

    def band(self, device_key: str, at_ms: int) -> RosterBand | None:
        """Return who wears the band at that time (ms UTC) under which limits; None: nobody."""
        for worn in self._worn.get(device_key, ()):
            if worn.worn_from_ms <= at_ms and (
                worn.worn_until_ms is None or at_ms < worn.worn_until_ms
            ):
                return worn
        return None

    def registered(self) -> Mapping[str, str | None]:
        """Return every band of the roster with the family it is to be talked with in."""
        return {key: worn[-1].family for key, worn in self._worn.items()}

    def _opened(self, sealed: bytes) -> Roster:
        roster = open_roster(sealed, self._hub_key, self._keys)
        if (roster.centre, roster.gateway) != (self._centre, self._gateway):
            raise Rejected("wrong_gateway", "a roster for another gateway")
        if self.roster is not None and roster.version <= self.roster.version:
            raise Rejected("old_version", "not newer than the one we have")
        return roster

    def _go_by(self, roster: Roster, sealed: bytes) -> None:
        worn: dict[str, list[RosterBand]] = {}
        for band in sorted(roster.bands, key=lambda band: band.worn_from_ms):
            worn.setdefault(band.device_key, []).append(band)
        self._worn = {key: tuple(bands) for key, bands in worn.items()}
        self.identity_keys = {key.device_key: key.irk for key in roster.identity_keys}
        self.claimers = {person.subject: person for person in roster.claimers}
        self.roster, self._sealed = roster, sealed
        self._time.not_before_utc_ms = max(self._time.not_before_utc_ms, roster.issued_utc_ms)

    def _load(self) -> None:
        try:
            with self._path.open("rb") as file:
                sealed = file.read(MAX_SEALED_BYTES + 1)
        except FileNotFoundError:
            return
        except OSError as error:
            log.error("roster_not_read", why=error.strerror)  # noqa: TRY400 - foreseen
            return
        if self.take(sealed):
            self._saved = sealed

"""Whether the district has taken this box out of service, as far as the box has heard.

A box that knows it stops sending and says so; it goes on storing, and its readings wait in the
spool until it is enrolled anew. The hub's notice is kept, so that the box knows it without a
network too. It names keys: with new ones the box is not meant by it any more.
"""

import contextlib
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.errors import Rejected
from ingest.batch.keys import Keys
from ingest.batch.revocation import MAX_BYTES, Revocation, is_revocation, open_revocation
from ingest.gateway.kept_file import keep

log = structlog.get_logger()

REVOKED_FILE = "revoked.cose"


class RevocationBook:
    """The newest notice that concerns the keys of now."""

    def __init__(
        self, path: Path, hub_key: Ed25519PublicKey, keys: Keys, *, centre: str, gateway: str
    ) -> None:
        """Load what was kept; what is damaged or means other keys counts as none."""
        self.notice: Revocation | None = None
        self._path, self._hub_key, self._kid = path, hub_key, keys.kid
        self._centre, self._gateway = centre, gateway
        with contextlib.suppress(OSError), path.open("rb") as file:
            self._look_at(file.read(MAX_BYTES + 1))

    @property
    def is_revoked(self) -> bool:
        """Say whether the district takes nothing from this box any more."""
        return self.notice is not None

    def take(self, message: bytes) -> bool:
        """Take what came on the roster's topic; say whether it was a notice, of whomever."""
        if not is_revocation(message):
            return False
        if self.notice is None and self._look_at(message):
            log.error("gateway_revoked", gateway=self._gateway)
            self._save(message)
        return True

    def _look_at(self, message: bytes) -> bool:
        try:
            notice = open_revocation(message, self._hub_key)
        except Rejected as error:
            log.warning("revocation_refused", gateway=self._gateway, reason=error.reason)
            return False
        ours = (notice.centre, notice.gateway) == (self._centre, self._gateway)
        if ours and self._kid in notice.kids:
            self.notice = notice
        return self.notice is not None

    def _save(self, message: bytes) -> None:
        """Keep the notice; a disk that is full costs no more than hearing it again."""
        try:
            keep(self._path, message)
        except OSError as error:
            log.error("revocation_not_kept", why=error.strerror)  # noqa: TRY400 - foreseen

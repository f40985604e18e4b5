"""The gateways' public keys, kept for a short while so that a revocation is heeded soon."""

import time
from collections.abc import Callable

from storage.gateways import GatewayKey

Find = Callable[[str, str, bytes], GatewayKey]
"""Look a key up in the database by centre, gateway and identifier; Rejected where there is none."""


class Keyring:
    """Remembers good keys for `refresh_s`. What is not known is looked up each time."""

    def __init__(
        self, find: Find, refresh_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Remember nothing yet."""
        self._find, self._refresh_s, self._clock = find, refresh_s, clock
        self._known: dict[tuple[str, str, bytes], tuple[float, GatewayKey]] = {}

    def key(self, centre: str, gateway: str, kid: bytes) -> GatewayKey:
        """Return the key of this gateway that is called `kid`.

        Raises Rejected: `unknown_gateway`, `unknown_key`, `revoked_key`.
        """
        now = self._clock()
        known = self._known.pop((centre, gateway, kid), None)
        if known is None or now - known[0] >= self._refresh_s:
            known = (now, self._find(centre, gateway, kid))
        self._known[centre, gateway, kid] = known
        return known[1]

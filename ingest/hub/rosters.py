"""The thread that publishes rosters: each gateway's newest, retained, within seconds of a change.

It looks when the database tells of a change, and from time to time by itself, for a wearer's day
also changes with the clock. Everything is published anew after a reconnect: a broker may have lost
what it retained.

Of several hubs one publishes: whoever has the database's lock, and the broker. The lock is a
session's, so it falls when its hub ends, or when the database misses it; another hub tries for it
every few seconds, and begins by publishing everything, for it cannot know what was.
"""

import threading
import time
from datetime import timedelta
from itertools import groupby
from types import TracebackType
from typing import Self

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.errors import Rejected, Unavailable
from ingest.batch.keys import kid_for
from ingest.batch.revocation import Revocation, seal_revocation
from ingest.batch.topics import roster_topic
from ingest.hub.database import Database
from ingest.hub.link import Link
from ingest.hub.roster_bands import RosterMaker
from storage.database import Connection, exclusively
from storage.gateways import revoked_signing_keys
from storage.rosters import (
    GatewayRoster,
    Known,
    claimer_rows,
    issue_roster,
    listen_for_changes,
    roster_gateways,
    was_told,
    worn_rows,
)

log = structlog.get_logger()

DUTY = "hub rosters"
"""The name of the lock."""
TRY_S = 5.0
"""A hub that does not publish looks this often whether the one that does is gone."""
NO_BROKER_S = 5.0
"""A hub without the broker for so long lets another publish."""
LOOK_S = 30.0
WAIT_S = 0.2
LEAST_BETWEEN_S = 1.0
"""Many changes in a row (a list of people read in) make one look a second."""
SAY_AGAIN_S = 20.0
"""A gateway that reports an older roster is sent the newest again this often at most."""
REVOKED = -1
"""Instead of a version: what the broker retained was replaced by a notice of revocation."""
VALID_FOR = timedelta(days=14)
RENEW_AFTER = timedelta(days=1)


class RosterPublisher:
    """A context manager: leaving it ends the thread. `fault` is what ended it before."""

    def __init__(
        self,
        database: Database,
        maker: RosterMaker,
        link: Link,
        stop: threading.Event,
    ) -> None:
        """Prepare; `link` is the connection to publish on."""
        self.fault: Exception | None = None
        self.publishes = False
        """This hub is the one that does."""
        self.published = 0
        """Rosters published since the start."""
        self._database, self._maker = database, maker
        self._link, self._stop = link, stop
        self._said: dict[int, int] = {}
        """Of each gateway, the version published on this connection."""
        self._said_on = 0
        self._reports: dict[tuple[str, str], int] = {}
        """By centre and gateway: the version that the box itself says it has."""
        self._reminded: dict[int, float] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="rosters")

    def reported(self, centre: str, gateway: str, version: int) -> None:
        """Take in which roster a gateway says it has (0: none); called by any thread."""
        with self._lock:
            self._reports[centre, gateway] = version

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until the thread has ended; it is told to by `stop`."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._try_for_duty()
                except Unavailable as error:
                    self._database.back_off(error)
        except Exception as error:  # noqa: BLE001 - carried to the thread that started us
            self.fault = error
            self._stop.set()
        finally:
            self._database.close()

    def _try_for_duty(self) -> None:
        """Publish if no other hub does; else, and without a broker, wait a little."""
        if self._link.is_connected:
            conn = self._database.connection()
            with exclusively(conn, DUTY) as mine:
                self._database.is_well()
                if mine:
                    log.info("hub_publishes_rosters")
                    self.publishes = True
                    try:
                        self._follow(conn)
                    finally:
                        self.publishes = False
                    self._database.close()  # it would go on being told of changes
                    return
            self._stop.wait(TRY_S)
        else:
            self._stop.wait(WAIT_S)

    def _follow(self, conn: Connection) -> None:
        """Look at all rosters whenever there is a reason to, until told to stop.

        Or until the broker has been away for a while: then another hub may have it still.
        """
        self._said.clear()
        listen_for_changes(conn)
        self._look(conn)
        self._database.is_well()
        looked = had_broker_s = time.monotonic()
        was_asked = False
        while not self._stop.is_set():
            now_s = time.monotonic()
            if self._link.is_connected:
                had_broker_s = now_s
            elif now_s - had_broker_s >= NO_BROKER_S:
                log.warning("hub_gives_rosters_up")
                return
            was_asked = was_told(conn, WAIT_S) or was_asked or self._is_new_connection()
            since_s = time.monotonic() - looked
            if since_s >= LOOK_S or (was_asked and since_s >= LEAST_BETWEEN_S):
                self._look(conn)
                looked, was_asked = time.monotonic(), False

    def _look(self, conn: Connection) -> None:
        """Issue what has changed, publish what is newer than was published."""
        if self._is_new_connection():
            self._said_on = self._link.connection
            self._said.clear()
        worn = {centre: list(of) for centre, of in groupby(worn_rows(conn), lambda r: r.centre_id)}
        may = {
            centre: list(of) for centre, of in groupby(claimer_rows(conn), lambda r: r.centre_id)
        }
        for to in roster_gateways(conn, renew_after=RENEW_AFTER):
            known = Known(worn.get(to.centre_id, []), may.get(to.centre_id, []))
            try:
                self._serve(conn, to, known)
            except Rejected as error:
                # The last one stands; what to do: fewer bands in one centre.
                log.error(  # noqa: TRY400 - foreseen
                    "roster_not_issued", centre=to.centre, gateway=to.gateway, why=str(error)
                )

    def _serve(self, conn: Connection, to: GatewayRoster, known: Known) -> None:
        if not to.encryption_keys:
            if self._link.connection and self._said.get(to.gateway_id) != REVOKED:
                # In place of the roster, which the broker forgets by it.
                self._link.retain(roster_topic(to.centre, to.gateway), self._notice(conn, to))
                self._said[to.gateway_id] = REVOKED
            return
        version, sealed = to.version, to.sealed
        if to.is_old is not False or self._maker.content(to, known).sha256 != to.content_sha256:
            issued = issue_roster(
                conn,
                to.gateway_id,
                self._maker.content,
                renew_after=RENEW_AFTER,
                valid_for=VALID_FOR,
            )
            version, sealed = (None, None) if issued is None else issued
        if version is None or sealed is None or not self._link.connection:
            return
        if version > self._said.get(to.gateway_id, 0) or self._is_behind(to, version):
            self._link.retain(roster_topic(to.centre, to.gateway), sealed)
            self._said[to.gateway_id] = version
            self.published += 1

    def _notice(self, conn: Connection, to: GatewayRoster) -> bytes:
        """Return the word to a box that it is revoked, so that it stops sending and says so."""
        keys = revoked_signing_keys(conn, to.gateway_id)
        kids = tuple(kid_for(Ed25519PublicKey.from_public_bytes(key)) for key in keys)
        now_ms = time.time_ns() // 10**6
        return seal_revocation(Revocation(to.centre, to.gateway, kids, now_ms), self._maker.hub_key)

    def _is_behind(self, to: GatewayRoster, version: int) -> bool:
        """Say whether the box has an older one, and was not reminded of this lately."""
        with self._lock:
            has = self._reports.pop((to.centre, to.gateway), version)
        now = time.monotonic()
        if has >= version or now - self._reminded.get(to.gateway_id, -SAY_AGAIN_S) < SAY_AGAIN_S:
            return False
        self._reminded[to.gateway_id] = now
        return True

    def _is_new_connection(self) -> bool:
        return self._link.connection != self._said_on

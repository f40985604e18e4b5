"""The hub's life: connect both ends, settle micro-batches until told to stop.

Two threads: the MQTT client's own, which fills the buffer, and the caller's, which works. The
database may come and go: what is in hand stays in hand, unacknowledged, until it is stored.
"""

import random
import threading
import time
from collections.abc import Callable

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.errors import Unavailable
from config.settings import Broker, HubSettings
from ingest.hub.buffer import Buffer, Message
from ingest.hub.counters import Counters, Times, report
from ingest.hub.keyring import Keyring
from ingest.hub.link import Link
from ingest.hub.worker import Worker
from storage.database import Connection, connect
from storage.gateways import GatewayKey, find_gateway_key
from storage.migrate import require_current

log = structlog.get_logger()

IDLE_S = 0.2
FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.2, 10.0
FLUSH_S = 5.0


class Hub:
    """The parts of one hub process. It opens nothing before `run`."""

    def __init__(
        self,
        dsn: str,
        broker: Broker,
        settings: HubSettings,
        hub_key: Ed25519PrivateKey,
        stop: threading.Event,
    ) -> None:
        """Prepare; `stop` is set by the caller, or by us when the link cannot go on."""
        self._dsn, self._settings, self._hub_key, self._stop = dsn, settings, hub_key, stop
        self.counters, self.times = Counters(), Times()
        self._buffer = Buffer(settings.buffer_messages, settings.buffer_mb * 2**20)
        self._link = Link(broker, self._buffer, settings.hold_s, self.counters, stop)
        self._keyring = Keyring(self._find_key, settings.key_refresh_s)
        self._conn: Connection | None = None
        self._failures = 0

    def run(self, on_ready: Callable[[], None]) -> None:
        """Work until `stop` is set: finish the transaction in hand, send its receipts, return.

        What is still in the buffer then stays unacknowledged: its gateways send it again.
        Raises Misconfigured for a database or a broker that an operator must see to.
        """
        try:
            self._connect_at_start()
            with self._link:
                self._work(on_ready)
                self._buffer.close()
                self._link.flush(FLUSH_S)
        finally:
            self._buffer.close()
            self._disconnect()
            log.info("hub_stopped", **self.report())
        if self._link.fault is not None:
            raise self._link.fault

    def _work(self, on_ready: Callable[[], None]) -> None:
        in_hand: list[Message] = []
        said_ready = False
        next_status = time.monotonic() + self._settings.status_every_s
        while not self._stop.is_set():
            if not said_ready and self._link.ready.is_set():
                on_ready()
                said_ready = True
            if not in_hand:
                in_hand = self._buffer.take(self._settings.buffer_messages, IDLE_S)
            if in_hand:
                in_hand = self._settled(in_hand)
            if time.monotonic() >= next_status:
                log.info("hub_status", waiting=len(self._buffer), **self.report())
                next_status = time.monotonic() + self._settings.status_every_s

    def _settled(self, in_hand: list[Message]) -> list[Message]:
        """Settle some of the messages in hand; return those that are left."""
        try:
            done = in_hand[: self._worker().settle(in_hand)]
        except Unavailable as error:
            self._back_off(error)
            return in_hand
        self._failures = 0
        self._link.ack(done)
        self._buffer.settle(done)
        return in_hand[len(done) :]

    def _worker(self) -> Worker:
        return Worker(
            self._connection(),
            self._keyring,
            self._hub_key,
            self._link.publish,
            self._settings.commit_rows,
            self.counters,
            self.times,
        )

    def _connection(self) -> Connection:
        if self._conn is None:
            self._conn = connect(self._dsn, application="adhere-hub")
        return self._conn

    def _disconnect(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def _connect_at_start(self) -> None:
        """Say at once what an operator must see to; a database that is only away is waited for."""
        try:
            require_current(self._connection())
        except Unavailable as error:
            self._disconnect()
            log.warning("database_away", why=str(error))

    def _find_key(self, centre: str, gateway: str, kid: bytes) -> GatewayKey:
        return find_gateway_key(self._connection(), centre, gateway, kid)

    def _back_off(self, error: Unavailable) -> None:
        self._disconnect()
        self._failures += 1
        self.counters.database_failures += 1
        longest = min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * 2 ** min(self._failures, 10))
        wait_s = random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, hides nothing
        log.warning("database_away", why=str(error), retry_in_s=round(wait_s, 1))
        self._stop.wait(wait_s)

    def report(self) -> dict[str, object]:
        """Return the counters and times so far."""
        return report(self.counters, self.times)

"""The hub's life: connect both ends, open messages and store them until told to stop.

Three threads, one after the other: the MQTT client's own fills the buffer; the caller's opens
messages (signature, content); the storer's writes them and sends receipts. So the processor opens
the next messages while the database commits the last. A fourth, beside them, publishes rosters.
The database may come and go: what is in hand stays in hand, unacknowledged, until it is stored.
"""

import threading
import time
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from config.district_settings import HubSettings
from config.errors import Unavailable
from config.fields import Broker
from ingest.batch.to_hub import HubSecrets
from ingest.hub.buffer import Buffer, Message
from ingest.hub.counters import Counters, Times, report
from ingest.hub.database import Database
from ingest.hub.keyring import Keyring
from ingest.hub.link import Link
from ingest.hub.prepared import Prepared
from ingest.hub.roster_bands import RosterMaker
from ingest.hub.rosters import RosterPublisher
from ingest.hub.storer import Storer
from ingest.hub.worker import Worker
from storage.database import Connection, require_durable
from storage.gateways import GatewayKey, find_gateway_key
from storage.migrate import require_current

log = structlog.get_logger()

IDLE_S = 0.2
GATHER_S = 0.002
"""While the storer is busy: how often to look whether it is done."""
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
        *,
        time_zone: str,
        reads_with: Sequence[X25519PrivateKey] = (),
    ) -> None:
        """Prepare; `stop` is set by the caller, or by us when we cannot go on.

        `time_zone` is that of the local days on which prescriptions change; `reads_with` are the
        keys, of now and of before, that gateways encrypt batches to.
        """
        self._secrets = HubSecrets(reads_with)
        self._settings, self._hub_key, self._stop = settings, hub_key, stop
        self.counters, self.times = Counters(), Times()
        self._keys_database = Database(dsn, "adhere-hub-keys", stop, self.counters)
        self._database = Database(dsn, "adhere-hub", stop, self.counters)
        self._keyring = Keyring(self._find_key, settings.key_refresh_s)
        self._buffer = Buffer(settings.buffer_messages, settings.buffer_mb * 2**20)
        self._link = Link(broker, self._buffer, settings.hold_s, self.counters, stop)
        self._storer = Storer(self._database, self._worker, self._done, stop)
        self._rosters = RosterPublisher(
            Database(dsn, "adhere-hub-rosters", stop, self.counters),
            RosterMaker(hub_key, ZoneInfo(time_zone)),
            self._link.retain,
            lambda: self._link.connection,
            stop,
        )

    def run(self, on_ready: Callable[[], None]) -> None:
        """Work until `stop` is set: finish the transaction in hand, send its receipts, return.

        What is still in the buffer then stays unacknowledged: its gateways send it again.
        Raises Misconfigured for a database or a broker that an operator must see to.
        """
        try:
            self._connect_at_start()
            with self._link:
                with self._storer, self._rosters:
                    try:
                        self._open_until_stopped(on_ready)
                    finally:
                        self._stop.set()  # else the storer would wait for a database that is away
                self._buffer.close()
                self._link.flush(FLUSH_S)
        finally:
            self._buffer.close()
            self._keys_database.close()
            self._database.close()
            log.info("hub_stopped", **self.report())
        for fault in (self._storer.fault, self._link.fault, self._rosters.fault):
            if fault is not None:
                raise fault

    def _open_until_stopped(self, on_ready: Callable[[], None]) -> None:
        in_hand: list[Message] = []
        prepared = Prepared(self._secrets)
        said_ready = False
        next_status = time.monotonic() + self._settings.status_every_s
        while not self._stop.is_set():
            if not said_ready and self._link.ready.is_set():
                on_ready()
                said_ready = True
            if not in_hand:
                wait_s = 0 if prepared.messages else IDLE_S
                in_hand = self._buffer.take(self._settings.buffer_messages, wait_s)
            in_hand = self._opened(in_hand, prepared)
            if prepared.messages and self._storer.take_over(prepared, GATHER_S):
                prepared = Prepared(self._secrets)
            if time.monotonic() >= next_status:
                log.info("hub_status", waiting=len(self._buffer), **self.report())
                next_status = time.monotonic() + self._settings.status_every_s

    def _opened(self, in_hand: list[Message], prepared: Prepared) -> list[Message]:
        """Open messages until they make one transaction; return those that are left."""
        for number, message in enumerate(in_hand):
            if prepared.rows >= self._settings.commit_rows:
                return in_hand[number:]
            try:
                prepared.add(message, self._keyring, self.counters, self.times)
            except Unavailable as error:
                self._keys_database.back_off(error)
                return in_hand[number:]
        if in_hand:
            self._keys_database.is_well()
        return []

    def _done(self, messages: list[Message]) -> None:
        self._link.ack(messages)
        self._buffer.settle(messages)

    def _worker(self, conn: Connection) -> Worker:
        return Worker(
            conn,
            self._hub_key,
            self._link.publish,
            self.counters,
            self.times,
            self._rosters.reported,
        )

    def _connect_at_start(self) -> None:
        """Say at once what an operator must see to; a database that is only away is waited for."""
        try:
            require_durable(self._keys_database.connection())
            require_current(self._keys_database.connection())
        except Unavailable as error:
            log.warning("database_away", why=str(error))
            self._keys_database.close()

    def _find_key(self, centre: str, gateway: str, kid: bytes) -> GatewayKey:
        return find_gateway_key(self._keys_database.connection(), centre, gateway, kid)

    def report(self) -> dict[str, object]:
        """Return the counters and times so far."""
        return report(self.counters, self.times)

"""The hub's life: connect both ends, open messages and store them until told to stop.

Threads, one after the other: the MQTT client's own, one for each connection, fill the buffer; the
caller's opens messages (signature, content); the storer's writes them and sends receipts. So the
processor opens the next messages while the database commits the last. Beside them one publishes
rosters, and one looks after the connections. Live batches, events and states have a connection of
their own, so that in no queue of the broker they stand behind history.
The database may come and go: what is in hand stays in hand, unacknowledged, until it is stored.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from zoneinfo import ZoneInfo

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from config.district_settings import HubSettings
from config.errors import Unavailable
from config.fields import Broker
from ingest.batch.to_hub import HubSecrets
from ingest.hub.allowance import Allowance
from ingest.hub.buffer import Buffer, Lane
from ingest.hub.counters import Counters, Delays, Times, report
from ingest.hub.database import Database
from ingest.hub.keyring import Keyring
from ingest.hub.link import Link
from ingest.hub.metrics import Watched, serving_metrics
from ingest.hub.opening import Opener
from ingest.hub.pace import Pace
from ingest.hub.prepared import Prepared
from ingest.hub.roster_bands import RosterMaker
from ingest.hub.rosters import RosterPublisher
from ingest.hub.storer import Storer
from ingest.hub.tending import Tender
from ingest.hub.worker import Worker
from storage.database import Connection, require_durable
from storage.gateways import GatewayKey, find_gateway_key
from storage.migrate import require_current

log = structlog.get_logger()

FLUSH_S = 5.0
DRAIN_S = 5.0
"""On being told to stop: so long at most for what the broker had already begun to send."""
QUIET_S = 0.1


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
        self._settings, self._hub_key, self._stop = settings, hub_key, stop
        self.counters, self.times = Counters(), Times()
        self.delays = {lane: Delays() for lane in Lane}
        self.metrics_port: int | None = None
        """Where figures are served while it runs; None: nowhere."""
        self._keys_database = Database(dsn, "adhere-hub-keys", stop, self.counters)
        self._database = Database(dsn, "adhere-hub", stop, self.counters)
        self._keyring = Keyring(self._find_key, settings.key_refresh_s)
        windows = {Lane.LIVE: settings.buffer_messages, Lane.HISTORY: settings.backlog_messages}
        self._buffer = Buffer(
            windows[Lane.LIVE], settings.buffer_mb * 2**20, max_history=windows[Lane.HISTORY]
        )
        arrivals = {Lane.LIVE: self.counters.live, Lane.HISTORY: self.counters.history}
        self.links = {
            lane: Link(
                broker, lane, self._buffer, windows[lane], settings.hold_s, arrivals[lane], stop
            )
            for lane in Lane
        }
        self._allowance = Allowance()
        self._paces = {lane: Pace(settings.commit_s, settings.commit_rows) for lane in Lane}
        self._storer = Storer(self._database, self._worker, self._done, stop)
        self._opener = Opener(
            self._buffer,
            self._storer,
            self._keyring,
            HubSecrets(reads_with),
            self._paces,
            self.counters,
            self.times,
        )
        self._rosters = RosterPublisher(
            Database(dsn, "adhere-hub-rosters", stop, self.counters),
            RosterMaker(hub_key, ZoneInfo(time_zone)),
            self.links[Lane.LIVE],
            stop,
        )
        self._tender = Tender(
            list(self.links.values()),
            self._buffer,
            self._say_status,
            settings.status_every_s,
            stop,
        )

    def run(self, on_ready: Callable[[], None]) -> None:
        """Work until `stop` is set: store what has already come, send its receipts, return.

        What is then still not stored stays unacknowledged: its gateways send it again.
        Raises Misconfigured for a database or a broker that an operator must see to.
        """
        try:
            with ExitStack() as parts:
                self.metrics_port = parts.enter_context(
                    serving_metrics(
                        self._settings.metrics_host, self._settings.metrics_port, self._watched()
                    )
                )
                self._connect_at_start()
                for link in self.links.values():
                    parts.enter_context(link)
                parts.enter_context(self._tender)
                with self._storer, self._rosters:
                    try:
                        self._open_until_stopped(on_ready)
                        self._drain()
                    finally:
                        self._stop.set()  # else the storer would wait for a database that is away
                self._buffer.close()
                self.links[Lane.LIVE].flush(FLUSH_S)
        finally:
            self._buffer.close()
            self._keys_database.close()
            self._database.close()
            log.info("hub_stopped", **self.report())
        for fault in self._faults():
            raise fault

    def _faults(self) -> list[Exception]:
        links = (link.fault for link in self.links.values())
        faults = (self._storer.fault, *links, self._rosters.fault, self._tender.fault)
        return [fault for fault in faults if fault is not None]

    def _open_until_stopped(self, on_ready: Callable[[], None]) -> None:
        said_ready = False
        while not self._stop.is_set():
            if not said_ready and all(link.ready.is_set() for link in self.links.values()):
                said_ready = True
                on_ready()
            self._opener.turn(self._keys_database.back_off)

    def _drain(self) -> None:
        """Take nothing new, and store what the broker has given or is giving us."""
        end_s = time.monotonic() + DRAIN_S
        for link in self.links.values():
            link.stop_receiving()
        quiet_since_s = time.monotonic()
        while time.monotonic() < end_s and not self._faults() and not self._storer.gave_up:
            if not self._opener.is_empty or self._buffer.held():
                quiet_since_s = time.monotonic()
            elif time.monotonic() - quiet_since_s >= QUIET_S and all(
                link.has_left() for link in self.links.values()
            ):
                return
            failures = self.counters.database_failures
            self._opener.turn(self._keys_database.back_off)
            if self.counters.database_failures > failures:
                return

    def _done(self, prepared: Prepared, took_s: float) -> None:
        if not prepared.messages:  # only days were made
            self._buffer.goes_on()
            return
        now_s = time.monotonic()
        self.links[Lane.LIVE].ack(prepared.messages)
        self.links[Lane.HISTORY].ack(prepared.messages)
        self._buffer.settle(prepared.messages)
        lane = prepared.messages[0].lane
        self._paces[lane].stored(prepared.rows, took_s)
        self.delays[lane].add(
            now_s - message.came_mono_s
            for message in prepared.messages
            if message.came_mono_s is not None
        )

    def _worker(self, conn: Connection) -> Worker:
        return Worker(
            conn,
            self._hub_key,
            self.links[Lane.LIVE].publish,
            self.counters,
            self.times,
            self._rosters.reported,
            self._allowance,
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
        found = find_gateway_key(self._keys_database.connection(), centre, gateway, kid)
        self._keys_database.is_well()
        return found

    def _watched(self) -> Watched:
        return Watched(
            self.counters, self.times, self.delays, self._buffer, self.links, self._paces,
            self._rosters,
        )  # fmt: skip

    def _say_status(self) -> None:
        log.info(
            "hub_status",
            waiting=self._buffer.waiting(Lane.LIVE),
            waiting_history=self._buffer.waiting(Lane.HISTORY),
            stuck_s=round(self._buffer.stuck_s(), 1),
            shared=all(link.is_shared for link in self.links.values()),
            away=any(link.is_away for link in self.links.values()),
            publishes_rosters=self.publishes_rosters,
            **self.report(),
        )

    @property
    def publishes_rosters(self) -> bool:
        """Say whether this hub, of all, is the one that does."""
        return self._rosters.publishes

    def report(self) -> dict[str, object]:
        """Return the counters and times so far."""
        return report(self.counters, self.times)

"""Scanners and phones as a source of readings, which the gateway runs like any other.

The connection to their broker is the MQTT client's to keep: it connects again by itself, for as
long as it takes. Messages are taken in in the event loop, in the order in which they came.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from functools import partial

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from config.fields import Broker
from config.gateway_settings import ScannerSettings
from config.tls import client_context
from ingest.batch.outage import MAX_EAR_CHARACTERS
from ingest.batch.reading import Reading
from ingest.gateway.heard import Heard
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.radio.bands import Bands
from ingest.gateway.radio.basket import Basket
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.intake import Intake
from ingest.gateway.radio.pace import Pace
from ingest.gateway.scanner.counters import ScannerCounters
from ingest.gateway.scanner.intake import ScannerIntake
from ingest.gateway.scanner.topics import subscriptions

log = structlog.get_logger()

MOST_WAITING = 10_000
"""Messages: a room of 200 bands heard by five scanners gives 1,000 a second."""
RECONNECT_MOST_S = 60


class ScannerSource:
    """Hears registered bands through scanners until it is closed."""

    def __init__(
        self,
        settings: ScannerSettings,
        broker: Broker,
        registered: Callable[[], Mapping[str, str | None]],
        on_heard: Callable[[Sequence[Reading]], None],
        *,
        session_bpm: float,
        device_key_of: Callable[[str], str | None] | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`broker` is the one scanners publish to; the rest is as for the radio's source."""
        self.counters = ScannerCounters()
        self._settings, self._broker, self._pace = settings, broker, pace or Pace()
        self._passed_on = RadioCounters()
        self._basket = Basket(self._passed_on)
        self._taken = ScannerIntake(
            Bands(registered, self._pace, device_key_of),
            Intake(self._basket, on_heard, self._passed_on, session_bpm=session_bpm),
            self.counters,
            settings.prefixes,
            settings.phones,
        )

    def neighbours(self) -> Sequence[Neighbour]:
        """Return bands that scanners hear and that are registered to nobody."""
        return list(self._taken.passers_by.offered(self._taken.mono_s()).values())

    def away(self) -> Sequence[str]:
        """Return the scanners that are away, as ears of the box."""
        return [f"scanner {name}"[:MAX_EAR_CHARACTERS] for name in self._taken.away()]

    def status(self) -> Mapping[str, object]:
        """Return the counts."""
        passed = self._passed_on
        return self.counters.as_dict() | {
            "away_s": dict(self._taken.away_s()),
            "readings": passed.readings_live,
            "readings_suspect": passed.readings_suspect,
            "readings_dropped": passed.dropped_live,
        }

    async def __call__(self, cursor: Mapping[str, str]) -> AsyncGenerator[Heard]:
        """Give what is heard; nothing of it is remembered by anybody, so `cursor` is not used."""
        del cursor
        try:
            async with self._subscribed():
                while True:
                    self._taken.bands.refresh()
                    await asyncio.sleep(self._pace.flush_s)
                    self._taken.look()
                    for heard in self._basket.empty():
                        yield heard
        except asyncio.CancelledError:
            # To be stopped is no reason to lose what was heard since the last flush.
            self._taken.close()
            for heard in self._basket.empty():
                yield heard
            raise

    @contextlib.asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[None]:
        client = _client(self._broker)
        listener = _Listener(self._taken, subscriptions(self._taken.prefixes, self._taken.phones))
        client.on_connect, client.on_disconnect = listener.connected, listener.disconnected
        client.on_message = listener.came
        client.connect_async(self._broker.host, self._broker.port, self._broker.keepalive_s)
        client.loop_start()
        try:
            yield
        finally:
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)
            client.reinitialise()  # closes the pipe by which it wakes itself, now
            self.counters.connected = False


class _Listener:
    """What the client's thread calls; everything goes to the loop."""

    def __init__(self, taken: ScannerIntake, topics: Sequence[str]) -> None:
        self._loop = asyncio.get_running_loop()
        self._taken, self._topics = taken, topics
        self._waiting = 0

    def connected(
        self,
        client: mqtt.Client,
        _data: object,
        _flags: object,
        reason: ReasonCode,
        _props: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.warning("scanners_broker_refuses", why=str(reason))
            return
        client.subscribe([(topic, 0) for topic in self._topics])
        self._loop.call_soon_threadsafe(partial(self._stands, is_connected=True))

    def disconnected(
        self,
        _client: mqtt.Client,
        _data: object,
        _flags: object,
        reason: ReasonCode,
        _props: Properties | None,
    ) -> None:
        log.info("scanners_broker_away", why=str(reason))
        with contextlib.suppress(RuntimeError):  # the loop has ended, and all with it
            self._loop.call_soon_threadsafe(partial(self._stands, is_connected=False))

    def came(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if self._waiting >= MOST_WAITING:
            self._taken.counters.dropped += 1
            return
        self._waiting += 1
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(
                partial(self._take, message.topic, bytes(message.payload), retained=message.retain)
            )

    def _take(self, topic: str, payload: bytes, *, retained: bool) -> None:
        self._waiting -= 1
        self._taken.take(topic, payload, retained=retained)

    def _stands(self, *, is_connected: bool) -> None:
        self._taken.counters.connected = is_connected


def _client(broker: Broker) -> mqtt.Client:
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=f"adhere-scanners-{secrets.token_hex(6)}"
    )
    client.reconnect_delay_set(1, RECONNECT_MOST_S)
    if broker.username is not None:
        secret = broker.password
        client.username_pw_set(broker.username, secret.get_secret_value() if secret else None)
    if broker.tls is not None:
        client.tls_set_context(client_context(broker.tls))
    return client

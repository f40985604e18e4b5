"""One connection to the broker: the one place where the MQTT client's thread is met.

A client lives as long as its connection, so nothing it queued can be sent twice after a reconnect:
what has no receipt is the spool's to know, and the uplink's to send again.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, LogLevel
from paho.mqtt.reasoncodes import ReasonCode

from config.errors import Unavailable
from config.fields import Broker
from config.tls import client_context, explained
from ingest.batch.topics import receipt_topic, roster_topic, state_topic

log = structlog.get_logger()

CONNECT_S = 10.0
MAX_RECEIPTS_HELD = 1_000
"""More are dropped; what they said is said again for every batch sent again."""
FAREWELL_S = 2.0


class _Client(mqtt.Client):
    """Remembers what the library logs: what it gives as a reason says nothing of TLS."""

    fault = ""

    def note(self, _client: mqtt.Client, _data: object, level: int, words: str) -> None:
        """Take in what the library logs."""
        if level == LogLevel.MQTT_LOG_ERR:
            self.fault = words


class Link:
    """An open connection. `woken` is set when something came or the connection is gone."""

    def __init__(self, client: mqtt.Client, state: str) -> None:
        """Wrap a client that is connected and subscribed."""
        self.receipts: asyncio.Queue[bytes] = asyncio.Queue(MAX_RECEIPTS_HELD)
        self.roster: bytes | None = None
        """The roster that came last, not yet verified nor taken in."""
        self.woken = asyncio.Event()
        self.lost: str | None = None
        """Why the connection is gone; None while it stands."""
        self._client, self._state_topic = client, state

    def publish(self, topic: str, message: bytes) -> None:
        """Send; whether it arrives, only a receipt says."""
        self._client.publish(topic, message, qos=1)

    def publish_state(self, state: Mapping[str, object]) -> mqtt.MQTTMessageInfo:
        """Send the status, to be kept by the broker for whoever asks later."""
        return self._client.publish(self._state_topic, json.dumps(state), qos=1, retain=True)

    def received(self, topic: str, message: bytes) -> None:
        """Take in a receipt or a roster, not yet verified."""
        if topic.endswith("/roster"):
            self.roster = message
        else:
            with contextlib.suppress(asyncio.QueueFull):
                self.receipts.put_nowait(message)
        self.woken.set()

    def went(self, why: str) -> None:
        """Note that the connection is gone."""
        self.lost = self.lost or why
        self.woken.set()


@contextlib.asynccontextmanager
async def connected(broker: Broker, *, centre: str, gateway: str) -> AsyncIterator[Link]:
    """Connect, subscribe to what the hub says, leave a last will; raise Unavailable in failing."""
    loop = asyncio.get_running_loop()
    client = _client(broker, centre, gateway)
    link = Link(client, state_topic(centre, gateway))
    subscribed: asyncio.Future[None] = loop.create_future()
    ours = (receipt_topic(centre, gateway), roster_topic(centre, gateway))

    def on_connect(
        _client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _props: object
    ) -> None:
        if reason.is_failure:
            loop.call_soon_threadsafe(_fail, subscribed, str(reason))
        else:
            client.subscribe([(topic, 1) for topic in ours])

    def on_subscribe(
        _client: mqtt.Client, _data: object, _mid: int, reasons: list[ReasonCode], _props: object
    ) -> None:
        if reasons[0].is_failure:
            loop.call_soon_threadsafe(_fail, subscribed, "receipts are not ours to read")
        else:
            if any(reason.is_failure for reason in reasons):
                # An older broker's rules: readings still go; let the gateway read its roster there.
                log.error("roster_topic_refused", gateway=gateway)
            loop.call_soon_threadsafe(_succeed, subscribed)

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        # amqtt gives every new client what is retained for all the others, too. A receipt is never
        # retained by a hub: who else keeps one there gives an old one to each box that starts.
        if message.topic in ours and not (message.retain and message.topic == ours[0]):
            loop.call_soon_threadsafe(link.received, message.topic, bytes(message.payload))

    def on_disconnect(
        _client: mqtt.Client, _data: object, _flags: object, reason: ReasonCode, _props: object
    ) -> None:
        at_once = broker.tls is not None and not subscribed.done()
        why = explained(client.fault or str(reason), at_once=at_once)
        loop.call_soon_threadsafe(_fail, subscribed, why)
        loop.call_soon_threadsafe(link.went, why)

    client.on_connect, client.on_subscribe = on_connect, on_subscribe
    client.on_message, client.on_disconnect = on_message, on_disconnect
    try:
        await asyncio.to_thread(client.connect, broker.host, broker.port, broker.keepalive_s)
        client.loop_start()
        async with asyncio.timeout(CONNECT_S):
            await subscribed
        try:
            yield link
        finally:
            await _farewell(link)
    except OSError as error:  # TimeoutError and TLS errors are among them
        raise Unavailable(f"broker {broker.host}:{broker.port}: {explained(str(error))}") from error
    finally:
        subscribed.cancel()  # a source that ended before we were connected: nobody waits for it now
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


async def _farewell(link: Link) -> None:
    """Say that we go, in time or not at all: then the last will says it."""
    if link.lost is None:
        said = link.publish_state({"state": "offline"})
        with contextlib.suppress(ValueError, RuntimeError):
            await asyncio.to_thread(said.wait_for_publish, FAREWELL_S)


def _client(broker: Broker, centre: str, gateway: str) -> _Client:
    client = _Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"adhere-{secrets.token_hex(8)}",
        clean_session=True,
        protocol=mqtt.MQTTv311,
        reconnect_on_failure=False,
    )
    client.on_log = client.note
    client.connect_timeout = CONNECT_S
    client.will_set(state_topic(centre, gateway), json.dumps({"state": "offline"}), 1, retain=True)
    if broker.username is not None:
        secret = broker.password
        client.username_pw_set(broker.username, secret.get_secret_value() if secret else None)
    if broker.tls is not None:
        client.tls_set_context(client_context(broker.tls))
    return client


def _succeed(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], why: str) -> None:
    if not future.done():
        future.set_exception(ConnectionError(why))

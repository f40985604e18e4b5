"""One connection to the broker: the one place where the MQTT client's thread is met.

A client lives as long as its connection, so nothing it queued can be sent twice after a reconnect:
what has no receipt is the spool's to know, and the uplink's to send again. MQTT 5 is spoken where
the broker does, for it gives reasons; 3.1.1 otherwise, and nothing here needs more.
"""

import asyncio
import contextlib
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from config.errors import Unavailable
from config.fields import Broker
from config.language import _
from config.tls import client_context, explained
from ingest.batch.limits import MAX_SEALED_BYTES
from ingest.batch.topics import receipt_topic, roster_topic, state_topic
from ingest.gateway.mqtt_reasons import NO_SUBSCRIBER, UNSUPPORTED_PROTOCOL, explained_reason

log = structlog.get_logger()

CONNECT_S = 10.0
MAX_RECEIPTS_HELD = 1_000
"""More are dropped; what they said is said again for every batch sent again."""
FAREWELL_S = 2.0
RECEIVE_MAXIMUM = 64
"""Receipts that the broker may send ahead of our acknowledgement."""
STATE_KEPT_S = 3_600
"""How long a broker keeps an "online" that nobody renews; the last will is kept for good."""
V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


@dataclass(slots=True)
class Dialect:
    """Which MQTT the broker speaks, as far as it has been tried."""

    spoken: MQTTProtocolVersion | None = None
    """None: not known, or not true any more."""

    def to_try(self) -> tuple[MQTTProtocolVersion, ...]:
        """Return the versions in the order to try them in."""
        return (V5, V311) if self.spoken is None else (self.spoken,)

    @property
    def name(self) -> str | None:
        """How people call it."""
        return {V5: "5", V311: "3.1.1", None: None}[self.spoken]


class _NotSpoken(ConnectionError):
    """The broker said so, or hung up on the first word: another version may do."""


class _Client(mqtt.Client):
    """Remembers what the library logs: what it gives as a reason says nothing of TLS."""

    fault = ""

    def note(self, _client: mqtt.Client, _data: object, level: int, words: str) -> None:
        """Take in what the library logs."""
        if level == LogLevel.MQTT_LOG_ERR:
            self.fault = words


class Link:
    """An open connection. `woken` is set when something came or the connection is gone."""

    def __init__(self, client: mqtt.Client, state: str, version: MQTTProtocolVersion) -> None:
        """Wrap a client that is to be connected and subscribed."""
        self.receipts: asyncio.Queue[bytes] = asyncio.Queue(MAX_RECEIPTS_HELD)
        self.roster: bytes | None = None
        """The roster that came last, not yet verified nor taken in."""
        self.woken = asyncio.Event()
        self.lost: str | None = None
        """Why the connection is gone; None while it stands."""
        self.not_taken: Counter[str] = Counter()
        """What the broker had against messages of ours, by its reason (MQTT 5 alone says it)."""
        self.is_heard: bool | None = None
        """Whether anybody has subscribed to what we sent last; None where nobody says."""
        self.was_unheard = False
        """A hub has come that was not there: what was sent before reached nobody."""
        self._client, self._state_topic, self._version = client, state, version

    def publish(self, topic: str, message: bytes) -> None:
        """Send; whether it arrives, only a receipt says."""
        self._client.publish(topic, message, qos=1)

    def publish_state(self, state: Mapping[str, object]) -> mqtt.MQTTMessageInfo:
        """Send the status, to be kept by the broker for whoever asks later."""
        kept = None
        if self._version is V5:
            kept = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # the library's
            kept.MessageExpiryInterval = STATE_KEPT_S
        return self._client.publish(
            self._state_topic, json.dumps(state), qos=1, retain=True, properties=kept
        )

    def answered(self, reason: ReasonCode) -> None:
        """Take in what the broker says of a message of ours."""
        if reason.is_failure:
            why = explained_reason(reason)
            if not self.not_taken[why]:
                log.error("broker_took_no_message", why=why)
            self.not_taken[why] += 1
        elif self._version is V5:
            heard, before = reason.value != NO_SUBSCRIBER, self.is_heard
            self.is_heard = heard
            if heard and before is False:
                self.was_unheard = True
                self.woken.set()

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
async def connected(
    broker: Broker, *, centre: str, gateway: str, dialect: Dialect | None = None
) -> AsyncIterator[Link]:
    """Connect, subscribe to what the hub says, leave a last will; raise Unavailable in failing.

    `dialect` is remembered from one connection to the next by the caller. A version that no longer
    does is forgotten, and the next call tries both.
    """
    known = Dialect() if dialect is None else dialect
    opened: tuple[_Client, Link] | None = None
    for version in known.to_try():
        last = version == known.to_try()[-1]
        try:
            opened = await _opened(broker, centre, gateway, version)
        except _NotSpoken as error:
            if not last:
                log.info("mqtt_version_refused", version=5, why=str(error))
                continue
            known.spoken = None
            raise _away(broker, str(error)) from error
        except OSError as error:  # TimeoutError and TLS errors are among them
            known.spoken = None
            raise _away(broker, explained(str(error))) from error
        known.spoken = version
        break
    if opened is None:
        raise Unavailable("no version of MQTT to try")
    client, link = opened
    try:
        yield link
    finally:
        await _farewell(link)
        await _close(client)


async def _opened(
    broker: Broker, centre: str, gateway: str, version: MQTTProtocolVersion
) -> tuple[_Client, Link]:
    """Return a client that is connected and subscribed; raise _NotSpoken or OSError."""
    client = _client(broker, centre, gateway, version)
    link = Link(client, state_topic(centre, gateway), version)
    ours = (receipt_topic(centre, gateway), roster_topic(centre, gateway))
    opening = _Opening(client, link, ours, version, has_tls=broker.tls is not None)
    try:
        await asyncio.to_thread(_connect, client, broker, version)
        client.loop_start()
        try:
            async with asyncio.timeout(CONNECT_S):
                await opening.subscribed
        except TimeoutError as error:
            if opening.welcomed or version is V311:
                raise
            raise _NotSpoken("no answer to MQTT 5") from error
    except BaseException:
        opening.subscribed.cancel()  # a source that ended before we were connected: nobody waits
        await _close(client)
        raise
    return client, link


class _Opening:
    """What the client's thread says while it connects and after; each answer goes to the loop."""

    def __init__(
        self,
        client: _Client,
        link: Link,
        ours: tuple[str, str],
        version: MQTTProtocolVersion,
        *,
        has_tls: bool,
    ) -> None:
        self.welcomed = False
        """The broker understood our first word, whatever it says to it."""
        self._loop = asyncio.get_running_loop()
        self.subscribed: asyncio.Future[None] = self._loop.create_future()
        self._client, self._link, self._ours, self._version = client, link, ours, version
        self._has_tls = has_tls
        client.on_connect, client.on_subscribe = self.connected, self.answered
        client.on_message, client.on_disconnect = self.came, self.disconnected
        client.on_publish = self.published

    def connected(
        self,
        client: mqtt.Client,
        _data: object,
        _flags: object,
        reason: ReasonCode,
        props: Properties | None,
    ) -> None:
        self.welcomed = reason.value != UNSUPPORTED_PROTOCOL
        if reason.is_failure:
            kind = ConnectionError if self.welcomed else _NotSpoken
            self._fail(kind(explained_reason(reason)))
        else:
            _check_room(props)
            client.subscribe([(topic, 1) for topic in self._ours])

    def answered(
        self,
        _client: mqtt.Client,
        _data: object,
        _mid: int,
        reasons: list[ReasonCode],
        _props: object,
    ) -> None:
        receipts, *others = reasons
        if receipts.is_failure:
            why = explained_reason(receipts)
            self._fail(ConnectionError(f"receipts are not ours to read: {why}"))
            return
        if any(reason.is_failure for reason in others):
            # An older broker's rules: readings still go; let the gateway read its roster there.
            log.error("roster_topic_refused", topic=self._ours[1])
        self._loop.call_soon_threadsafe(_succeed, self.subscribed)

    def came(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        # amqtt gives every new client what is retained for all the others, too. A receipt is never
        # retained by a hub: who else keeps one there gives an old one to each box that starts.
        if message.topic in self._ours and not (message.retain and message.topic == self._ours[0]):
            payload = bytes(message.payload)
            self._loop.call_soon_threadsafe(self._link.received, message.topic, payload)

    def published(
        self, _client: mqtt.Client, _data: object, _mid: int, reason: ReasonCode, _props: object
    ) -> None:
        self._loop.call_soon_threadsafe(self._link.answered, reason)

    def disconnected(
        self,
        _client: mqtt.Client,
        _data: object,
        _flags: object,
        reason: ReasonCode,
        _props: object,
    ) -> None:
        at_once = self._has_tls and not self.subscribed.done()
        why = explained(self._client.fault or explained_reason(reason), at_once=at_once)
        # Hanging up on the first word is how brokers of before say that they know no MQTT 5.
        kind = ConnectionError if self.welcomed or self._version is V311 else _NotSpoken
        self._fail(kind(why))
        self._loop.call_soon_threadsafe(self._link.went, why)

    def _fail(self, why: ConnectionError) -> None:
        self._loop.call_soon_threadsafe(_fail, self.subscribed, why)


def _connect(client: _Client, broker: Broker, version: MQTTProtocolVersion) -> None:
    if version is V5:
        asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # the library's
        asked.SessionExpiryInterval = 0  # the spool remembers; a broker need not
        asked.ReceiveMaximum = RECEIVE_MAXIMUM
        client.connect(broker.host, broker.port, broker.keepalive_s, properties=asked)
    else:
        client.connect(broker.host, broker.port, broker.keepalive_s)


def _check_room(props: Properties | None) -> None:
    """Say so where the broker carries less than a batch may be; MQTT 5 alone tells."""
    most = getattr(props, "MaximumPacketSize", None)
    if most is not None and most < MAX_SEALED_BYTES + 512:
        log.error("broker_takes_small_messages", bytes=most, needed=MAX_SEALED_BYTES + 512)


def _away(broker: Broker, why: str) -> Unavailable:
    words = {"host": broker.host, "port": broker.port, "why": why}
    return Unavailable(_("broker %(host)s:%(port)d: %(why)s") % words)


async def _close(client: _Client) -> None:
    client.disconnect()
    await asyncio.to_thread(client.loop_stop)
    client.reinitialise()  # closes the pipe by which it wakes itself, now instead of some day


async def _farewell(link: Link) -> None:
    """Say that we go, in time or not at all: then the last will says it."""
    if link.lost is None:
        said = link.publish_state({"state": "offline"})
        with contextlib.suppress(ValueError, RuntimeError):
            await asyncio.to_thread(said.wait_for_publish, FAREWELL_S)


def _client(broker: Broker, centre: str, gateway: str, version: MQTTProtocolVersion) -> _Client:
    client = _Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"adhere-{secrets.token_hex(8)}",
        clean_session=None if version is V5 else True,
        protocol=version,
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


def _fail(future: asyncio.Future[None], why: ConnectionError) -> None:
    if not future.done():
        future.set_exception(why)

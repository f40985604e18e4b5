"""One connection of the hub to the broker: the one place where the MQTT client's thread is met.

Quality of service 1 with a clean session. A message is acknowledged only by `ack`, which is called
after COMMIT; whatever happens before, the gateway sends it again. Batches come by a subscription
that the broker shares among all hubs, where a probe shows that it does (ingest/hub/share.py), else
by a plain one: then every hub gets everything, and the ledger takes each batch once.
"""

import sys
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import LogLevel

from config.errors import AdhereError
from config.fields import Broker
from ingest.hub import broker_faults
from ingest.hub import client as our
from ingest.hub.buffer import Buffer, Lane, Message
from ingest.hub.client import UNSUPPORTED_PROTOCOL, V5, V311
from ingest.hub.counters import Arrivals
from ingest.hub.outgoing import Outgoing
from ingest.hub.share import Share
from ingest.hub.sharing import PROBE

log = structlog.get_logger()

WELCOME_S = 5.0
"""From the connection to the broker's first word; brokers of before keep silent to MQTT 5."""


class Link:
    """Receives into `buffer`; publishes; acknowledges. A context manager.

    `ended` is set when the link cannot go on; `fault` then says why. Somebody calls `tend` several
    times a second.
    """

    def __init__(
        self,
        broker: Broker,
        lane: Lane,
        buffer: Buffer,
        window: int,
        hold_s: float,
        arrivals: Arrivals,
        ended: threading.Event,
    ) -> None:
        """Prepare; nothing is opened before `__enter__`.

        `window` messages may come ahead of their acknowledgement, where the broker speaks MQTT 5.
        """
        self.fault: Exception | None = None
        self.lane = lane
        self._broker, self._buffer, self._arrivals, self._ended = broker, buffer, arrivals, ended
        self._window = window
        # A held thread answers no ping.
        self._hold_s = min(hold_s, our.keepalive_s(broker) / 4)
        self._connection = 0
        self._last_fault = ""
        """In the library's words: what it gives as the reason says nothing of TLS."""
        self._outgoing = Outgoing()
        self._lock = threading.RLock()
        """Of everything below: the client's thread and the one that tends meet here."""
        self._version = V5
        self._opened_s: float | None = None
        """When the broker was reached, while it has not yet said a word."""
        self._change_s: float | None = None
        """The broker does not speak this version of MQTT: when another client is due."""
        self._share = Share(lane, self.publish)
        self._is_closing = self._is_lost = False
        """`_is_lost` is said once of each connection: the library may say it twice."""
        self._client = self._prepared()

    def _prepared(self) -> mqtt.Client:
        client = our.prepared(self._broker, self._version, self.lane.name.lower())
        client.on_connect, client.on_connect_fail = self._connected, self._not_connected
        client.on_socket_open = self._opened
        client.on_log = self._noted
        client.on_subscribe = self._subscribed
        client.on_unsubscribe = self._unsubscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_publish = self._settled
        return client

    def __enter__(self) -> Self:
        """Connect in the background, for as long as it takes."""
        our.begin(self._client, self._broker, self._version, self._window)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect. What was not acknowledged comes again."""
        self._is_closing = True
        our.end(self._client)

    @property
    def connection(self) -> int:
        """Count the connections so far; 0 before the first."""
        return self._connection

    @property
    def is_connected(self) -> bool:
        """Say whether the broker is there just now."""
        return bool(self._client.is_connected())

    @property
    def ready(self) -> threading.Event:
        """Subscribed: from now on the broker delivers."""
        return self._share.ready

    @property
    def is_shared(self) -> bool | None:
        """Say whether the broker shares among hubs what comes by here; None: not known yet."""
        return self._share.is_shared

    @property
    def is_away(self) -> bool:
        """Say whether this hub has left its share to the others, because it can store nothing."""
        return self._share.is_away

    def retain(self, topic: str, payload: bytes) -> None:
        """Queue a message that the broker is to keep for whoever asks later."""
        self.publish(topic, payload, retain=True)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Queue a receipt; a lost one is asked for again by the gateway's resend."""
        self._outgoing.publish(self._client, topic, payload, retain=retain)

    def ack(self, messages: Iterable[Message]) -> None:
        """Acknowledge messages of the present connection; ids of earlier ones mean nothing now."""
        for message in messages:
            if message.connection == self._connection and message.lane is self.lane:
                self._client.ack(message.mid, 1)

    def flush(self, timeout_s: float) -> None:
        """Wait until the broker has the receipts, at most so long."""
        self._outgoing.wait(self._client, timeout_s)

    def tend(self, now_s: float) -> None:
        """Do what is due: speak another MQTT, judge the probe. `now_s` is monotonic."""
        with self._lock:
            if self._ended.is_set():
                return
            if self._opened_s is not None and now_s - self._opened_s >= WELCOME_S:
                self._opened_s = None
                self._say_it_differently("no answer", now_s)
            is_due = self._change_s is not None and now_s >= self._change_s
            if not is_due:
                self._share.judge(self._client, now_s)
        if is_due:
            self._begin_again()

    def leave(self) -> None:
        """Let the other hubs have this one's share: what is here cannot be stored just now."""
        with self._lock:
            self._share.leave(self._client)

    def come_back(self) -> None:
        """Take a share again."""
        with self._lock:
            self._share.come_back(self._client)

    def stop_receiving(self) -> None:
        """Take nothing new from now on; what the broker has already begun to send still comes."""
        with self._lock:
            self._share.end(self._client)

    def has_left(self) -> bool:
        """Say whether the broker knows that nothing more is taken, or is away."""
        return self._share.has_ended() or not self._client.is_connected()

    def _say_it_differently(self, why: str, now_s: float) -> None:
        """Try the other version of MQTT: the older one at once, the newer one after a while."""
        log.info("mqtt_version_refused", version=5 if self._version is V5 else 3, why=why)
        self._change_s = now_s if self._version is V5 else now_s + our.LONGEST_RETRY_S

    def _begin_again(self) -> None:
        with self._lock:
            self._change_s, self._opened_s = None, None
            self._version = V311 if self._version is V5 else V5
            old, self._client = self._client, self._prepared()
            self._outgoing.forget()  # what the old one had to send is asked for again
        our.begin(self._client, self._broker, self._version, self._window)
        our.end(old)

    # Below: called by the client's own thread.

    def _opened(self, client: mqtt.Client, *_: object) -> None:
        with self._lock:
            if client is self._client:
                self._opened_s, self._is_lost = time.monotonic(), False

    def _connected(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: object,
        reason: Any,  # noqa: ANN401 - the library's signature
        properties: Any,  # noqa: ANN401 - as above
    ) -> None:
        with self._lock:
            if client is not self._client:
                return
            self._opened_s = None
            if reason.is_failure:
                if reason.value == UNSUPPORTED_PROTOCOL and self._version is V5:
                    self._say_it_differently(str(reason), time.monotonic())
                else:
                    self._refused(str(reason))
                return
            self._connection += 1
            self._last_fault, self._change_s = "", None
            self._outgoing.connected()
            self._share.begin(client, shares_nothing=our.shares_nothing(properties))

    def _refused(self, why: str) -> None:
        log.warning("broker_refused", why=why)
        if self._connection == 0:
            self._end(broker_faults.refused(self._broker, why))

    def _noted(self, _client: mqtt.Client, _userdata: object, level: int, words: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._last_fault = words

    def _not_connected(self, _client: mqtt.Client, _userdata: object) -> None:
        self._opened_s = None
        self._tell("broker_away", str(sys.exception() or "no connection"))

    def _tell(self, event: str, fault: str) -> None:
        """Log it; what TLS has against the very first connection only an operator can mend."""
        is_first = self._connection == 0
        hung_up = is_first and event == "broker_lost"
        why = broker_faults.told(self._broker, fault, hung_up=hung_up)
        log.warning(event, lane=self.lane.name.lower(), why=why)
        end = broker_faults.unreachable(self._broker, fault, hung_up=hung_up)
        if is_first and end is not None:
            self._end(end)

    def _subscribed(
        self,
        client: mqtt.Client,
        _userdata: object,
        mid: int,
        reasons: list[Any],
        _properties: object,
    ) -> None:
        with self._lock:
            if client is not self._client:
                return
            answer = self._share.granted(client, mid, reasons)
            if isinstance(answer, AdhereError):
                self._end(answer)
            elif answer:
                log.info(
                    "hub_subscribed",
                    lane=self.lane.name.lower(),
                    connection=self._connection,
                    shared=bool(self._share.is_shared),
                    mqtt="5" if self._version is V5 else "3.1.1",
                )

    def _unsubscribed(self, _client: mqtt.Client, _userdata: object, mid: int, *_: object) -> None:
        with self._lock:
            self._share.unsubscribed(mid)

    def _disconnected(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: object,
        reason: Any,  # noqa: ANN401 - as above
        _properties: object,
    ) -> None:
        with self._lock:
            is_over = self._is_closing or self._ended.is_set() or self._is_lost
            if client is not self._client or is_over:
                return
            self._is_lost = True
            was_welcome, self._opened_s = self._opened_s is None, None
            fault, self._last_fault = self._last_fault or str(reason), ""
            if self._change_s is not None and self._version is V5:
                return
            if not was_welcome:
                # Hanging up on the first word is how brokers of before say that they know no 5.
                self._say_it_differently(fault, time.monotonic())
                if self._version is V5:
                    return
            self._tell("broker_lost", fault)

    def _settled(
        self,
        client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reason: Any,  # noqa: ANN401 - as above
        _properties: object,
    ) -> None:
        if client is self._client:
            self._outgoing.settled()
        if reason.is_failure:
            self._arrivals.not_taken += 1
            self._outgoing.refused(str(reason))

    def _received(self, client: mqtt.Client, _userdata: object, came: mqtt.MQTTMessage) -> None:
        try:
            topic = _topic_of(came)
            if topic.startswith(PROBE):
                client.ack(came.mid, came.qos)
                self._heard_probe(client, topic)
                return
            self._arrivals.received += 1
            if came.retain and not topic.endswith("/state"):
                self._arrivals.ignored += 1
                client.ack(came.mid, came.qos)
                return
            message = Message(
                topic,
                bytes(came.payload),
                came.mid,
                self._connection,
                bool(came.retain),
                time.monotonic(),
                self.lane,
            )
            if not self._buffer.put(message, self._hold_s) and not self._ended.is_set():
                # Unacknowledged it would hold a place in the broker's window for ever.
                self._arrivals.dropped += 1
                client.ack(came.mid, came.qos)
        except Exception as error:  # noqa: BLE001 - carried to the worker's thread, which raises it
            self._end(error)

    def _heard_probe(self, client: mqtt.Client, topic: str) -> None:
        with self._lock:
            if self._share.came(topic) and client is self._client:
                self._share.take_it(client)

    def _end(self, fault: Exception) -> None:
        self.fault = fault
        self._ended.set()
        self._buffer.close()


def _topic_of(came: mqtt.MQTTMessage) -> str:
    try:
        return came.topic
    except UnicodeDecodeError:
        return "(not UTF-8)"

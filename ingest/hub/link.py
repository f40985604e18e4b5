"""The hub's end of the broker: the one place where the MQTT client's thread is met.

Quality of service 1 with a clean session. A message is acknowledged only by `ack`, which the worker
calls after COMMIT; whatever happens before, the broker or the gateway sends it again.
"""

import secrets
import sys
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode

from config.errors import Misconfigured
from config.fields import Broker
from config.language import _
from config.tls import advice, client_context, explained
from ingest.hub.buffer import Buffer, Message
from ingest.hub.counters import Counters

log = structlog.get_logger()

SUBSCRIPTIONS = tuple(
    (f"adhere/v1/+/+/{lane}", 1) for lane in ("live", "backlog", "event", "state")
)
RECEIPTS_QUEUED = 10_000
"""While the broker is away; more are not kept, because every resent batch earns a new receipt."""
RECONNECT_S = (1, 15)


class Link:
    """Receives into `buffer`; sends receipts; acknowledges. A context manager.

    `ended` is set when the link cannot go on; `fault` then says why.
    """

    def __init__(
        self,
        broker: Broker,
        buffer: Buffer,
        hold_s: float,
        counters: Counters,
        ended: threading.Event,
    ) -> None:
        """Prepare; nothing is opened before `__enter__`."""
        self.ready = threading.Event()
        """Subscribed: from now on the broker delivers."""
        self.fault: Exception | None = None
        self._broker, self._buffer, self._counters, self._ended = broker, buffer, counters, ended
        self._hold_s = min(hold_s, broker.keepalive_s / 4)  # a held thread answers no ping
        self._connection = 0
        self._last_fault = ""
        """In the library's words: what it gives as the reason says nothing of TLS."""
        self._receipts, self._receipts_out = threading.Condition(), 0
        self._client = self._prepared()

    def _prepared(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"adhere-hub-{secrets.token_hex(6)}",
            clean_session=True,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
        )
        if self._broker.username is not None:
            password = self._broker.password
            client.username_pw_set(
                self._broker.username, password.get_secret_value() if password else None
            )
        if (tls := self._broker.tls) is not None:
            client.tls_set_context(client_context(tls))
        client.max_queued_messages_set(RECEIPTS_QUEUED)
        client.reconnect_delay_set(*RECONNECT_S)
        client.on_connect, client.on_connect_fail = self._connected, self._not_connected
        client.on_log = self._noted
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_publish = self._receipt_settled
        return client

    def __enter__(self) -> Self:
        """Connect in the background, for as long as it takes."""
        self._client.connect_async(self._broker.host, self._broker.port, self._broker.keepalive_s)
        self._client.loop_start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect. What was not acknowledged comes again."""
        self._client.disconnect()
        self._client.loop_stop()
        self._client.reinitialise()  # closes the pipe by which it wakes itself, now

    @property
    def connection(self) -> int:
        """Count the connections so far; 0 before the first."""
        return self._connection

    def retain(self, topic: str, payload: bytes) -> None:
        """Queue a message that the broker is to keep for whoever asks later."""
        self.publish(topic, payload, retain=True)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Queue a receipt; a lost one is asked for again by the gateway's resend."""
        with self._receipts:
            self._receipts_out += 1
        # Not connected is fine: the client keeps what it could not send, and sends it later.
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            log.warning("receipt_not_queued", topic=topic)
            self._receipt_settled()

    def ack(self, messages: Iterable[Message]) -> None:
        """Acknowledge messages of the present connection; ids of earlier ones mean nothing now."""
        for message in messages:
            if message.connection == self._connection:
                self._client.ack(message.mid, 1)

    def flush(self, timeout_s: float) -> None:
        """Wait until the broker has the receipts, at most so long."""
        with self._receipts:
            self._receipts.wait_for(
                lambda: not self._receipts_out or not self._client.is_connected(), timeout_s
            )

    def _receipt_settled(self, *_: object) -> None:
        with self._receipts:
            self._receipts_out -= 1
            self._receipts.notify_all()

    # Below: called by the client's own thread.

    def _connected(
        self,
        client: mqtt.Client,
        _userdata: Any,  # noqa: ANN401 - the library's signature
        _flags: mqtt.ConnectFlags,
        reason: Any,  # noqa: ANN401 - as above
        _properties: Any,  # noqa: ANN401 - as above
    ) -> None:
        if reason.is_failure:
            log.warning("broker_refused", why=str(reason))
            if self._connection == 0:
                self._end(
                    Misconfigured(
                        _(
                            "the broker at %(host)s:%(port)d refused the hub (%(why)s): check "
                            "broker.username and the password in ADHERE_BROKER_PASSWORD"
                        )
                        % {"host": self._broker.host, "port": self._broker.port, "why": reason}
                    )
                )
            return
        self._connection += 1
        self._last_fault = ""
        client.subscribe(list(SUBSCRIPTIONS))

    def _noted(
        self,
        _client: mqtt.Client,
        _userdata: Any,  # noqa: ANN401 - as above
        level: int,
        words: str,
    ) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._last_fault = words

    def _not_connected(self, _client: mqtt.Client, _userdata: Any) -> None:  # noqa: ANN401 - as above
        self._tell("broker_away", str(sys.exception() or "no connection"))

    def _tell(self, event: str, fault: str) -> None:
        """Log it; what TLS has against the very first connection only an operator can mend."""
        tls, is_first = self._broker.tls, self._connection == 0
        hung_up = tls is not None and is_first and event == "broker_lost"
        why = explained(fault, at_once=hung_up)
        log.warning(event, why=why)
        # A broker hangs up on being restarted too; where a certificate is given, that is likelier.
        no_certificate = hung_up and tls is not None and tls.cert_file is None
        if is_first and (advice(fault) is not None or no_certificate):
            self._end(
                Misconfigured(
                    _("no connection to the broker at %(host)s:%(port)d: %(why)s")
                    % {
                        "host": self._broker.host,
                        "port": self._broker.port,
                        "why": why,
                    }
                )
            )

    def _subscribed(
        self,
        _client: mqtt.Client,
        _userdata: Any,  # noqa: ANN401 - as above
        _mid: int,
        reasons: list[Any],
        _properties: Any,  # noqa: ANN401 - as above
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._end(
                Misconfigured(
                    _("the broker does not let the hub subscribe to %(topics)s: allow it there")
                    % {"topics": ", ".join(topic for topic, _qos in SUBSCRIPTIONS)}
                )
            )
            return
        log.info("hub_subscribed", connection=self._connection)
        self.ready.set()

    def _disconnected(
        self,
        _client: mqtt.Client,
        _userdata: Any,  # noqa: ANN401 - as above
        _flags: Any,  # noqa: ANN401 - as above
        reason: Any,  # noqa: ANN401 - as above
        _properties: Any,  # noqa: ANN401 - as above
    ) -> None:
        if reason.is_failure and not self._ended.is_set():
            self._tell("broker_lost", self._last_fault or str(reason))
            self._last_fault = ""

    def _received(
        self,
        client: mqtt.Client,
        _userdata: Any,  # noqa: ANN401 - as above
        came: mqtt.MQTTMessage,
    ) -> None:
        try:
            self._counters.received += 1
            topic = _topic_of(came)
            if came.retain and not topic.endswith("/state"):
                self._counters.ignored += 1
                client.ack(came.mid, came.qos)
                return
            message = Message(
                topic,
                bytes(came.payload),
                came.mid,
                self._connection,
                bool(came.retain),
                time.monotonic(),
            )
            if not self._buffer.put(message, self._hold_s) and not self._ended.is_set():
                # Unacknowledged it would hold a place in the broker's window for ever.
                self._counters.dropped += 1
                client.ack(came.mid, came.qos)
        except Exception as error:  # noqa: BLE001 - carried to the worker's thread, which raises it
            self._end(error)

    def _end(self, fault: Exception) -> None:
        self.fault = fault
        self._ended.set()
        self._buffer.close()


def _topic_of(came: mqtt.MQTTMessage) -> str:
    try:
        return came.topic
    except UnicodeDecodeError:
        return "(not UTF-8)"

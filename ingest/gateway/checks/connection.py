"""A broker: can it be reached, does it know us, may we hear what is said on our topics.

The look uses a name of its own and leaves no last will, so it neither ends the connection of a
gateway that runs nor speaks in its place. It publishes nothing.
"""

import secrets
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from config.errors import Misconfigured
from config.fields import Broker
from config.language import _
from config.tls import client_context, explained
from ingest.gateway.checks.finding import Finding

WAIT_S = 10.0
SPOKEN = {MQTTProtocolVersion.MQTTv5: "5", MQTTProtocolVersion.MQTTv311: "3.1.1"}


class Sought(NamedTuple):
    """What a part of the box wants of its broker, and what to do where it is not given."""

    part: str
    """As findings name it."""
    topics: Sequence[str]
    """To be subscribed to."""
    versions: Sequence[MQTTProtocolVersion]
    """Of MQTT, as that part tries them."""
    if_refused: str
    """Where the broker does not take us."""
    if_far: str
    """Where the broker is not reached."""
    if_closed: str
    """Where a topic may not be read."""


@dataclass(slots=True)
class Answered:
    """What the broker has said to one attempt."""

    refused: str | None = None
    """Why it did not take the connection."""
    closed_topics: list[str] = field(default_factory=list)
    """What we may not subscribe to."""
    done: threading.Event = field(default_factory=threading.Event)


def connection_findings(broker: Broker, sought: Sought) -> Iterator[Finding]:
    """Yield how far one comes: name and port, TLS, MQTT, the topics."""
    where: dict[str, object] = {"host": broker.host, "port": broker.port}
    try:
        with socket.create_connection((broker.host, broker.port), WAIT_S):
            pass
    except OSError as error:
        yield Finding(sought.part, "bad", _unreached(error) % where, _what_to_do(error, sought))
        return
    if broker.tls is not None:
        try:
            spoken = _tls_version(broker)
        except Misconfigured as error:
            yield Finding(sought.part, "bad", str(error), _("correct [broker.tls] in the settings"))
            return
        except OSError as error:
            yield Finding(
                sought.part,
                "bad",
                _("TLS with %(host)s:%(port)d fails") % where,
                explained(str(error), at_once=True),
            )
            return
        yield Finding(
            sought.part, "ok", _("%(version)s with %(host)s") % (where | {"version": spoken})
        )
    yield from _mqtt_findings(broker, sought)


def _mqtt_findings(broker: Broker, sought: Sought) -> Iterator[Finding]:
    answered = Answered()
    for version in sought.versions:
        answered = _spoken(broker, version, sought.topics)
        if answered.refused is None:
            break
    where = {"host": broker.host, "port": broker.port, "version": SPOKEN[version]}
    if answered.refused is not None:
        yield Finding(
            sought.part,
            "bad",
            _("%(host)s:%(port)d does not take us: %(why)s") % (where | {"why": answered.refused}),
            sought.if_refused,
        )
    elif answered.closed_topics:
        yield Finding(
            sought.part,
            "bad",
            _("we may not read %(topics)s") % {"topics": ", ".join(answered.closed_topics)},
            sought.if_closed,
        )
    else:
        yield Finding(sought.part, "ok", _("%(host)s:%(port)d takes us, MQTT %(version)s") % where)


def _spoken(broker: Broker, version: MQTTProtocolVersion, topics: Sequence[str]) -> Answered:
    """Connect in one version of MQTT, subscribe, and go."""
    answered = Answered()
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"adhere-check-{secrets.token_hex(8)}",
        protocol=version,
        reconnect_on_failure=False,
    )
    client.connect_timeout = WAIT_S
    if broker.username is not None:
        password = broker.password
        client.username_pw_set(broker.username, password.get_secret_value() if password else None)
    if broker.tls is not None:
        client.tls_set_context(client_context(broker.tls))

    def on_connect(_c: Any, _data: Any, _flags: Any, reason: ReasonCode, _props: Any) -> None:  # noqa: ANN401 - as paho has them
        if reason.is_failure:
            answered.refused = str(reason)
            answered.done.set()
        else:
            client.subscribe([(topic, 1) for topic in topics])

    def on_subscribe(_c: Any, _d: Any, _mid: Any, reasons: list[ReasonCode], _p: Any) -> None:  # noqa: ANN401 - as above
        answered.closed_topics += [
            topic for topic, reason in zip(topics, reasons, strict=False) if reason.is_failure
        ]
        answered.done.set()

    def on_disconnect(_c: Any, _data: Any, _flags: Any, reason: ReasonCode, _props: Any) -> None:  # noqa: ANN401 - as above
        if not answered.done.is_set():
            answered.refused = explained(str(reason), at_once=broker.tls is not None)
            answered.done.set()

    client.on_connect, client.on_subscribe = on_connect, on_subscribe
    client.on_disconnect = on_disconnect
    try:
        client.connect(broker.host, broker.port, keepalive=30)
        client.loop_start()
        if not answered.done.wait(WAIT_S):
            answered.refused = _("no answer within %(seconds)d s") % {"seconds": round(WAIT_S)}
    except OSError as error:
        answered.refused = explained(str(error))
    finally:
        client.disconnect()
        client.loop_stop()
        client.reinitialise()
    return answered


def _tls_version(broker: Broker) -> str:
    """Shake hands; return the version. Raises OSError (TLS errors are) and Misconfigured."""
    if broker.tls is None:
        return ""
    context = client_context(broker.tls)
    with (
        socket.create_connection((broker.host, broker.port), WAIT_S) as plain,
        context.wrap_socket(plain, server_hostname=broker.host) as wrapped,
    ):
        return wrapped.version() or "TLS"


def _unreached(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return _("the name %(host)s is not known here")
    if isinstance(error, ConnectionRefusedError):
        return _("nothing listens at %(host)s:%(port)d")
    return _("%(host)s:%(port)d is not reached")


def _what_to_do(error: OSError, sought: Sought) -> str:
    if isinstance(error, socket.gaierror):
        return _("look at the network (ip address, resolvectl status) and at broker.host")
    if isinstance(error, ConnectionRefusedError):
        return _("look whether the broker runs, and at broker.port")
    return sought.if_far


def server_certificate(broker: Broker) -> bytes | None:
    """Return the broker's certificate (DER) whoever it is by; None where it shows none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Only to tell what is wrong with it: nothing is sent over this connection.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((broker.host, broker.port), WAIT_S) as plain,
            context.wrap_socket(plain, server_hostname=broker.host) as wrapped,
        ):
            return wrapped.getpeercert(binary_form=True)
    except OSError:
        return None

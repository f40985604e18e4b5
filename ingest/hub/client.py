"""The MQTT client of one connection, as the library wants it: version, session, TLS, window.

MQTT 5 is spoken where the broker does: it lets the hub say how many messages it takes ahead of its
acknowledgement, and gives reasons. 3.1.1 otherwise; the broker's own window holds then.
"""

import secrets

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from config.fields import Broker
from config.tls import client_context

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
UNSUPPORTED_PROTOCOL = 0x84
LONGEST_KEEPALIVE_S = 10
"""A worker that is cut off gets its share of messages until the broker misses it: after one and a
half times this, and no gateway's setting may make it longer."""
MOST_AHEAD = 65_535
RECEIPTS_QUEUED = 10_000
"""While the broker is away; more are not kept, because every resent batch earns a new receipt."""
FIRST_RETRY_S, LONGEST_RETRY_S = 1, 15


def keepalive_s(broker: Broker) -> int:
    """Return after how many seconds of silence the hub lets itself be heard."""
    return min(broker.keepalive_s, LONGEST_KEEPALIVE_S)


def prepared(broker: Broker, version: MQTTProtocolVersion, name: str) -> mqtt.Client:
    """Return a client that is not connected; its session ends with its connection."""
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"adhere-hub-{name}-{secrets.token_hex(6)}",
        clean_session=None if version is V5 else True,
        protocol=version,
        manual_ack=True,
    )
    if broker.username is not None:
        password = broker.password
        client.username_pw_set(broker.username, password.get_secret_value() if password else None)
    if broker.tls is not None:
        client.tls_set_context(client_context(broker.tls))
    client.max_queued_messages_set(RECEIPTS_QUEUED)
    client.reconnect_delay_set(FIRST_RETRY_S, LONGEST_RETRY_S)
    return client


def begin(client: mqtt.Client, broker: Broker, version: MQTTProtocolVersion, window: int) -> None:
    """Connect in the background, for as long as it takes; `window` messages may be on the way."""
    if version is V5:
        asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # the library's
        asked.SessionExpiryInterval = 0  # the gateways remember; a broker need not
        asked.ReceiveMaximum = min(window, MOST_AHEAD)
        client.connect_async(
            broker.host, broker.port, keepalive_s(broker), clean_start=True, properties=asked
        )
    else:
        client.connect_async(broker.host, broker.port, keepalive_s(broker))
    client.loop_start()


def end(client: mqtt.Client) -> None:
    """Disconnect and give everything back; what was not acknowledged comes again."""
    client.disconnect()
    client.loop_stop()
    client.reinitialise()  # closes the pipe by which it wakes itself, now instead of some day


def shares_nothing(properties: Properties | None) -> bool:
    """Say whether the broker says so itself, on connecting (MQTT 5, 3.2.2.3.13)."""
    return getattr(properties, "SharedSubscriptionAvailable", 1) == 0

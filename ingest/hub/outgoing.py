"""Messages of the hub on their way to the broker, counted until the broker has them."""

import threading

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import MQTTErrorCode

log = structlog.get_logger()


class Outgoing:
    """What one connection has to send; every method may be called from any thread."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._changed, self._count = threading.Condition(), 0
        self._refusals: set[str] = set()

    def publish(self, client: mqtt.Client, topic: str, payload: bytes, *, retain: bool) -> None:
        """Queue a message; without a connection the client keeps it, and sends it later."""
        with self._changed:
            self._count += 1
        info = client.publish(topic, payload, qos=1, retain=retain)
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            log.warning("receipt_not_queued", topic=topic)
            self.settled()

    def settled(self) -> None:
        """Note that the broker has one, or that one is given up."""
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def refused(self, why: str) -> None:
        """Say what the broker has against a message, each reason once a connection."""
        if why not in self._refusals:
            self._refusals.add(why)
            log.error("broker_took_no_message", why=why)

    def connected(self) -> None:
        """Note that the connection is a new one."""
        self._refusals.clear()

    def forget(self) -> None:
        """Give everything up: the client that had it is gone."""
        with self._changed:
            self._count = 0
            self._changed.notify_all()

    def wait(self, client: mqtt.Client, timeout_s: float) -> None:
        """Wait until the broker has everything, at most so long and while it is there."""
        with self._changed:
            self._changed.wait_for(lambda: self._count <= 0 or not client.is_connected(), timeout_s)

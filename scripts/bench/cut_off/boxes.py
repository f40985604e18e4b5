"""Made-up gateways that do what gateways do: send a batch, and again until its receipt."""

import secrets
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from config.errors import Unavailable
from ingest.batch.columns import Columns
from ingest.batch.content import BOOT_BYTES, Content, content_sha256, pack
from ingest.batch.envelope import seal
from ingest.batch.keys import Keys, make_keys, raw
from ingest.batch.limits import SCHEMA_VERSION
from ingest.batch.reading import Flag, Quantity
from ingest.batch.receipt import open_receipt
from ingest.batch.to_hub import Recipient
from ingest.batch.topics import Lane, lane_topic, receipt_topic
from ingest.broker import LOOPBACK
from storage.database import Connection
from storage.gateways import enrol_gateway
from storage.people import put_organisation

CENTRE = "bench"
READINGS = 60
"""In a batch: a band's minute."""
SECOND_MS = 1_000
CONNECT_S = 10.0


@dataclass
class Sent:
    """One batch on its way."""

    topic: str
    message: bytes
    first_s: float
    """When it was sent first, monotonic."""
    last_s: float
    times: int = 1


@dataclass
class Box:
    """One made-up gateway."""

    gateway: str
    to_hub: Recipient
    keys: Keys = field(default_factory=make_keys)
    boot: bytes = field(default_factory=lambda: secrets.token_bytes(BOOT_BYTES))
    seq: int = 0
    previous: bytes | None = None

    def batch(self) -> tuple[bytes, bytes]:
        """Return the message of the next batch, and its name."""
        sealed_utc_ms = time.time_ns() // 10**6
        first = sealed_utc_ms - READINGS * SECOND_MS
        packed = pack(
            Content(
                schema=SCHEMA_VERSION,
                centre=CENTRE,
                gateway=self.gateway,
                boot=self.boot,
                seq=self.seq,
                previous_sha256=self.previous,
                sealed_utc_ms=sealed_utc_ms,
                sealed_mono_ms=self.seq * SECOND_MS,
                devices=(f"{self.gateway}-band",),
                columns=(_heart_rates(first),),
            )
        )
        self.seq, self.previous = self.seq + 1, content_sha256(packed)
        message = seal(packed, self.keys.signing, self.keys.kid, readable_by=self.to_hub)
        return message, self.previous


def _heart_rates(first_utc_ms: int) -> Columns:
    steps = range(READINGS)
    return Columns(
        quantity=Quantity.HEART_RATE_BPM,
        device_index=array("H", [0] * READINGS),
        at_utc_ms=array("q", [first_utc_ms + SECOND_MS * step for step in steps]),
        value=array("d", [float(60 + step) for step in steps]),
        span_ms=array("I", [0] * READINGS),
        flags=array("B", [int(Flag.CLOCK_RECEIPT)] * READINGS),
        device_ts_ms=None,
    )


class Centre:
    """Boxes of one centre on one connection of a broker."""

    def __init__(self, client: mqtt.Client, boxes: list[Box], hub: Keys, resend_s: float) -> None:
        self.waits_s: list[tuple[float, float, int]] = []
        """Of each batch: when it was sent first, how long until its receipt, how often sent."""
        self._client, self._boxes, self._hub, self._resend_s = client, boxes, hub, resend_s
        self._on_the_way: dict[bytes, Sent] = {}
        self._lock = threading.Lock()

    @property
    def batches(self) -> int:
        """How many were made."""
        return sum(box.seq for box in self._boxes)

    @property
    def unreceipted(self) -> int:
        """How many of them no hub has receipted."""
        with self._lock:
            return len(self._on_the_way)

    def send(self, box_number: int, lane: Lane) -> None:
        """Make a batch and send it."""
        box = self._boxes[box_number]
        message, name = box.batch()
        topic, now_s = lane_topic(CENTRE, box.gateway, lane), time.monotonic()
        with self._lock:
            self._on_the_way[name] = Sent(topic, message, now_s, now_s)
        self._client.publish(topic, message, qos=1)

    def send_again(self) -> None:
        """Send what has had no receipt for too long."""
        now_s = time.monotonic()
        with self._lock:
            due = [s for s in self._on_the_way.values() if now_s - s.last_s >= self._resend_s]
            for sent in due:
                sent.last_s, sent.times = now_s, sent.times + 1
        for sent in due:
            self._client.publish(sent.topic, sent.message, qos=1)

    def receipted(self, payload: bytes) -> None:
        """Take in a receipt."""
        receipt = open_receipt(payload, self._hub.public.signing)
        now_s = time.monotonic()
        with self._lock:
            for _seq, name in receipt.committed:
                if (sent := self._on_the_way.pop(name, None)) is not None:
                    self.waits_s.append((sent.first_s, now_s - sent.first_s, sent.times))


@contextmanager
def centre_of(
    conn: Connection, port: int, boxes: int, hub: Keys, resend_s: float
) -> Iterator[Centre]:
    """Enrol so many boxes, and connect them to the broker while the block runs."""
    put_organisation(conn, kind="centre", code=CENTRE, name=CENTRE)
    made = []
    for number in range(boxes):
        gateway = f"hall-{number}"
        box = Box(gateway, Recipient(hub.public.encryption, CENTRE, gateway))
        signing, encryption = raw(box.keys.public.signing), raw(box.keys.public.encryption)
        enrol_gateway(
            conn, centre=CENTRE, gateway=gateway, signing_key=signing, encryption_key=encryption
        )
        made.append(box)
    client, ready = mqtt.Client(CallbackAPIVersion.VERSION2), threading.Event()
    centre = Centre(client, made, hub, resend_s)
    topics = [(receipt_topic(CENTRE, box.gateway), 1) for box in made]

    def connected(*_: object) -> None:
        client.subscribe(topics)

    client.on_connect = connected
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, message: centre.receipted(bytes(message.payload))
    client.connect(LOOPBACK, port)
    client.loop_start()
    try:
        if not ready.wait(CONNECT_S):
            raise Unavailable("the broker lets no gateway subscribe")
        yield centre
    finally:
        client.disconnect()
        client.loop_stop()
        client.reinitialise()

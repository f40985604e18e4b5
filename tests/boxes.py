"""Gateways for tests of the hub: real keys, real sealed batches, and an ear for receipts."""

import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.batch.columns import chunk_of
from ingest.batch.content import Content, content_sha256, pack
from ingest.batch.envelope import seal
from ingest.batch.keys import Keys, make_keys, raw
from ingest.batch.reading import Quantity, Reading
from ingest.batch.receipt import open_receipt
from ingest.batch.topics import lane_topic, receipt_topic
from tests.patience import PATIENCE_S

NOON_UTC_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z


def pulse(count, *, device="band-1", start_utc_ms=NOON_UTC_MS, bpm=80.0):
    """`count` heart rates, one a second."""
    return [
        Reading(device, Quantity.HEART_RATE_BPM, bpm, start_utc_ms + 1000 * second)
        for second in range(count)
    ]


@dataclass
class Box:
    """One gateway: who it says it is, and its keys."""

    centre: str
    gateway: str
    keys: Keys = field(default_factory=make_keys)
    boot: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def public_keys(self):
        return raw(self.keys.public.signing), raw(self.keys.public.encryption)

    def packed(self, seq, readings, **changed):
        """The content of a batch; `changed` replaces fields of it."""
        chunk = chunk_of(readings)
        newest = chunk.newest_at_utc_ms
        fields = {
            "schema": 1,
            "centre": self.centre,
            "gateway": self.gateway,
            "boot": self.boot,
            "seq": seq,
            "previous_sha256": None,
            "sealed_utc_ms": newest + 1000,
            "sealed_mono_ms": 1000 * seq,
            "devices": chunk.devices,
            "columns": chunk.columns,
        }
        return pack(Content(**fields | changed))

    def sealed(self, packed):
        return seal(packed, self.keys.signing, self.keys.kid)

    def batch(self, seq, readings=None):
        """A good batch: its bytes and its name."""
        if readings is None:
            readings = pulse(3, start_utc_ms=NOON_UTC_MS + 60_000 * seq)
        packed = self.packed(seq, readings)
        return self.sealed(packed), content_sha256(packed)

    def topic(self, lane="live"):
        return lane_topic(self.centre, self.gateway, lane)


class Ear:
    """A client of the broker: sends what a test gives it, and hears all receipts of one box."""

    def __init__(self, client, box, hub_public_key):
        self.client, self.box, self.hub_public_key = client, box, hub_public_key
        self.committed, self.refused, self.receipts = {}, {}, 0
        self.heard = threading.Condition()

    def send(self, payload, topic=None, **options):
        self.client.publish(topic or self.box.topic(), payload, qos=1, **options)

    def on_message(self, _client, _userdata, message):
        if not message.topic.endswith("/receipt"):
            return  # the embedded broker hands out what it retains for others
        receipt = open_receipt(message.payload, self.hub_public_key)
        with self.heard:
            self.receipts += 1
            self.committed |= {name: seq for seq, name in receipt.committed}
            self.refused |= {name: reason for _seq, name, reason in receipt.refused}
            self.heard.notify_all()

    def wait(self, condition, timeout_s=PATIENCE_S):
        """Wait until `condition()` holds, looked at after every receipt."""
        with self.heard:
            assert self.heard.wait_for(condition, timeout_s), "not receipted in time"

    def wait_for(self, *names, timeout_s=PATIENCE_S):
        """Wait until these batches are receipted."""
        self.wait(lambda: self.committed.keys() >= set(names), timeout_s)

    def send_until_receipted(self, batches, *, window=20, resend_s=1.0, timeout_s=PATIENCE_S):
        """What a gateway does: some at a time, each again until its receipt, until none is left."""
        now = time.monotonic()
        end, sent = now + timeout_s, {}
        while left := [batch for batch in batches if batch[1] not in self.committed]:
            now = time.monotonic()
            assert now < end, f"{len(left)} batches never receipted"
            for sealed, name in left[:window]:
                if now - sent.get(name, -resend_s) >= resend_s:
                    self.send(sealed)
                    sent[name] = now
            with self.heard:
                had = len(self.committed)
                self.heard.wait_for(lambda had=had: len(self.committed) > had, 0.1)


@contextmanager
def listening(broker, box, hub_public_key):
    """Connect an Ear to a broker (host, port and perhaps username, password)."""
    subscribed = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    if username := getattr(broker, "username", None):
        client.username_pw_set(username, broker.password)
    ear = Ear(client, box, hub_public_key)
    client.on_message = ear.on_message
    client.on_connect = lambda c, *_: c.subscribe(receipt_topic(box.centre, box.gateway), 1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.reconnect_delay_set(1, 1)
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        assert subscribed.wait(PATIENCE_S)
        yield ear
    finally:
        client.disconnect()
        client.loop_stop()
        client.reinitialise()

"""A hub of the tests: verifies batches, keeps their readings in memory, sends signed receipts.

It is what a gateway sees of the district, and no more: what it has is what was delivered.
"""

import json
import threading
import time
from collections import Counter
from functools import partial

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.batch.columns import Chunk, readings_of
from ingest.batch.content import content_sha256, unpack
from ingest.batch.envelope import open_sealed
from ingest.batch.event import open_event
from ingest.batch.keys import make_keys
from ingest.batch.receipt import Receipt, seal_receipt
from ingest.batch.to_hub import HubSecrets
from ingest.batch.topics import parse_topic, receipt_topic, roster_topic
from tests.patience import PATIENCE_S


class SmallHub:
    """Listens on a broker between `start` and `stop`; `answers` may be replaced by a test."""

    def __init__(self, host, port, gateway_key):
        self.host, self.port, self.gateway_key = host, port, gateway_key
        self.keys = make_keys()
        self.batches = {}
        """(boot, seq) -> (sha256, readings)."""
        self.lanes = Counter()
        self.deliveries = 0
        self.came_s = []
        """When each delivery came, monotonic."""
        self.states = []
        self.events = []
        """Every delivery, in order."""
        self.answers_events = True
        self.tells_time = True
        self.changed = threading.Condition()
        self.answers = self.committed
        self._client = None

    def start(self):
        subscribed = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        topics = [("adhere/v1/+/+/" + lane, 1) for lane in ("live", "backlog", "state", "event")]
        client.on_connect = lambda c, *_: c.subscribe(topics)
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = self._received
        client.connect(self.host, self.port)
        client.loop_start()
        assert subscribed.wait(PATIENCE_S)
        self._client = client
        return self

    def stop(self):
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client.reinitialise()
            self._client = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exception):
        self.stop()

    @property
    def readings(self):
        """All readings that were delivered, each batch once."""
        return [reading for _, readings in self.batches.values() for reading in readings]

    def committed(self, content, sha256):
        """Answer as a hub that has stored the batch."""
        return [
            self.seal(content, committed=((content.seq, sha256),)),
        ]

    def seal(self, content, *, committed=(), refused=(), events=(), **changed):
        fields = {"centre": content.centre, "gateway": content.gateway, "boot": content.boot}
        receipt = Receipt(
            **fields | changed,
            hub_utc_ms=self.now_ms(),
            committed=committed,
            refused=refused,
            events=events,
        )
        return seal_receipt(receipt, self.keys.signing)

    def wait(self, condition, timeout_s=PATIENCE_S):
        with self.changed:
            assert self.changed.wait_for(condition, timeout_s), "not delivered in time"

    def publish_receipt(self, centre, gateway, message, *, retain=False):
        self._client.publish(receipt_topic(centre, gateway), message, qos=1, retain=retain)

    def retain_roster(self, centre, gateway, sealed):
        self._client.publish(roster_topic(centre, gateway), sealed, qos=1, retain=True)

    def _received(self, _client, _userdata, message):
        topic = parse_topic(message.topic)
        with self.changed:
            if topic.lane == "state":
                self.states.append(message.payload)
                self._tell_time(topic, message)
            elif topic.lane == "event":
                self._take_event(message.payload)
            else:
                self._take(topic, message.payload)
            self.changed.notify_all()

    def _tell_time(self, topic, message):
        number = json.loads(message.payload).get("asks_time")
        if self.tells_time and number and not message.retain:
            self.say_time(topic.centre, topic.gateway, number)

    def say_time(self, centre, gateway, number):
        receipt = Receipt(centre, gateway, bytes.fromhex(number), self.now_ms(), ())
        answer = seal_receipt(receipt, self.keys.signing)
        self.publish_receipt(centre, gateway, answer)

    def now_ms(self):
        """The hub's clock; a test may replace it."""
        return time.time_ns() // 10**6

    def _take(self, topic, sealed):
        reads = HubSecrets([self.keys.encryption])
        decrypt = partial(reads.decrypted, centre=topic.centre, gateway=topic.gateway)
        packed = open_sealed(sealed, self.gateway_key, decrypt)
        content, sha256 = unpack(packed), content_sha256(packed)
        assert (content.centre, content.gateway) == (topic.centre, topic.gateway)
        self.deliveries += 1
        self.came_s.append(time.monotonic())
        self.lanes[topic.lane] += 1
        known = self.batches.setdefault(
            (content.boot, content.seq),
            (sha256, list(readings_of(Chunk(content.devices, content.columns)))),
        )
        assert known[0] == sha256, "one number, two contents"
        for answer in self.answers(content, sha256):
            self.publish_receipt(content.centre, content.gateway, answer)

    def _take_event(self, sealed):
        event = open_event(sealed, self.gateway_key)
        self.events.append(event)
        if self.answers_events:
            receipt = self.seal(event, events=(event.number,))
            self.publish_receipt(event.centre, event.gateway, receipt)

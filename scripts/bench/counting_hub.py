"""A hub that counts and receipts: `python -m scripts.bench.counting_hub DAYS`.

DAYS is what is to come, as JSON. The first line of standard input says where the broker and the
keys are; "count" and "end" are answered with what has come so far, and with the whole account.
A batch that comes again is receipted again and counted once, as in the district's hub.
"""

import json
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.batch.columns import Columns
from ingest.batch.content import Content, content_sha256, unpack
from ingest.batch.envelope import open_sealed
from ingest.batch.keys import Keys, load_keys
from ingest.batch.reading import Flag, Quantity
from ingest.batch.receipt import Receipt, seal_receipt
from ingest.batch.to_hub import HubSecrets
from ingest.batch.topics import parse_topic, receipt_topic
from ingest.broker import LOOPBACK
from ingest.gateway import KEY_FILE
from scripts.bench.days_heard import FIRST_UTC_MS, Days

MOST_TIMES = 255


class Count:
    """How often each reading came."""

    def __init__(self, days: Days) -> None:
        self._days = days
        self._times = np.zeros(days.readings, np.uint8)
        self._pulses = np.frombuffer(days.pulses(), np.float64)
        self._band_of = {days.device_key(band): band for band in range(days.bands)}
        self.changed = self.counted = 0

    def take(self, content: Content) -> None:
        """Count the readings of a batch that came for the first time."""
        bands = np.array([self._band_of.get(key, -1) for key in content.devices], np.int64)
        for columns in content.columns:
            self._take(columns, bands)

    def account(self) -> dict[str, int]:
        """Return what is missing, doubled and changed."""
        return {
            "counted": self.counted,
            "missing": int((self._times == 0).sum()),
            "doubled": int((self._times > 1).sum()),
            "changed": self.changed,
        }

    def _take(self, columns: Columns, bands: "np.ndarray[Any, np.dtype[np.int64]]") -> None:
        band = bands[np.frombuffer(columns.device_index, np.uint16)]
        since_ms = np.frombuffer(columns.at_utc_ms, np.int64) - FIRST_UTC_MS
        second = since_ms // 1000
        expected = self._pulses[(second * self._days.bands + band) % len(self._pulses)]
        is_right = (
            (band >= 0)
            & (since_ms % 1000 == 0)
            & (second >= 0)
            & (second < self._days.seconds)
            & (np.frombuffer(columns.value, np.float64) == expected)
            & (np.frombuffer(columns.span_ms, np.uint32) == 0)
            & (np.frombuffer(columns.flags, np.uint8) == int(Flag.CLOCK_RECEIPT))
            & (columns.quantity == Quantity.HEART_RATE_BPM)
        )
        self.counted += len(band)
        self.changed += int((~is_right).sum())
        place = (second * self._days.bands + band)[is_right]
        np.add.at(self._times, place[self._times[place] < MOST_TIMES], 1)


class CountingHub:
    """Takes batches off a broker, counts them and receipts them."""

    def __init__(self, days: Days, keys: Keys, box_keys: Keys) -> None:
        self.count = Count(days)
        self.lock = threading.Lock()
        self.subscribed = threading.Event()
        self._keys, self._box_key = keys, box_keys.public.signing
        self._known: dict[tuple[bytes, int], bytes] = {}
        self._deliveries = self._forks = 0
        self._first_s = self._last_s = 0.0

    def connect(self, port: int, username: str | None, password: str | None) -> mqtt.Client:
        """Connect to the broker; the client works in a thread of its own."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if username is not None:
            client.username_pw_set(username, password)
        topics = [(f"adhere/v1/+/+/{lane}", 1) for lane in ("live", "backlog")]
        client.on_connect = lambda connected, *_: connected.subscribe(topics)
        client.on_subscribe = lambda *_: self.subscribed.set()
        client.on_message = self._came
        client.connect(LOOPBACK, port)
        client.loop_start()
        return client

    def account(self) -> dict[str, Any]:
        """Return everything that was found."""
        with self.lock:
            found = self.count.account()
            found["changed"] += self._forks
            return found | {
                "batches": len(self._known),
                "deliveries": self._deliveries,
                "seconds": self._last_s - self._first_s,
            }

    def _came(self, client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        with self.lock:
            self._take(client, message)

    def _take(self, client: mqtt.Client, message: mqtt.MQTTMessage) -> None:
        topic = parse_topic(message.topic)
        secrets = HubSecrets([self._keys.encryption])
        decrypt = partial(secrets.decrypted, centre=topic.centre, gateway=topic.gateway)
        packed = open_sealed(bytes(message.payload), self._box_key, decrypt)
        content, name = unpack(packed), content_sha256(packed)
        self._deliveries += 1
        self._first_s = self._first_s or time.monotonic()
        if (known := self._known.setdefault((content.boot, content.seq), name)) != name:
            self._forks += 1
        if known is name:
            self.count.take(content)
            self._last_s = time.monotonic()
        receipt = Receipt(
            topic.centre,
            topic.gateway,
            content.boot,
            time.time_ns() // 10**6,
            ((content.seq, name),),
        )
        sealed = seal_receipt(receipt, self._keys.signing)
        client.publish(receipt_topic(topic.centre, topic.gateway), sealed, qos=1)


def main() -> None:
    """Count until standard input ends."""
    days = Days(**json.loads(sys.argv[1]))
    told = json.loads(sys.stdin.readline())
    hub = CountingHub(days, load_keys(Path(told["keys"])), load_keys(Path(told["box"]) / KEY_FILE))
    client = hub.connect(told["port"], told["username"], told["password"])
    hub.subscribed.wait()
    _say({"ready": True})
    for line in sys.stdin:
        _say(hub.account() if line.strip() == "end" else {"counted": hub.count.counted})
    client.disconnect()
    client.loop_stop()


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    main()

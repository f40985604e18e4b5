"""Subscribers as many projects write them, on the same broker and the same table.

JSON, a paho client, psycopg, the same durable commits; no ledger, no signature, no receipt: what
came twice stands there twice. Three ways to write: `one` (a message, an INSERT and a commit per
reading), `many` (executemany per message), `copy` (COPY per message).
"""

import json
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.broker import LOOPBACK
from storage.database import Connection, connect

WAYS = ("one", "many", "copy")
TOPIC = "bench/readings"
INSERT = (
    "INSERT INTO heart_rate (at, value, batch_id, device_id, span_ms, flags) "
    "VALUES (%s, %s, 0, %s, 0, 8)"
)
COPY = "COPY heart_rate (at, value, batch_id, device_id, span_ms, flags) FROM STDIN"

Row = tuple[datetime, float, int]
Write = Callable[[Connection, list[Row]], None]


def write_one(conn: Connection, rows: list[Row]) -> None:
    """One statement and one commit each."""
    for row in rows:
        conn.execute(INSERT, row)


def write_many(conn: Connection, rows: list[Row]) -> None:
    """One executemany, one commit."""
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany(INSERT, rows)


def write_copy(conn: Connection, rows: list[Row]) -> None:
    """One COPY, one commit."""
    with conn.cursor() as cursor, cursor.copy(COPY) as copying:
        for at, bpm, device_id in rows:
            copying.write_row((at, bpm, 0, device_id, 0, 8))


WRITE: dict[str, Write] = {"one": write_one, "many": write_many, "copy": write_copy}


class Subscriber:
    """Writes what comes until it has as many readings as are coming."""

    def __init__(self, conn: Connection, write: Write, expected: int) -> None:
        self._conn, self._write, self._left = conn, write, expected
        self._device_ids: dict[str, int] = dict(
            conn.execute("SELECT device_key, id FROM device").fetchall()
        )
        self.subscribed, self.done = threading.Event(), threading.Event()

    def came(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:  # noqa: ANN401 - the library's signature
        """Write one message."""
        rows = [
            (
                datetime.fromtimestamp(one["at_ms"] / 1000, UTC),
                one["bpm"],
                self._device_ids[one["band"]],
            )
            for one in json.loads(message.payload)
        ]
        self._write(self._conn, rows)
        self._left -= len(rows)
        if self._left <= 0:
            self.done.set()


def main() -> None:
    """Subscribe, say so, say when everything is committed."""
    task = json.loads(sys.argv[1])
    with connect(task["dsn"]) as conn:
        subscriber = Subscriber(conn, WRITE[task["way"]], task["readings"])
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.on_connect = lambda connected, *_: connected.subscribe(TOPIC, qos=1)
        client.on_subscribe = lambda *_: subscriber.subscribed.set()
        client.on_message = subscriber.came
        client.connect(LOOPBACK, task["port"])
        client.loop_start()
        subscriber.subscribed.wait()
        print("ready", flush=True)  # noqa: T201 - its output
        subscriber.done.wait()
        print("done", flush=True)  # noqa: T201 - as above
        client.disconnect()
        client.loop_stop()


if __name__ == "__main__":
    main()

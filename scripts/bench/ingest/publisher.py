"""Sends prepared MQTT messages as fast as broker and receipts let it: a process of its own.

A client library would cost more than the hub that is measured: this one hands the file's bytes to
the socket and counts what comes back. With receipts it holds at most `window` batches that are not
receipted, as all gateways of a district together do; without, it sends until the broker has all.
"""

import json
import mmap
import selectors
import socket
import struct
import sys
import time
from pathlib import Path
from typing import NamedTuple, TypedDict

import cbor2
import numpy as np

from ingest.batch.receipt import BOOT, COMMITTED, REFUSED
from ingest.broker import LOOPBACK

CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9
RECEIPTS = b"adhere/v1/+/+/receipt"
PATIENCE_S = 60.0
"""Nothing comes back for so long: something has been lost, and the figure with it."""
READ_BYTES = 2**18
AT_ONCE_BYTES = 2**18


class Task(TypedDict):
    """What it is told on the command line, as JSON."""

    port: int
    frames: str
    ends: str
    window: int
    receipts: bool


class Packet(NamedTuple):
    """One MQTT packet that came."""

    kind: int
    body: bytes


class Publisher:
    """One connection, and what has come back over it."""

    def __init__(self, task: Task) -> None:
        self._socket = socket.create_connection((LOOPBACK, task["port"]))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self._window, self._wants_receipts = task["window"], task["receipts"]
        self._ends: list[int] = np.load(task["ends"]).tolist()
        with Path(task["frames"]).open("rb") as file:
            self._bytes = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self._told: set[tuple[bytes, int]] = set()
        self.acknowledged = self.refused = 0

    def connect(self) -> None:
        """Open a clean session; hear the receipts where they are wanted."""
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + _text(b"adhere-bench-publisher")
        self._socket.sendall(bytes([0x10, len(body)]) + body)
        self._await(CONNACK)
        if self._wants_receipts:
            body = b"\x00\x01" + _text(RECEIPTS) + b"\x01"
            self._socket.sendall(bytes([0x82, len(body)]) + body)
            self._await(SUBACK)

    def send_all(self) -> None:
        """Send everything, and wait until all of it is receipted or acknowledged."""
        self._socket.settimeout(0)
        count, sent, offset = len(self._ends), 0, 0
        ready = selectors.DefaultSelector()
        ready.register(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while self._done < count:
            may_send = min(count, self._done + self._window)
            writes = selectors.EVENT_WRITE if sent < may_send else 0
            ready.modify(self._socket, selectors.EVENT_READ | writes)
            events = ready.select(PATIENCE_S)
            if not events:
                raise TimeoutError(f"{self._done} of {count} came back, then nothing")
            for _key, mask in events:
                if mask & selectors.EVENT_READ:
                    self._read()
                if mask & selectors.EVENT_WRITE:
                    end = min(self._ends[may_send - 1], offset + AT_ONCE_BYTES)
                    offset += self._socket.send(self._bytes[offset:end])
                    while sent < count and self._ends[sent] <= offset:
                        sent += 1

    @property
    def _done(self) -> int:
        return len(self._told) if self._wants_receipts else self.acknowledged

    def _read(self) -> None:
        answers = b""
        for packet in self._packets():
            if packet.kind == PUBACK:
                self.acknowledged += 1
            elif packet.kind == PUBLISH:
                answers += self._receipted(packet.body)
        if answers:
            self._socket.settimeout(PATIENCE_S)
            self._socket.sendall(answers)
            self._socket.settimeout(0)

    def _receipted(self, body: bytes) -> bytes:
        """Note whose batches a receipt names; return its acknowledgement."""
        (length,) = struct.unpack_from(">H", body)
        mid, payload = body[2 + length : 4 + length], body[4 + length :]
        items = cbor2.loads(cbor2.loads(payload).value[2])
        self._told |= {(items[BOOT], seq) for seq, _sha256 in items[COMMITTED]}
        self.refused += len(items[REFUSED])
        return b"\x40\x02" + mid

    def _await(self, kind: int) -> None:
        while all(packet.kind != kind for packet in self._packets()):
            pass

    def _packets(self) -> list[Packet]:
        """Return the whole packets that have come; the rest waits for what is missing."""
        came = self._socket.recv(READ_BYTES)
        if not came:
            raise ConnectionError("the broker has closed the connection")
        data, at, packets = self._unread + came, 0, []
        while True:
            length, shift, begin = 0, 0, at + 1
            while begin < len(data):
                digit = data[begin]
                length |= (digit & 127) << shift
                shift, begin = shift + 7, begin + 1
                if digit < 128:  # noqa: PLR2004 - the bit that says: more digits
                    break
            else:
                break
            if begin + length > len(data):
                break
            packets.append(Packet(data[at] >> 4, data[begin : begin + length]))
            at = begin + length
        self._unread = data[at:]
        return packets


def _text(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def main() -> None:
    """Connect, say so, wait for a line, send everything, say what it took."""
    publisher = Publisher(json.loads(sys.argv[1]))
    publisher.connect()
    print(json.dumps({"ready": True}), flush=True)  # noqa: T201 - its output
    sys.stdin.readline()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    publisher.send_all()
    print(  # noqa: T201 - as above
        json.dumps(
            {
                "seconds": time.perf_counter() - began_s,
                "cpu_s": time.process_time() - began_cpu_s,
                "acknowledged": publisher.acknowledged,
                "refused": publisher.refused,
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()

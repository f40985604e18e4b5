"""Made-up gateways and what they send: the same readings sealed, as rows of COPY, and as JSON.

Each gateway hears its bands once a second. Its batches are packed, compressed, encrypted to the hub
and signed by the gateway's own code, and lie in a file as the MQTT messages they travel in, so that
sending them costs next to nothing while the chain is measured.
"""

import json
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.batch.columns import Columns
from ingest.batch.content import Content, content_sha256, pack
from ingest.batch.envelope import seal
from ingest.batch.keys import Keys, make_keys, raw
from ingest.batch.limits import SCHEMA_VERSION
from ingest.batch.reading import Flag, Quantity
from ingest.batch.to_hub import Recipient
from ingest.batch.topics import lane_topic
from storage import pgcopy
from storage.database import Connection
from storage.gateways import enrol_gateway
from storage.incoming import IncomingBatch, ReadingColumns
from storage.people import put_organisation

CENTRE = "bench"
FIRST_UTC_MS = 1_772_409_600_000
"""2026-03-02T00:00Z: all readings of a load lie within that day."""
SECOND_MS = 1_000
MOST_JITTER_MS = 20
PUBLISH_QOS_1 = 0x32
MOST_MID = 65_535


@dataclass(frozen=True)
class Load:
    """So many readings, so many in a batch, batches of all gateways in turn."""

    per_batch: int
    batches: int
    gateways: int = 40
    bands: int = 40
    """At each gateway, each heard once a second."""

    @property
    def readings(self) -> int:
        """All of them."""
        return self.per_batch * self.batches

    @cached_property
    def bpm(self) -> NDArray[np.float64]:
        """Heart rates as they wander, to be taken in turn."""
        steps = np.random.default_rng(1).choice([-1.0, 0.0, 0.0, 1.0], 10_007).cumsum()
        wander: NDArray[np.float64] = 60 + np.abs(steps % 120 - 60)
        return wander

    @cached_property
    def jitter_ms(self) -> NDArray[np.int64]:
        """How late after its second a band is heard, to be taken in turn."""
        return np.random.default_rng(2).integers(0, MOST_JITTER_MS, 9_973)

    def gateway_name(self, gateway: int) -> str:
        """Name a gateway of the centre."""
        return f"hall-{gateway}"

    def bands_of(self, gateway: int) -> tuple[str, ...]:
        """Name the bands of a gateway, as bands are called."""
        return tuple(f"c0:ff:ee:00:{gateway:02x}:{band:02x}" for band in range(self.bands))

    def columns(self, gateway: int, seq: int) -> ReadingColumns:
        """Return the readings of one batch."""
        number = np.arange(seq * self.per_batch, (seq + 1) * self.per_batch)
        place = number * self.gateways + gateway
        band = number % self.bands
        late_ms = band * (SECOND_MS // self.bands) // 2 + self.jitter_ms[place % 9_973]
        return ReadingColumns(
            str(Quantity.HEART_RATE_BPM),
            band.astype(np.uint16),
            FIRST_UTC_MS + number // self.bands * SECOND_MS + late_ms,
            # A band's own course: neighbours in time are neighbours in the array.
            self.bpm[(number // self.bands + 97 * (band + self.bands * gateway)) % 10_007],
            np.zeros(self.per_batch, np.uint32),
            np.full(self.per_batch, int(Flag.CLOCK_RECEIPT), np.uint8),
        )


@dataclass(frozen=True)
class District:
    """The keys of a hub and of its gateways."""

    hub: Keys
    gateways: tuple[Keys, ...]

    @classmethod
    def of(cls, gateways: int) -> "District":
        """Make new keys for all."""
        return cls(make_keys(), tuple(make_keys() for _number in range(gateways)))

    def enrol(self, conn: Connection, load: Load) -> list[int]:
        """Let the gateways send; return their ids."""
        put_organisation(conn, kind="centre", code=CENTRE, name=CENTRE)
        return [
            enrol_gateway(
                conn,
                centre=CENTRE,
                gateway=load.gateway_name(number),
                signing_key=raw(keys.public.signing),
                encryption_key=raw(keys.public.encryption),
            )
            for number, keys in enumerate(self.gateways)
        ]


@dataclass(frozen=True)
class Frames:
    """MQTT messages in a file, one after the other, and where each ends."""

    path: Path
    ends: Path
    """An array of int64, as NumPy saves it."""
    payload_bytes: int

    @classmethod
    def written(cls, folder: Path, name: str, messages: Iterator[tuple[str, bytes]]) -> "Frames":
        """Write messages of QoS 1 as a client sends them."""
        path, ends_path = folder / f"{name}.mqtt", folder / f"{name}.npy"
        ends, payload_bytes = array("q"), 0
        with path.open("wb") as file:
            for number, (topic, payload) in enumerate(messages):
                file.write(_publish(topic, payload, 1 + number % MOST_MID))
                ends.append(file.tell())
                payload_bytes += len(payload)
        np.save(ends_path, np.frombuffer(ends, np.int64))
        return cls(path, ends_path, payload_bytes)


@dataclass(frozen=True)
class Made:
    """One load, ready to be sent and to be copied."""

    load: Load
    frames: Frames
    rows: Path
    """What COPY BINARY takes, rows alone."""
    batches: Sequence[IncomingBatch]
    """As a hub has them once they are opened."""


def make(
    load: Load,
    district: District,
    gateway_ids: Sequence[int],
    device_ids: dict[str, int],
    folder: Path,
    progress: Callable[[float], None],
) -> Made:
    """Seal a load and write it to `folder`, also as rows."""
    folder.mkdir()
    incoming: list[IncomingBatch] = []
    frames = Frames.written(
        folder, "batches", _sealed(load, district, gateway_ids, incoming, progress)
    )
    rows = folder / "rows"
    with rows.open("wb") as file:
        for batch_id, batch in enumerate(incoming, start=1):
            file.write(_rows(batch, batch_id, device_ids))
    return Made(load, frames, rows, incoming)


def _sealed(
    load: Load,
    district: District,
    gateway_ids: Sequence[int],
    incoming: list[IncomingBatch],
    progress: Callable[[float], None],
) -> Iterator[tuple[str, bytes]]:
    """Yield topic and payload of each batch; note in `incoming` what a hub will read there."""
    hub_key = district.hub.encryption.public_key()
    former: dict[int, bytes] = {}
    for number in range(load.batches):
        seq, gateway = divmod(number, load.gateways)
        keys, name = district.gateways[gateway], load.gateway_name(gateway)
        columns = load.columns(gateway, seq)
        sealed_utc_ms = int(columns.at_utc_ms[-1]) + SECOND_MS
        boot = sha256(f"{load.per_batch} {gateway}".encode()).digest()[:16]
        packed = pack(
            Content(
                schema=SCHEMA_VERSION,
                centre=CENTRE,
                gateway=name,
                boot=boot,
                seq=seq,
                previous_sha256=former.get(gateway),
                sealed_utc_ms=sealed_utc_ms,
                sealed_mono_ms=sealed_utc_ms - FIRST_UTC_MS,
                devices=load.bands_of(gateway),
                columns=(_wire_columns(columns),),
            )
        )
        sealed = seal(
            packed,
            keys.signing,
            keys.kid,
            readable_by=Recipient(hub_key, CENTRE, name),
        )
        incoming.append(
            IncomingBatch(
                gateway_id=gateway_ids[gateway],
                boot=boot,
                seq=seq,
                content_sha256=content_sha256(packed),
                previous_sha256=former.get(gateway),
                lane="live",
                schema_version=SCHEMA_VERSION,
                sealed_utc_ms=sealed_utc_ms,
                sealed_mono_ms=sealed_utc_ms - FIRST_UTC_MS,
                devices=load.bands_of(gateway),
                columns=(columns,),
                sealed=sealed,
            )
        )
        former[gateway] = content_sha256(packed)
        progress(number / load.batches)
        yield lane_topic(CENTRE, name, "live"), sealed


def _wire_columns(columns: ReadingColumns) -> Columns:
    return Columns(
        quantity=Quantity(columns.quantity),
        device_index=array("H", columns.device_index.astype(np.uint16).tobytes()),
        at_utc_ms=array("q", columns.at_utc_ms.astype(np.int64).tobytes()),
        value=array("d", columns.value.astype(np.float64).tobytes()),
        span_ms=array("I", columns.span_ms.astype(np.uint32).tobytes()),
        flags=array("B", columns.flags.astype(np.uint8).tobytes()),
        device_ts_ms=None,
    )


def _rows(batch: IncomingBatch, batch_id: int, device_ids: dict[str, int]) -> bytes:
    ids = np.array([device_ids[key] for key in batch.devices], np.int32)
    return b"".join(
        bytes(
            pgcopy.encode(
                len(columns.at_utc_ms),
                pgcopy.to_timestamps(columns.at_utc_ms),
                columns.value.astype(np.float64),
                np.full(len(columns.at_utc_ms), batch_id, np.int64),
                None,
                ids[columns.device_index],
                columns.span_ms.astype(np.int32),
                columns.flags.astype(np.int16),
            )
        )
        for columns in batch.columns
    )


def json_messages(made: Made, count: int, *, each_alone: bool) -> Iterator[tuple[str, bytes]]:
    """Yield the first `count` readings as JSON: a message a reading, or a message a batch."""
    for batch in made.batches:
        if count <= 0:
            return
        (columns,) = batch.columns
        rows = [
            {"band": batch.devices[band], "at_ms": at_ms, "bpm": bpm}
            for band, at_ms, bpm in zip(
                columns.device_index[:count].tolist(),
                columns.at_utc_ms[:count].tolist(),
                columns.value[:count].tolist(),
                strict=True,
            )
        ]
        count -= len(rows)
        for part in [[row] for row in rows] if each_alone else [rows]:
            yield "bench/readings", json.dumps(part).encode()


def _publish(topic: str, payload: bytes, mid: int) -> bytes:
    """Return a PUBLISH packet (MQTT 3.1.1, 3.3)."""
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + struct.pack(">H", mid) + payload
    length, left = bytearray(), len(body)
    while True:
        left, digit = divmod(left, 128)
        length.append(digit | 128 if left else digit)
        if not left:
            return bytes([PUBLISH_QOS_1]) + bytes(length) + body

"""The gateways of a replay: one a person, all in this process, each with a spool of its own."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.fields import Broker
from config.gateway_settings import GatewaySettings
from ingest.batch.keys import Keys, load_keys, make_keys, raw, save_keys
from ingest.gateway import KEY_FILE
from ingest.gateway.clock import ContentClock
from ingest.gateway.heard import Heard, Source
from ingest.gateway.run import run_gateway
from ingest.gateway.sealing import SealPolicy
from ingest.gateway.status import Status
from ingest.gateway.uplink import UplinkPolicy
from scripts.replay.guard import first_of
from scripts.replay.recording import Recording
from scripts.replay.track import Track, chunks
from storage.database import Connection
from storage.gateways import enrol_gateway

ONE_CHUNK_ONE_BATCH = SealPolicy(backlog_chunks=1, backlog_after_s=None)
"""So the cuts of the track are the cuts of the batches, whenever the gateway is interrupted."""

UPLINK = UplinkPolicy(resend_after_s=5, reconnect_least_s=0.2, reconnect_most_s=2)


@dataclass(frozen=True)
class Box:
    """One gateway of a replay."""

    track: Track
    centre: str
    gateway: str
    device_key: str
    boot: bytes
    data_dir: Path
    keys: Keys


def boxes_of(recording: Recording, folder: Path) -> tuple[Box, ...]:
    """Return the boxes, with their keys out of `folder`, made the first time."""
    names, roster = recording.identities, recording.roster
    folder.mkdir(mode=0o700, exist_ok=True)
    boxes = []
    for track in recording.tracks:
        gateway = names.gateway(track.person)
        data_dir = folder / gateway
        data_dir.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            save_keys(data_dir / KEY_FILE, make_keys())
        boxes.append(
            Box(
                track,
                names.centre(roster.centre_of(track.person)),
                gateway,
                names.device_key(track.person),
                names.boot(track.person),
                data_dir,
                load_keys(data_dir / KEY_FILE),
            )
        )
    return tuple(boxes)


def enrol(conn: Connection, boxes: Sequence[Box]) -> None:
    """Make the boxes' keys known to the hub. Their centres must be known already."""
    for box in boxes:
        enrol_gateway(
            conn,
            centre=box.centre,
            gateway=box.gateway,
            signing_key=raw(box.keys.public.signing),
            encryption_key=raw(box.keys.public.encryption),
        )


def source_of(box: Box) -> Source:
    """Return the recording as a source that goes on after the last chunk on disk."""

    async def source(cursor: Mapping[str, str]) -> AsyncGenerator[Heard]:
        done = int(cursor.get("chunk", "0"))
        rest = itertools.islice(chunks(box.track, box.device_key), done, None)
        for number, chunk in enumerate(rest, start=done + 1):
            yield Heard(chunk, "backlog", {"chunk": str(number)})
            await asyncio.sleep(0)  # cutting is work of this thread: let the others in

    return source


async def run_boxes(
    boxes: Sequence[Box], broker: Broker, hub_key: Ed25519PublicKey, stop: asyncio.Event
) -> tuple[Status, ...]:
    """Run all gateways until the hub has answered for everything, or `stop` is set."""
    try:
        return await _run_boxes(boxes, broker, hub_key, stop)
    except BaseExceptionGroup as group:
        raise first_of(group) from group


async def _run_boxes(
    boxes: Sequence[Box], broker: Broker, hub_key: Ed25519PublicKey, stop: asyncio.Event
) -> tuple[Status, ...]:
    async with asyncio.TaskGroup() as group:
        running = [
            group.create_task(
                run_gateway(
                    GatewaySettings(
                        centre=box.centre,
                        gateway=box.gateway,
                        data_dir=box.data_dir,
                        broker=broker,
                    ),
                    box.keys,
                    hub_key,
                    source_of(box),
                    stop=stop,
                    drain=True,
                    clock=ContentClock(),
                    boot=box.boot,
                    sealing=ONE_CHUNK_ONE_BATCH,
                    uplink=UPLINK,
                ),
                name=box.gateway,
            )
            for box in boxes
        ]
    return tuple(task.result() for task in running)

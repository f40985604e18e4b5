"""The boxes of the two centres: made, enrolled, and run over the five weeks."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.fields import Broker
from config.gateway_settings import GatewaySettings
from devices.virtual.cast import CENTRES
from ingest.batch.enrolment import Answer, dump, make_request
from ingest.batch.keys import Keys, make_keys, raw, save_keys
from ingest.gateway import ENROLMENT_FILE, KEY_FILE
from ingest.gateway.heard import Heard, Source
from ingest.gateway.run import run_gateway
from ingest.gateway.sealing import SealPolicy
from ingest.gateway.status import Status
from ingest.gateway.uplink import UplinkPolicy
from scripts.show.folder import ShowFolder
from scripts.show.weeks import Weeks
from storage.database import Connection
from storage.gateways import enrol_gateway

SEALING = SealPolicy(backlog_chunks=4, backlog_after_s=None)
UPLINK = UplinkPolicy(resend_after_s=10, reconnect_least_s=0.1, reconnect_most_s=1)
LINKS_PER_ADAPTER = 8

CUT_OFF = "beiyuan"
"""The centre whose network fails in the live minute."""


@dataclass(frozen=True)
class Box:
    """One centre's box."""

    centre: str
    gateway: str
    data_dir: Path
    settings_path: Path
    keys: Keys
    adapter: str
    """The address of its radio."""
    onsite_port: int
    """Of the page on its own screen."""
    wire_port: int | None
    """Where its network begins that can be cut; None: it goes straight to the broker."""


def make_boxes(folder: ShowFolder, take_port: Callable[[], int]) -> tuple[Box, ...]:
    """Make each box's folder and keys, as a box does by itself."""
    boxes = []
    for number, centre in enumerate(CENTRES, start=1):
        data_dir = folder.box(centre.code)
        data_dir.mkdir(mode=0o700, parents=True)
        keys = make_keys()
        save_keys(data_dir / KEY_FILE, keys)
        boxes.append(
            Box(
                centre.code,
                centre.gateway,
                data_dir,
                folder.box_settings(centre.code),
                keys,
                f"00:1A:7D:DA:71:{number:02X}",
                take_port(),
                take_port() if centre.code == CUT_OFF else None,
            )
        )
    return tuple(boxes)


def enrol(conn: Connection, boxes: Sequence[Box], hub: Keys, broker: Broker) -> None:
    """Make boxes and hub known to each other, and write what each box is told."""
    for box in boxes:
        enrol_gateway(
            conn,
            centre=box.centre,
            gateway=box.gateway,
            signing_key=raw(box.keys.public.signing),
            encryption_key=raw(box.keys.public.encryption),
        )
        answer = Answer.signed(
            hub,
            make_request(box.keys),
            centre=box.centre,
            gateway=box.gateway,
            broker_host=broker.host,
            broker_port=broker.port,
            ca_pem=None,
        )
        (box.data_dir / ENROLMENT_FILE).write_bytes(dump(answer))


def write_settings(box: Box, broker: Broker, language: str) -> None:
    """Write the settings file of a box with its radio and the page on its own screen."""
    lines = [
        f"centre = {json.dumps(box.centre)}",
        f"gateway = {json.dumps(box.gateway)}",
        f"data_dir = {json.dumps(str(box.data_dir))}",
        "[broker]",
        f"host = {json.dumps(broker.host)}",
        f"port = {box.wire_port or broker.port}",
        f"username = {json.dumps(broker.username)}",
        "[uplink]",
        "seal_after_s = 1.0",
        "[radio]",
        f"adapters = [{json.dumps(box.adapter)}]",
        f"links_per_adapter = {LINKS_PER_ADAPTER}",
        "[onsite]",
        f"port = {box.onsite_port}",
        f"language = {json.dumps(language)}",
    ]
    box.settings_path.write_text("\n".join(lines) + "\n", "utf-8")


async def send_weeks(
    boxes: Sequence[Box], weeks: Weeks, broker: Broker, hub: Keys, stop: asyncio.Event
) -> tuple[Status, ...]:
    """Run both boxes over the weeks until the hub has answered for everything, or `stop`."""
    sources = {box.centre: weeks.source(box.centre) for box in boxes}
    return await _drained(boxes, sources, broker, hub, stop)


async def send_rest(boxes: Sequence[Box], broker: Broker, hub: Keys) -> tuple[Status, ...]:
    """Send what is left in the spools of boxes that have been stopped."""

    async def silence(cursor: Mapping[str, str]) -> AsyncGenerator[Heard]:
        del cursor
        nothing: tuple[Heard, ...] = ()
        for heard in nothing:
            yield heard

    sources = {box.centre: silence for box in boxes}
    return await _drained(boxes, sources, broker, hub, asyncio.Event())


async def _drained(
    boxes: Sequence[Box],
    sources: Mapping[str, Source],
    broker: Broker,
    hub: Keys,
    stop: asyncio.Event,
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
                    hub.public.signing,
                    sources[box.centre],
                    stop=stop,
                    drain=True,
                    sealing=SEALING,
                    uplink=UPLINK,
                ),
                name=box.centre,
            )
            for box in boxes
        ]
    return tuple(task.result() for task in running)

"""The hub as a subprocess of a replay: its settings and key, its start, its end, its counters."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from config.fields import Broker
from config.language import _
from config.settings import BROKER_PASSWORD, DATABASE_DSN
from ingest.batch.keys import Keys, load_keys, make_keys, save_keys
from ingest.hub import HUB_KEY_FILE
from scripts.replay.process import OurProcess, started, until_ready


def hub_keys(data_dir: Path) -> Keys:
    """Return the hub's keys out of its data folder; make them the first time."""
    path = data_dir / HUB_KEY_FILE
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        save_keys(path, make_keys())
    return load_keys(path)


def write_settings(path: Path, data_dir: Path, report_dir: Path, broker: Broker) -> None:
    """Write the district's settings file; the secrets go by the environment."""
    lines = [
        f"data_dir = {json.dumps(str(data_dir))}",
        "[broker]",
        f"host = {json.dumps(broker.host)}",
        f"port = {broker.port}",
        f"allow_plaintext = {json.dumps(broker.allow_plaintext)}",
        *([f"username = {json.dumps(broker.username)}"] if broker.username else []),
        "[nightly]",
        f"report_dir = {json.dumps(str(report_dir))}",
    ]
    half = path.with_suffix(".half")
    half.write_text("\n".join(lines) + "\n", "utf-8")
    half.replace(path)


def secrets_of(dsn: str, broker: Broker) -> Mapping[str, str]:
    """Return what the hub is told by its environment alone."""
    secrets = {DATABASE_DSN: dsn}
    if broker.password is not None:
        secrets[BROKER_PASSWORD] = broker.password.get_secret_value()
    return secrets


@asynccontextmanager
async def running_hub(
    settings: Path, secrets: Mapping[str, str], log_path: Path
) -> AsyncIterator[OurProcess]:
    """Run `adhere hub` while the block runs; it works when the block begins."""
    async with started(
        ["hub", "--settings", str(settings)],
        name=_("the hub"),
        ready="hub_ready",
        log_path=log_path,
        environ=secrets,
    ) as hub:
        await until_ready(hub)
        yield hub


def counters_of(hub: OurProcess) -> Mapping[str, Any]:
    """Return what a hub that has ended in order counted; empty without that."""
    return hub.events.get("hub_stopped", {})

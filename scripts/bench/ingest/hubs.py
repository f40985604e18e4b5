"""Hubs at work: `adhere hub` as an operator starts it, one process or several."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from config.errors import Unavailable
from config.language import _
from ingest.batch.keys import Keys, save_keys
from ingest.broker import LOOPBACK
from ingest.hub import HUB_KEY_FILE
from scripts.bench.process_cost import ProcessCost
from scripts.replay.leash import leashed

START_S = 60.0
STOP_S = 60.0
LOOK_S = 0.05


class RunningHub:
    """One process; what it says at its end is in `report`."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process, self._log = process, log
        self.cost = ProcessCost(process.pid)
        self.report: dict[str, Any] = {}

    def wait_until_ready(self) -> None:
        """Wait until it is subscribed; raise Unavailable where it ends before."""
        end = time.monotonic() + START_S
        while "hub_ready" not in self._log.read_text("utf-8"):
            if self._process.poll() is not None or time.monotonic() > end:
                said = self._log.read_text("utf-8").strip().splitlines()[-1:]
                raise Unavailable(_("the hub did not start: %(why)s") % {"why": " ".join(said)})
            time.sleep(LOOK_S)

    def stop(self) -> None:
        """SIGTERM, and its last words."""
        self._process.terminate()
        said, _errors = self._process.communicate(timeout=STOP_S)
        self.report = json.loads(said.splitlines()[-1]) if said else {}


@contextmanager
def hubs(
    folder: Path, dsn: str, broker_port: int, keys: Keys, workers: int
) -> Iterator[list[RunningHub]]:
    """Run so many hubs on one broker and one database while the block runs."""
    folder.mkdir()
    save_keys(folder / HUB_KEY_FILE, keys)
    settings = folder / "district.toml"
    settings.write_text(
        f'data_dir = "{folder}"\n'
        f'[broker]\nhost = "{LOOPBACK}"\nport = {broker_port}\n'
        f'[nightly]\nreport_dir = "{folder}"\n',
        "utf-8",
    )
    with ExitStack() as stack:
        running = []
        for number in range(workers):
            log = folder / f"hub-{number}.log"
            errors = stack.enter_context(log.open("w"))
            running.append(RunningHub(_started(settings, dsn, errors), log))
        try:
            for hub in running:
                hub.wait_until_ready()
            yield running
        finally:
            for hub in running:
                hub.stop()


def _started(settings: Path, dsn: str, errors: IO[str]) -> "subprocess.Popen[str]":
    command = ["hub", "--json", "--settings", str(settings)]
    return subprocess.Popen(  # noqa: S603 - our own command line
        leashed([sys.executable, "-m", "scripts.main", *command]),
        env=os.environ | {"ADHERE_DATABASE_DSN": dsn, "ADHERE_BROKER_PASSWORD": ""},
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )

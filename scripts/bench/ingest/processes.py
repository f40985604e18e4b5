"""The processes of a measurement, and what they take of the processor."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from config.errors import Unavailable
from config.language import _
from scripts.bench.ingest.figures import Timed
from scripts.bench.ingest.made import Frames
from scripts.bench.mosquitto import RunningBroker
from scripts.replay.leash import leashed

WINDOW_BATCHES = 800
"""Not receipted at one time, of all gateways together; mosquitto's queue holds more."""


class Clock:
    """Wall time and processor time from its making until it is stopped."""

    def __init__(self, parts: Mapping[str, Sequence[Callable[[], float | None]]]) -> None:
        self._parts = parts
        self._cpu_s, self._since_s = self._read(), time.perf_counter()

    def stopped(self) -> Timed:
        """Return what it was until now; None where a process cannot be looked at any more."""
        seconds = time.perf_counter() - self._since_s
        used = {
            part: None if now is None or before is None else now - before
            for (part, now), before in zip(self._read().items(), self._cpu_s.values(), strict=True)
        }
        return Timed(seconds, used)

    def _read(self) -> dict[str, float | None]:
        read = {part: [one() for one in each] for part, each in self._parts.items()}
        return {
            part: None if None in each else sum(one for one in each if one is not None)
            for part, each in read.items()
        }


@contextmanager
def publishing(
    broker: RunningBroker, frames: Frames, *, receipts: bool
) -> "Iterator[subprocess.Popen[str]]":
    """Start the publisher; it is connected, and waits for a line."""
    task = {
        "port": broker.port,
        "frames": str(frames.path),
        "ends": str(frames.ends),
        "window": WINDOW_BATCHES if receipts else sys.maxsize,
        "receipts": receipts,
    }
    with process_of("scripts.bench.ingest.publisher", task) as process:
        line_of(process)
        yield process


@contextmanager
def process_of(module: str, task: Mapping[str, Any]) -> "Iterator[subprocess.Popen[str]]":
    """Start a module as a process, with its task; end it after the block."""
    process = subprocess.Popen(  # noqa: S603 - our own command line
        leashed([sys.executable, "-m", module, json.dumps(task)]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def tell(process: "subprocess.Popen[str]") -> None:
    """Let a process begin that waits for a line."""
    if process.stdin is not None:
        process.stdin.write("go\n")
        process.stdin.flush()


def line_of(process: "subprocess.Popen[str]") -> str:
    """Wait for a line of a process; raise Unavailable where it has ended instead."""
    line = "" if process.stdout is None else process.stdout.readline()
    if not line:
        raise Unavailable(_("a process of the measurement has ended: see above"))
    return line

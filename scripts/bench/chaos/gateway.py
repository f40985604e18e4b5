"""The gateway of a chaos run: `python -m scripts.bench.chaos.gateway SETTINGS SOCKET CLOCK [FULL]`.

It is `run_gateway` as in a centre, with the observer's socket for a radio. It ends when the
observer has no more and the hub has answered for everything. CLOCK is a file that says how far
the box's wall clock is ahead; as long as the file FULL exists, every write to the spool fails as on
a full disk.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

from config.errors import Unavailable
from config.settings import load_gateway
from ingest.batch.enrolment import load_answer
from ingest.batch.keys import load_keys
from ingest.batch.reading import Quantity, Reading
from ingest.gateway import ENROLMENT_FILE, KEY_FILE
from ingest.gateway.clock import BoxClock
from ingest.gateway.edge_time import EdgeTime
from ingest.gateway.heard import Heard, Source
from ingest.gateway.run import run_gateway
from scripts.bench.chaos.clock import go_by
from scripts.bench.chaos.full_disk import make_fullable
from scripts.bench.chaos.handing import MAX_LINE_BYTES
from scripts.log import set_up_log

EXIT_UNAVAILABLE = 4


def socket_source(path: Path) -> Source:
    """Return a source that asks the observer for one piece after the other."""

    async def source(cursor: Mapping[str, str]) -> AsyncGenerator[Heard]:
        done = int(cursor.get("piece", "0"))
        reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES)
        try:
            while True:
                writer.write(json.dumps({"after": done}).encode() + b"\n")
                said = await _answer(reader)
                if "now" in said:
                    now = {"utc_ms": time.time_ns() // 10**6}
                    writer.write(json.dumps(now).encode() + b"\n")
                    said = await _answer(reader)
                if "end" in said:
                    return
                done = said["piece"]
                yield _heard(said)
        finally:
            writer.close()

    return source


async def _answer(reader: asyncio.StreamReader) -> dict[str, Any]:
    line = await reader.readline()
    if not line:
        raise Unavailable("the observer has gone")
    said: dict[str, Any] = json.loads(line)
    return said


def _heard(said: Mapping[str, Any]) -> Heard:
    readings = [
        Reading(device, Quantity(quantity), float(number), at, span, flags, stamp)
        for device, quantity, number, at, span, flags, stamp in said["readings"]
    ]
    return Heard(
        readings,
        said["lane"],
        {"piece": str(said["piece"])},
        by_box_clock=said["by_box_clock"],
    )


async def serve(settings_path: Path, socket_path: Path) -> None:
    """Run until everything is receipted, or SIGTERM; print the last status."""
    settings = load_gateway(settings_path, os.environ)
    keys = load_keys(settings.data_dir / KEY_FILE)
    hub = load_answer(settings.data_dir / ENROLMENT_FILE, keys).hub_keys
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    box_time = EdgeTime()
    final = await run_gateway(
        settings,
        keys,
        hub.signing,
        socket_source(socket_path),
        stop=stop,
        drain=True,
        hub_encryption=hub.encryption,
        box_time=box_time,
        # The kernel speaks of the true clock, which is not this box's.
        clock=BoxClock(box_time, kernel_says=lambda: False),
    )
    print(json.dumps(final.as_dict()))  # noqa: T201 - its output


def main() -> None:
    """Run it; exit 4 where the supervisor is to start it again."""
    settings_path, socket_path, clock_path, *full = sys.argv[1:]
    set_up_log(verbose=False, for_a_person=False)
    go_by(Path(clock_path))
    if full:
        make_fullable(Path(full[0]))
    try:
        asyncio.run(serve(Path(settings_path), Path(socket_path)))
    except Unavailable as error:
        print(error, file=sys.stderr)  # noqa: T201 - its output
        sys.exit(EXIT_UNAVAILABLE)


if __name__ == "__main__":
    main()

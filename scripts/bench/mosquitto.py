"""A mosquitto for a measurement: its own folder, a port of the loopback, everybody let in."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.errors import Misconfigured, Unavailable
from config.language import _
from ingest.broker import LOOPBACK
from scripts.replay.leash import leashed
from scripts.show.ports import held_port

START_S = 20.0
LOOK_S = 0.02
FOR_A_DISTRICT = ("max_inflight_messages 1000", "max_queued_messages 10000")
"""What docs/howto/hub.md asks of a district's mosquitto: by itself it lets a subscriber have twenty
messages that are not acknowledged, and a hub acknowledges after its commit."""


@dataclass(frozen=True)
class RunningBroker:
    """One mosquitto at work."""

    name: str
    """Program and version."""
    pid: int
    port: int


@contextmanager
def mosquitto(folder: Path, lines: Sequence[str] = ()) -> Iterator[RunningBroker]:
    """Run mosquitto in a new `folder`, with further lines of configuration, while the block runs.

    Raises Misconfigured where it is not installed, Unavailable where it does not start.
    """
    program = _installed()
    folder.mkdir(parents=True)
    with held_port() as port:
        config = folder / "mosquitto.conf"
        config.write_text(
            "\n".join(
                [
                    "persistence false",
                    f"log_dest file {folder}/mosquitto.log",
                    f"listener {port} {LOOPBACK}",
                    "allow_anonymous true",
                    *(["user root"] if os.geteuid() == 0 else []),  # the folder is root's then
                    *lines,
                    "",
                ]
            ),
            "utf-8",
        )
        with (folder / "errors.log").open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                leashed([program, "-c", str(config)]), stdout=errors, stderr=errors
            )
        try:
            _wait(process, port, folder)
            yield RunningBroker(_version(program), process.pid, port)
        finally:
            process.terminate()
            process.wait()


def _installed() -> str:
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise Misconfigured(_("mosquitto is not installed: apt install mosquitto"))
    return program


def _version(program: str) -> str:
    said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False)  # noqa: S603 - as above
    return said.stdout.partition("\n")[0] or "mosquitto"


def _wait(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection((LOOPBACK, port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                said = (folder / "errors.log").read_text("utf-8").strip()
                raise Unavailable(_("mosquitto did not start: %(why)s") % {"why": said}) from None
            time.sleep(LOOK_S)
        else:
            return

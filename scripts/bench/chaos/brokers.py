"""The broker of a chaos run: mosquitto where it is installed, else the embedded one."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from config.errors import Unavailable
from config.language import _
from ingest.broker import LOOPBACK, EmbeddedBroker

START_S = 20.0
LOOK_S = 0.02


class Killable(Protocol):
    """A broker at one port of the loopback, over all its lives."""

    port: int

    @property
    def name(self) -> str:
        """Program and version."""

    @property
    def username(self) -> str | None:
        """Of its one account; None where it lets everybody in."""

    @property
    def password(self) -> str | None:
        """Of that account."""

    def start(self) -> object:
        """Start; return when it accepts connections."""

    def kill(self) -> None:
        """SIGKILL."""

    def wipe(self) -> None:
        """Forget what was kept over a restart: sessions, messages on the way, retained ones."""

    def stop(self) -> None:
        """End it in order."""


class Mosquitto:
    """A mosquitto with Debian's defaults: it keeps what it must on disk, now and then."""

    username: str | None = None
    password: str | None = None

    def __init__(self, program: str, folder: Path, port: int) -> None:
        self._program, self._folder, self.port = program, folder, port
        self._process: subprocess.Popen[bytes] | None = None
        version = subprocess.run([program, "-h"], capture_output=True, text=True, check=False)  # noqa: S603 - the broker itself
        self.name = version.stdout.partition("\n")[0] or "mosquitto"

    def start(self) -> None:
        """Start; return when it accepts connections."""
        self._folder.mkdir(exist_ok=True)
        config = self._folder / "mosquitto.conf"
        config.write_text(
            "persistence true\n"
            f"persistence_location {self._folder}/\n"
            f"log_dest file {self._folder}/mosquitto.log\n"
            f"listener {self.port} {LOOPBACK}\n"
            "allow_anonymous true\n" + ("user root\n" if os.geteuid() == 0 else ""),
            "utf-8",
        )
        with (self._folder / "errors.log").open("ab") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - the broker itself
                [self._program, "-c", str(config)], stderr=errors, start_new_session=True
            )
        end = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection((LOOPBACK, self.port), 1).close()
            except OSError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise Unavailable(_("mosquitto did not start")) from None
                time.sleep(LOOK_S)
            else:
                return

    def kill(self) -> None:
        """SIGKILL: nothing is written on the way out."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wipe(self) -> None:
        """Delete its database."""
        for kept in self._folder.glob("*.db*"):
            kept.unlink()

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(START_S)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None


class Embedded(EmbeddedBroker):
    """The embedded broker: it keeps nothing over a restart, so every kill wipes it."""

    name = "amqtt (embedded)"

    def wipe(self) -> None:
        """Nothing is kept."""


@contextmanager
def broker_at(port: int, folder: Path) -> Iterator[Killable]:
    """Run a broker at that port as long as the block runs."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    broker: Killable = Embedded(port) if program is None else Mosquitto(program, folder, port)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()

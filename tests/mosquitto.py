"""A real mosquitto for tests. Loaded by pyproject.toml (`-p tests.mosquitto`)."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.ports import port_of


class Mosquitto:
    """A real mosquitto with Debian's defaults, its port on the loopback and its folder its own."""

    host = "127.0.0.1"

    def __init__(self, program: str, folder: Path, more: str = "") -> None:
        """`more` are further lines of its configuration."""
        self._more = more
        self._program, self.folder = program, folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port_of(self)

    def start(self) -> None:
        """Start (again) on the same port and folder; return when it accepts connections."""
        config = self.folder / "mosquitto.conf"
        config.write_text(
            # As Debian's mosquitto.conf; beside a listener of one's own, strangers must be let in.
            "persistence true\n"
            f"persistence_location {self.folder}/\n"
            f"log_dest file {self.folder}/mosquitto.log\n"
            f"listener {self.port} {self.host}\n"
            "allow_anonymous true\n"
            + self._more
            + ("user root\n" if os.geteuid() == 0 else ""),  # the folder is root's then
            "utf-8",
        )
        with (self.folder / "errors.log").open("ab") as errors:
            self._process = subprocess.Popen([self._program, "-c", str(config)], stderr=errors)
        self.wait_for(self.port)

    def wait_for(self, port: int) -> None:
        """Wait until it listens there."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection((self.host, port), 1).close()
            except ConnectionRefusedError:
                assert time.monotonic() < end, "mosquitto does not listen"
                assert self._process is not None
                assert self._process.poll() is None, (self.folder / "errors.log").read_text()
            else:
                return

    def kill(self) -> None:
        """SIGKILL: nothing is written on the way out."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: it writes its database and ends."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None


def installed() -> str:
    """Return mosquitto's path, or skip the test."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed")
    return program


@pytest.fixture
def mosquitto(tmp_path_factory):
    """A running mosquitto: `.host`, `.port`, `.kill()`, `.start()`, `.stop()`."""
    broker = Mosquitto(installed(), tmp_path_factory.mktemp("mosquitto"))
    broker.start()
    yield broker
    broker.stop()

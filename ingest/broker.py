"""The embedded broker: an MQTT broker in a process of its own, for the demo, a replay and tests.

What it is not: it speaks MQTT 3.1.1 only, and says so to a client of MQTT 5; it keeps nothing over
a restart; what a subscriber has not acknowledged within 5 s is dropped and never sent again; it
grants `$share/` subscriptions and then delivers nothing to them. A district runs a real broker.
None of this loses a reading, because a gateway deletes on the hub's receipt alone
(docs/why/receipts.md).

It listens on this machine's loopback and nowhere else. With ADHERE_BROKER_PASSWORD set, a client
must name that password (and ADHERE_BROKER_USERNAME, if set); without it every program of this
machine may connect. `EmbeddedBroker` always makes a password.

Run by hand: `python -m ingest.broker --port 1883`.
"""

import argparse
import asyncio
import contextlib
import hmac
import json
import logging
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from config.errors import Misconfigured, Unavailable
from config.language import _

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the library's own; nothing to do here
    from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
    from amqtt.broker import Broker
    from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
    from amqtt.plugins.base import BaseAuthPlugin

if TYPE_CHECKING:
    from amqtt.session import Session

LOOPBACK = "127.0.0.1"
LISTENER = "default"
CONNECT, MQTT_3_1_1 = 0x10, 4
LONGEST_FIXED_HEADER, LONGEST_PROTOCOL_NAME = 5, 6
UNACCEPTABLE_VERSION = bytes((0x20, 2, 0, 1))
"""A CONNACK (MQTT 3.1.1, 3.2): the server does not support that level of the protocol."""
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
SHUTDOWN_S = 2.0
EXIT_MISCONFIGURED = 2


class Replayed(StreamReaderAdapter):  # type: ignore[misc]  # no types there
    """A reader whose first bytes have been read already."""

    def __init__(self, first: bytes, reader: asyncio.StreamReader) -> None:
        """Give `first`, then what the reader gives."""
        super().__init__(reader)
        self._first = first

    async def read(self, n: int = -1) -> bytes:
        """Return `n` bytes, or all until the end."""
        taken, self._first = (self._first, b"") if n < 0 else (self._first[:n], self._first[n:])
        if n < 0:
            return taken + bytes(await super().read(n))
        return taken + bytes(await super().read(n - len(taken)) if len(taken) < n else b"")


async def first_word(reader: asyncio.StreamReader) -> tuple[bytes, int | None]:
    """Return the beginning of a client's first packet, and the level of MQTT that it speaks.

    None: it is no CONNECT; that is for the library to judge.
    """
    first = await reader.readexactly(2)
    while first[-1] & 0x80 and len(first) < LONGEST_FIXED_HEADER:
        first += await reader.readexactly(1)
    name = await reader.readexactly(2)
    if first[0] != CONNECT or int.from_bytes(name) > LONGEST_PROTOCOL_NAME:
        return first + name, None
    rest = await reader.readexactly(int.from_bytes(name) + 1)
    return first + name + rest, rest[-1]


class OneAccount(BaseAuthPlugin):  # type: ignore[misc]  # no types there
    """Lets in who names the one account, or everybody where no password is set."""

    @dataclass
    class Config:
        """The account; an empty password stands for none."""

        username: str = ""
        password: str = ""

    async def authenticate(self, *, session: "Session") -> bool:
        """Compare in constant time."""
        if not self.config.password:
            return True
        name = hmac.compare_digest((session.username or "").encode(), self.config.username.encode())
        word = hmac.compare_digest((session.password or "").encode(), self.config.password.encode())
        return word and (name or not self.config.username)


async def serve(sock: socket.socket, username: str, password: str, stop: asyncio.Event) -> None:
    """Serve MQTT on the listening socket `sock` until `stop` is set."""
    account = {"username": username, "password": password}
    broker = Broker(
        BrokerConfig(
            listeners={LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)},
            plugins={f"{OneAccount.__module__}.{OneAccount.__qualname__}": account},
        )
    )
    await broker.start()

    writers: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                first, level = await first_word(reader)
                if level is not None and level > MQTT_3_1_1:
                    # The library would read on for ever, for what follows is laid out otherwise.
                    writer.write(UNACCEPTABLE_VERSION)
                    await writer.drain()
                    return
                await broker.external_connected(
                    Replayed(first, reader), StreamWriterAdapter(writer), LISTENER
                )
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(connected, sock=sock)
    print(json.dumps({"host": LOOPBACK, "port": sock.getsockname()[1]}), flush=True)  # noqa: T201 - the ready signal is this process's output
    await stop.wait()
    server.close()
    for writer in tuple(writers):
        writer.close()  # else it waits for ever for one that has not yet said who it is
    # Not cancelled when its time is over: it need not listen to that, and the process ends anyway.
    await asyncio.wait({asyncio.create_task(broker.shutdown())}, timeout=SHUTDOWN_S)


async def _run(sock: socket.socket, environ: Mapping[str, str], *, with_parent: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if with_parent:
        # The parent holds our standard input open; however it ends, even by SIGKILL, so do we.
        loop.add_reader(sys.stdin.fileno(), stop.set)
    await serve(
        sock,
        environ.get("ADHERE_BROKER_USERNAME", ""),
        environ.get("ADHERE_BROKER_PASSWORD", ""),
        stop,
    )


def main() -> None:
    """Run the broker until SIGTERM, SIGINT or, with --with-parent, until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m ingest.broker", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args()
    for library in ("amqtt", "transitions", "asyncio"):
        # It logs an error for each slow subscriber and each client that went away.
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        sock = _listening(arguments.port)
    except Misconfigured as error:
        parser.exit(EXIT_MISCONFIGURED, f"{error}\n")
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_run(sock, os.environ, with_parent=arguments.with_parent))
    # Nothing is kept, so leave at once: the library's tasks need not let themselves be cancelled.
    os._exit(0)


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((LOOPBACK, port), backlog=256)
    except OSError as error:
        raise Misconfigured(
            _("cannot listen on %(host)s:%(port)d (%(why)s); choose another port")
            % {"host": LOOPBACK, "port": port, "why": os.strerror(error.errno or 0)}
        ) from error


class EmbeddedBroker:
    """Starts and stops the broker as a subprocess; usable as a context manager.

    A random account is made for each one. The broker ends with the process that started it.
    """

    def __init__(self, port: int = 0) -> None:
        """Prepare a broker on `port` of the loopback; 0 takes a free port at the first start."""
        self.host, self.port = LOOPBACK, port
        self.username, self.password = "adhere", secrets.token_urlsafe(16)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> Self:
        """Start and return when it accepts connections; a restart keeps port and account."""
        if self.pid is not None:
            return self
        account = {
            "ADHERE_BROKER_USERNAME": self.username,
            "ADHERE_BROKER_PASSWORD": self.password,
        }
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "ingest.broker", "--with-parent", "--port", str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | account,
            start_new_session=True,  # Ctrl-C is for the parent; it stops us in its own order
        )
        self.port = int(json.loads(self._first_line(self._process))["port"])
        return self

    def _first_line(self, process: "subprocess.Popen[bytes]") -> bytes:
        stdout = process.stdout
        if stdout is None:
            raise Unavailable("the broker's output is not open")
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            line = stdout.readline() if selector.select(START_TIMEOUT_S) else b""
        if not line:
            process.kill()
            code = process.wait()
            self._forget()
            if code == EXIT_MISCONFIGURED:
                raise Misconfigured(
                    _("the embedded broker cannot use port %(port)d: choose another")
                    % {"port": self.port}
                )
            raise Unavailable(
                _("the embedded broker did not start (exit code %(code)d)") % {"code": code}
            )
        return line

    def stop(self) -> None:
        """Stop in order; kill what does not stop."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._forget()

    def kill(self) -> None:
        """SIGKILL: what a power cut is to the broker."""
        if self._process is not None:
            self._process.kill()
            self._forget()

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()


if __name__ == "__main__":
    main()

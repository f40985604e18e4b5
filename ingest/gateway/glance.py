"""A look into the gateway that runs: a socket in its data folder, for its own account alone.

Whoever connects is given one JSON object, and the connection ends: the status, and every band with
how it is heard. No pulse is in it, nor any other value that a band says of its wearer; those stand
on the on-site page, where those concerned can see who looks. Nothing is read from the socket, so
nothing can be done by it.
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

SOCKET = "glance.sock"
WAIT_S = 5.0
MAX_BYTES = 4 * 2**20


@asynccontextmanager
async def showing(folder: Path, look: Callable[[], Mapping[str, object]]) -> AsyncIterator[None]:
    """Answer with `look()` until the end of the body. Raises OSError where no socket can be."""
    with _short(folder) as path:
        path.unlink(missing_ok=True)  # of a gateway that was killed; the spool's lock keeps us one
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            listener.bind(str(path))
            path.chmod(0o600)
        except BaseException:
            listener.close()
            raise

        async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, TimeoutError):
                writer.write(json.dumps(look()).encode())
                async with asyncio.timeout(WAIT_S):
                    await writer.drain()
            writer.close()

        async with await asyncio.start_unix_server(answer, sock=listener):
            try:
                yield
            finally:
                path.unlink(missing_ok=True)


def glance(folder: Path) -> Mapping[str, object] | None:
    """Return what the gateway that runs there shows; None: none runs.

    Raises OSError where it may not be asked by this account, or does not answer.
    """
    with _short(folder) as path, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(WAIT_S)
        try:
            asking.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        parts: list[bytes] = []
        while len(parts) * 65_536 < MAX_BYTES and (part := asking.recv(65_536)):
            parts.append(part)
    said = json.loads(b"".join(parts) or b"null")
    return said if isinstance(said, dict) else None


@contextlib.contextmanager
def _short(folder: Path) -> Iterator[Path]:
    """Give a name of the socket that is short enough: a socket's address holds 107 bytes."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{handle}") / SOCKET
    finally:
        os.close(handle)

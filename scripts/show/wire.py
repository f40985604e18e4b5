"""The network between one box and the broker: a forwarder that can be cut and mended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ingest.broker import LOOPBACK

BLOCK_BYTES = 65_536


@dataclass
class Wire:
    """One way to a server; everything on it breaks when it is cut, and it takes nothing then."""

    host: str
    port: int
    """Of the server behind it."""
    is_cut: bool = False
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _carrying: set[asyncio.Task[None]] = field(default_factory=set)

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        self.is_cut = True
        for writer in tuple(self._open):
            writer.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self.is_cut = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        await asyncio.wait({task})

    async def ended(self) -> None:
        """Cut, and wait until nothing is carried any more."""
        self.cut()
        if self._carrying:
            await asyncio.wait(self._carrying)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            async with self._held(writer):
                if self.is_cut:
                    return
                there, back = await asyncio.open_connection(self.host, self.port)
                async with self._held(back):
                    await asyncio.gather(_pump(reader, back), _pump(there, writer))

    @asynccontextmanager
    async def _held(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        """Know of an end while it is open; it is closed for good afterwards."""
        self._open.add(writer)
        try:
            yield
        finally:
            self._open.discard(writer)
            writer.close()
            await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(BLOCK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def wire_to(host: str, port: int, *, here: int) -> AsyncIterator[Wire]:
    """Forward port `here` of the loopback to a server as long as the block runs."""
    wire = Wire(host, port)
    server = await asyncio.start_server(wire.carry, LOOPBACK, here)
    try:
        yield wire
    finally:
        server.close()
        await wire.ended()

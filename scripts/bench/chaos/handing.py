"""Handing over: the observer's side of a socket that the gateway's source asks for readings.

The observer is never killed. A piece that was asked for again, because the gateway died before it
was on its disk, is handed over again as it was. The first thing a gateway asks for after a start
says what it has on its disk: to fall behind that later is to have lost what it had acknowledged.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from scripts.bench.chaos.ledger import Ledger, Piece

MAX_LINE_BYTES = 2**20


class Handing:
    """Hands out the pieces of a ledger, in order, one in `every_s` at most."""

    def __init__(self, ledger: Ledger, every_s: float) -> None:
        self.ledger = ledger
        self.acknowledged = 0
        """Pieces that a gateway, newly started, said were on its disk."""
        self.went_back: list[tuple[int, int]] = []
        """(acknowledged before, said now) where a spool knew less than it had said."""
        self.is_over = False
        """No more pieces are made."""
        self._every_s, self._due_mono_s = every_s, 0.0
        self._talks: set[asyncio.Task[None]] = set()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one gateway until its connection ends."""
        task = asyncio.ensure_future(self._talk(reader, writer))
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        await asyncio.wait({task})

    async def ended(self) -> None:
        """Serve nobody any more."""
        for task in self._talks:
            task.cancel()
        if self._talks:
            await asyncio.wait(self._talks)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_first = True
        while line := await reader.readline():
            after = int(json.loads(line)["after"])
            if is_first:
                self._is_on_disk(after)
            is_first = False
            if after < len(self.ledger.pieces):
                piece = self.ledger.pieces[after]
            elif (made := await self._made(reader, writer)) is not None:
                piece = made
            else:
                writer.write(b'{"end": true}\n')
                continue
            writer.write(_line(piece))
            await writer.drain()

    def _is_on_disk(self, pieces: int) -> None:
        if pieces < self.acknowledged:
            self.went_back.append((self.acknowledged, pieces))
        self.acknowledged = pieces

    async def _made(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Piece | None:
        """Wait until the next is due, ask the box what time it has, and write the piece down."""
        now_s = time.monotonic()
        self._due_mono_s = max(self._due_mono_s, now_s)
        await asyncio.sleep(self._due_mono_s - now_s)
        self._due_mono_s += self._every_s
        if self.is_over:
            return None
        writer.write(b'{"now": true}\n')
        line = await reader.readline()
        if not line:
            raise ConnectionResetError
        now_utc_ms = time.time_ns() // 10**6
        ahead_ms = int(json.loads(line)["utc_ms"]) - now_utc_ms
        return self.ledger.make(now_utc_ms, ahead_ms)


def _line(piece: Piece) -> bytes:
    said = {
        "piece": piece.number,
        "lane": piece.lane,
        "by_box_clock": piece.is_by_box_clock,
        "readings": [
            [r.device_key, r.quantity, r.number, r.at_utc_ms, r.span_ms, r.flags, r.device_ts_ms]
            for r in piece.readings
        ],
    }
    return json.dumps(said).encode() + b"\n"


@asynccontextmanager
async def handing_out(handing: Handing, socket_path: Path) -> AsyncIterator[None]:
    """Listen as long as the block runs."""
    server = await asyncio.start_unix_server(handing.talk, socket_path, limit=MAX_LINE_BYTES)
    try:
        yield
    finally:
        server.close()
        await handing.ended()

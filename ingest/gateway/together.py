"""Several sources as one: what any of them hears, in the order in which it is heard."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence

from ingest.gateway.heard import Heard, Source

MOST_HELD = 4
"""Flushes: beyond, a source is made to wait for whoever takes them."""


def together(sources: Sequence[Source]) -> Source:
    """Return one source of several; it ends when all have ended, and fails when one fails.

    Each is given the whole cursor, and names what it stores there by names of its own. What a
    source says last when it is stopped is handed on too.
    """
    if len(sources) == 1:
        return sources[0]

    async def source(cursor: Mapping[str, str]) -> AsyncGenerator[Heard]:
        handed = _Handed()
        running = asyncio.create_task(_all(sources, cursor, handed))
        running.add_done_callback(lambda _: handed.came.set())
        try:
            async for heard in handed.until_over(running):
                yield heard
        except asyncio.CancelledError:
            running.cancel()
            async for heard in handed.until_over(running):
                yield heard
            raise
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    return source


class _Handed:
    """What was heard and not yet taken: nothing is in between where it could be lost."""

    def __init__(self) -> None:
        self._held: deque[Heard] = deque()
        self.came, self._room = asyncio.Event(), asyncio.Event()

    async def put(self, heard: Heard) -> None:
        self._held.append(heard)
        self.came.set()
        while len(self._held) > MOST_HELD:
            self._room.clear()
            await self._room.wait()

    async def until_over(self, running: asyncio.Task[None]) -> AsyncGenerator[Heard]:
        while True:
            while self._held:
                heard = self._held.popleft()
                self._room.set()
                yield heard
            if running.done():
                return
            self.came.clear()
            await self.came.wait()


async def _all(sources: Sequence[Source], cursor: Mapping[str, str], handed: _Handed) -> None:
    async def hear(one: Source) -> None:
        async with contextlib.aclosing(one(cursor)) as hearing:
            async for heard in hearing:
                await handed.put(heard)

    async with asyncio.TaskGroup() as group:
        for one in sources:
            group.create_task(hear(one))

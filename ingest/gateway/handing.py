"""From a source to whoever takes what it heard: nothing is in between where it could be lost.

Who hands over waits while much is held already, but only once it is held: to be stopped while one
waits loses nothing. And who was stopped waits for no room: what a source says last is held too,
though nobody may be left to take it, and all can end.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Self

from ingest.gateway.heard import Heard


class Held:
    """What was heard and not yet taken, in order. It belongs to the event loop's thread."""

    def __init__(self, most: int) -> None:
        """Beyond `most` flushes a source is made to wait, where it can."""
        self._most = most
        self._queue: asyncio.Queue[Heard | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self.readings = 0
        """Handed over, and not done with."""

    def put(self, heard: Heard) -> None:
        """Hold it, at once."""
        self.readings += len(heard.readings)
        self._queue.put_nowait(heard)

    async def room(self) -> None:
        """Wait until there is room for more."""
        while self._queue.qsize() > self._most:
            self._room.clear()
            await self._room.wait()

    def end(self) -> None:
        """Say that nothing more comes."""
        self._queue.put_nowait(None)

    async def take(self) -> Heard:
        """Return the oldest; call `done` with it. Raises StopAsyncIteration at the end."""
        heard = await self._queue.get()
        self._room.set()
        if heard is None:
            raise StopAsyncIteration
        return heard

    def done(self, heard: Heard) -> None:
        """Let go of what was taken."""
        self.readings -= len(heard.readings)
        self._queue.task_done()

    async def join(self) -> None:
        """Wait until all that was handed over is done with."""
        await self._queue.join()

    def __aiter__(self) -> Self:
        """Return itself: it is gone through once."""
        return self

    async def __anext__(self) -> Heard:
        """Return the oldest, done with."""
        heard = await self.take()
        self.done(heard)
        return heard


async def hand_over(source: AsyncGenerator[Heard], held: Held) -> None:
    """Hand over what a source gives until it ends; when cancelled, also what it says last."""
    async with contextlib.aclosing(source) as hearing:
        stopped: asyncio.CancelledError | None = None
        while True:
            try:
                heard = await (anext(hearing) if stopped is None else hearing.athrow(stopped))
            except StopAsyncIteration:
                break
            stopped = None
            held.put(heard)
            if not _is_stopped():
                try:
                    await held.room()
                except asyncio.CancelledError as error:
                    stopped = error  # the source has not heard of it, and has something to say
    if _is_stopped():
        raise asyncio.CancelledError


def _is_stopped() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

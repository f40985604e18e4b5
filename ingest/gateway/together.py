"""Several sources as one: what any of them hears, in the order in which it is heard."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence

from ingest.gateway.handing import Held, hand_over
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
        held = Held(MOST_HELD)
        running = asyncio.create_task(_all(sources, cursor, held))
        running.add_done_callback(lambda _: held.end())
        try:
            async for heard in held:
                yield heard
        except asyncio.CancelledError:
            running.cancel()
            async for heard in held:
                yield heard
            raise
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    return source


async def _all(sources: Sequence[Source], cursor: Mapping[str, str], held: Held) -> None:
    async with asyncio.TaskGroup() as group:
        for one in sources:
            group.create_task(hand_over(one(cursor), held))

"""Work that ends when a person stops it, and when something it stands on ends."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from scripts.replay.guard import first_of, while_lives

Result = TypeVar("Result")
Watch = Callable[[], Coroutine[Any, Any, None]]


class Interrupted(Exception):
    """A person stopped it."""


class Minding:
    """Does work as long as `stop` is not set and every watch is quiet."""

    def __init__(self, stop: asyncio.Event, watches: tuple[Watch, ...]) -> None:
        self._stop, self._watches = stop, watches

    def also(self, *watches: Watch) -> "Minding":
        """Return one that minds these too."""
        return Minding(self._stop, self._watches + watches)

    async def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do it; raise Interrupted on a stop, Unavailable where something it stands on ends."""
        try:
            return await while_lives(
                work, *(watch() for watch in self._watches), self._interrupted()
            )
        except BaseExceptionGroup as group:
            raise first_of(group) from group

    async def _interrupted(self) -> None:
        await self._stop.wait()
        raise Interrupted

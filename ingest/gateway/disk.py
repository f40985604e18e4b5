"""The spool's thread: SQLite waits for the disk there, and the event loop does not."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ingest.batch.topics import Lane
from ingest.gateway.spool import Spool

Result = TypeVar("Result")


class Disk:
    """One spool, reached by one thread, one call after the other."""

    def __init__(self, spool: Spool, thread: ThreadPoolExecutor) -> None:
        """Take the spool over; nobody else may touch it."""
        self._spool, self._thread = spool, thread
        self.seconds: dict[str, float] = {}
        """Of the processor, spent in the spool's thread, by part of the work."""

    @property
    def boot(self) -> bytes:
        """The 16 bytes that name the spool in its batches; they never change."""
        return self._spool.boot

    @property
    def counters(self) -> Mapping[str, int]:
        """The spool's counters: one unchanging mapping after the other, so any thread may look."""
        return self._spool.counters

    @property
    def unsettled_batches(self) -> int:
        """Batches that wait for the hub's word."""
        return self._spool.batches.unsettled

    @property
    def unsealed_readings(self) -> int:
        """Readings on disk that are in no batch yet."""
        count = self._spool.counters
        return count["stored"] - count["sealed"] - count["lost_unsealed"]

    @property
    def share_used(self) -> float:
        """How much of the quota was in use when something was last stored, 0 to 1."""
        return self._spool.share_used

    @property
    def has_ballast(self) -> bool:
        """Say whether there is room for deleting on a full disk."""
        return self._spool.has_ballast

    def unsealed(self, lane: Lane) -> int:
        """Count the chunks of a lane that wait to be sealed."""
        return self._spool.unsealed(lane)

    async def do(self, what: Callable[[Spool], Result], part: str = "settle") -> Result:
        """Run `what` on the spool. Once begun it is finished, even if the caller is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._timed, what, part
        )

    def _timed(self, what: Callable[[Spool], Result], part: str) -> Result:
        start = time.thread_time()
        try:
            return what(self._spool)
        finally:
            spent = time.thread_time() - start
            self.seconds[part] = self.seconds.get(part, 0.0) + spent


@contextlib.asynccontextmanager
async def opened(open_spool: Callable[[], Spool]) -> AsyncIterator[Disk]:
    """Open the spool in a thread of its own; close it at the end, after all that was begun."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool") as thread:
        spool = await loop.run_in_executor(thread, open_spool)
        try:
            yield Disk(spool, thread)
        finally:
            await loop.run_in_executor(thread, spool.close)

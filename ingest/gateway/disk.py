"""The spool's thread: SQLite waits for the disk there, and the event loop does not.

A disk that fails costs the spool and nothing else: who is on site is guarded without one. The spool
is let go of and opened again by and by, which rebuilds it where it is damaged; whoever wants it in
between is told so at once, and holds what he has.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from config.errors import Misconfigured, Unavailable
from config.waiting import spread_s
from ingest.batch.topics import LANES, Lane
from ingest.gateway.spool import Spool
from ingest.gateway.spool_file import DISK_FAULTS, SpoolDamaged
from ingest.gateway.spool_ground import CannotStore
from ingest.gateway.spool_rows import COUNTERS

log = structlog.get_logger()

OPENS_SOON_S = 5.0
"""So long a start waits for the spool; a gigabyte that is rebuilt takes minutes."""
AGAIN_LEAST_S, AGAIN_MOST_S = 1.0, 60.0
"""Between two attempts to open it: each wait is twice the one before."""

NOTHING = dict.fromkeys(COUNTERS, 0)

Result = TypeVar("Result")
Step = Callable[[Spool], object]


class SpoolAway(CannotStore):
    """The disk has failed, and the spool is not open again yet."""


class Disk:
    """One spool, reached by one thread, one call after the other."""

    def __init__(self, open_spool: Callable[[], Spool], thread: ThreadPoolExecutor) -> None:
        """Take charge of the spool that `open_spool` opens; nobody else may touch it."""
        self._open_spool, self._thread = open_spool, thread
        self._loop = asyncio.get_running_loop()
        self._first: asyncio.Task[None] | None = None
        self._spool: Spool | None = None
        """The newest that was open: what it counted is known though it be closed."""
        self._lost = asyncio.Event()
        self._doing: tuple[Step, int] | None = None
        """What `once` has begun, and how many chunks the spool had then."""
        self._done: set[Step] = set()
        self.is_open = False
        self.was_waiting = False
        """Chunks that nobody had sealed were in the spool when it was opened."""
        self.faults = 0
        """How often the disk failed under the open spool."""
        self.on_opened: Callable[[], None] = _nobody
        self.seconds: dict[str, float] = {}
        """Of the processor, spent in the spool's thread, by part of the work."""

    @property
    def boot(self) -> bytes:
        """The 16 bytes that name the spool in its batches; none while it never was open."""
        return b"" if self._spool is None else self._spool.boot

    @property
    def counters(self) -> Mapping[str, int]:
        """The spool's counters: one unchanging mapping after the other, so any thread may look."""
        return NOTHING if self._spool is None else self._spool.counters

    @property
    def unsettled_batches(self) -> int:
        """Batches that wait for the hub's word."""
        return 0 if self._spool is None else self._spool.batches.unsettled

    @property
    def unsealed_readings(self) -> int:
        """Readings on disk that are in no batch yet."""
        count = self.counters
        return count["stored"] - count["sealed"] - count["lost_unsealed"]

    @property
    def share_used(self) -> float:
        """How much of the quota was in use when something was last stored, 0 to 1."""
        return 0.0 if self._spool is None else self._spool.share_used

    @property
    def has_ballast(self) -> bool:
        """Say whether there is room for deleting on a full disk."""
        return self._spool is not None and self._spool.has_ballast

    def unsealed(self, lane: Lane) -> int:
        """Count the chunks of a lane that wait to be sealed."""
        return 0 if self._spool is None else self._spool.unsealed(lane)

    async def do(self, what: Callable[[Spool], Result], part: str = "settle") -> Result:
        """Run `what` on the spool. Once begun it is finished, even if the caller is cancelled.

        Raises SpoolAway, at once, while the spool is not open, and where the disk fails on the way.
        """
        if not self.is_open:
            raise SpoolAway("the spool is not open: the disk fails")
        return await self._loop.run_in_executor(self._thread, self._timed, what, part)

    async def once(self, what: Step, part: str) -> None:
        """As `do`; asked for the same `what` again after SpoolAway, it does not do it twice.

        A commit that failed may be on disk all the same. `what` must add a chunk, to be noticed.
        """

        def unless_done(spool: Spool) -> None:
            if what in self._done:
                self._done.remove(what)
                return
            self._doing = (what, spool.chunks_heard)
            what(spool)
            self._doing = None

        await self.do(unless_done, part)

    async def keep_open(self) -> None:
        """Open the spool again whenever the disk has failed under it. Until cancelled.

        Raises Misconfigured where it cannot be opened at all: it is another box's, say.
        """
        wait_s, opened_s = AGAIN_LEAST_S, 0.0
        opening = self._first or self._opened()
        while True:
            try:
                await opening
            except (Unavailable, Misconfigured) as error:
                if isinstance(error, Misconfigured) and self._spool is None:
                    raise
                # What to do: look why (dmesg), see to the disk. It is tried again.
                log.error("spool_away", why=str(error))  # noqa: TRY400 - foreseen
            else:
                opened_s = time.monotonic()
                self.on_opened()
                await self._lost.wait()
                self._lost.clear()
                if time.monotonic() - opened_s > AGAIN_MOST_S:
                    wait_s = AGAIN_LEAST_S
            await asyncio.sleep(spread_s(wait_s))
            wait_s = min(2 * wait_s, AGAIN_MOST_S)
            opening = self._opened()

    async def first_attempt(self, wait_s: float | None) -> None:
        """Begin to open it, and wait for that so long; with None, it must open."""
        first = self._first = asyncio.create_task(self._opened())
        await asyncio.wait({first}, timeout=wait_s)
        if not first.done():
            log.warning("spool_opens_slowly")
        elif wait_s is None or not isinstance(first.exception(), Unavailable):
            first.result()

    def close(self) -> None:
        """Close the spool, if it is open; in its thread."""
        self.is_open = False
        if self._spool is not None:
            self._spool.close()

    async def _opened(self) -> None:
        await self._loop.run_in_executor(self._thread, self._open)

    def _open(self) -> None:
        spool = self._open_spool()
        if self._doing is not None:
            begun, chunks_before = self._doing
            self._doing = None
            if spool.chunks_heard > chunks_before:
                self._done.add(begun)
        self.was_waiting = any(map(spool.unsealed, LANES))
        self._spool, self.is_open = spool, True

    def _timed(self, what: Callable[[Spool], Result], part: str) -> Result:
        spool = self._spool
        if spool is None or not self.is_open:
            raise SpoolAway("the spool is not open: the disk fails")
        start = time.thread_time()
        try:
            return what(spool)
        except (SpoolDamaged, *DISK_FAULTS) as error:
            self.close()
            self.faults += 1
            self._loop.call_soon_threadsafe(self._lost.set)
            log.error("disk_fails", what=part, why=str(error))  # noqa: TRY400 - foreseen
            raise SpoolAway(f"the disk failed: {error}") from error
        finally:
            spent = time.thread_time() - start
            self.seconds[part] = self.seconds.get(part, 0.0) + spent


@contextlib.asynccontextmanager
async def opened(
    open_spool: Callable[[], Spool], *, wait_s: float | None = None
) -> AsyncIterator[Disk]:
    """Open the spool in a thread of its own; close it at the end, after all that was begun.

    With `wait_s` it is gone on after so long although the spool be not open, or cannot be: see
    `Disk.keep_open`. Raises Misconfigured, and without `wait_s` Unavailable.
    """
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool") as thread:
        disk = Disk(open_spool, thread)
        try:
            await disk.first_attempt(wait_s)
            yield disk
        finally:
            await loop.run_in_executor(thread, disk.close)


def _nobody() -> None:
    """Tell nobody."""

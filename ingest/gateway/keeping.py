"""From what is heard to the disk, in order; nothing waits in memory but a few flushes."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

import structlog

from config.errors import Unavailable
from ingest.batch.columns import Chunk
from ingest.batch.reading import Reading
from ingest.gateway.ages import Ages
from ingest.gateway.clock import Clock, Part, Stamp
from ingest.gateway.disk import Disk
from ingest.gateway.handing import Held, hand_over
from ingest.gateway.heard import Heard
from ingest.gateway.spool import Spool
from ingest.gateway.spool_ground import CannotStore, SpoolFull

log = structlog.get_logger()

HEARD_AHEAD = 4
"""Flushes held in memory while the disk writes: a source that can wait is made to."""
PUT_AWAY_S = 30.0
"""A slow disk is waited for; systemd waits for a minute in all."""
FULL_AGAIN_S = 0.5


class Keeper:
    """Takes what the source gives, and has it on disk."""

    def __init__(self, gateway: str, spool: Disk, clock: Clock) -> None:
        """Keep for the gateway of that name; times of its own are stamped by `clock`."""
        self._gateway, self._spool, self._clock = gateway, spool, clock
        self._heard = Held(HEARD_AHEAD)
        self.stored = asyncio.Event()
        """Something reached the disk, or the source ended."""
        self.ended = False
        """The source has no more, and all it had is on disk."""
        self.times_full = 0
        self.has_unsure = False
        """Readings wait of which it may not be known when they were heard."""
        self.ages = Ages()
        self._has_room = True
        self.spool_opened()

    @property
    def can_store(self) -> bool:
        """Say whether what is heard reaches the disk; else it is held in memory for a while."""
        return self._has_room and self._spool.is_open

    def spool_opened(self) -> None:
        """Take up what waited in the spool; not what has come since, of which more is known."""
        self.has_unsure = self.has_unsure or self._spool.was_waiting
        self.stored.set()

    async def collect(
        self, source: AsyncGenerator[Heard], and_then: Callable[[], Awaitable[None]] | None
    ) -> None:
        """Hear; a source that can wait is made to wait while the disk is behind.

        `and_then`: what else must have ended before the source counts as ended.
        """
        await hand_over(source, self._heard)
        await self._heard.join()
        if and_then is not None:
            await and_then()
        log.info("source_ended", gateway=self._gateway)
        self.ended = True
        self.stored.set()

    async def record(self) -> None:
        """Put what is heard on disk, in order; while the spool is full, hold it and say so."""
        while True:
            heard = await self._heard.take()
            await self.keep(heard)
            self._heard.done(heard)

    async def keep(self, heard: Heard) -> None:
        """Return once it is on disk."""
        parts: Sequence[Part] = [(heard.readings, None)]
        if heard.by_box_clock and len(heard.readings):
            parts = self._clock.stamped(heard.readings)
        for number, part in enumerate(parts, start=1):
            # Where the source stands is stored with the last of what it gave.
            end = heard if number == len(parts) else Heard([], heard.lane)
            await self._store(end, *part)
        self.stored.set()

    async def hold(self, why: CannotStore) -> None:
        """Wait a moment for room, or for the disk; say that the spool is full.

        What to do: make the uplink work, or the quota larger, or room on the disk.
        """
        if isinstance(why, SpoolFull):
            self.times_full += 1
            log.error("spool_full", gateway=self._gateway)
        await asyncio.sleep(FULL_AGAIN_S)

    async def put_away(self) -> None:
        """Wait until all that was heard is on disk. Raises Unavailable where that does not end."""
        try:
            async with asyncio.timeout(PUT_AWAY_S):
                await self._heard.join()
        except TimeoutError as error:
            log.error("heard_not_stored", readings=self._heard.readings)  # noqa: TRY400 - foreseen
            raise Unavailable("what was heard last could not be stored before the end") from error

    async def cursor(self) -> Mapping[str, str]:
        """Return where the sources stand, once the spool can say so."""
        while True:
            try:
                return await self._spool.do(lambda spool: spool.cursor)
            except CannotStore as error:
                await self.hold(error)

    async def _store(
        self, heard: Heard, readings: Sequence[Reading] | Chunk, stamp: Stamp | None
    ) -> None:
        def append(spool: Spool) -> None:
            spool.append(readings, lane=heard.lane, cursor=heard.cursor, bad=heard.bad, stamp=stamp)

        while True:
            try:
                await self._spool.once(append, "store")
            except CannotStore as error:
                self._has_room = False
                await self.hold(error)
            else:
                break
        self._has_room = True
        self.has_unsure = self.has_unsure or (stamp is not None and not stamp.known)
        if heard.lane == "live" and not isinstance(readings, Chunk):
            self.ages.stored(readings)

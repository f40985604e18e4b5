"""When chunks become batches: live ones soon, history in large ones, unknown times not yet."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial

from ingest.batch.topics import LANES, Lane
from ingest.gateway.batches import Draft, Sealed
from ingest.gateway.clock import Clock
from ingest.gateway.disk import Disk
from ingest.gateway.keeping import Keeper
from ingest.gateway.sealing import MANY_READINGS, SealPolicy, TakenBytes
from ingest.gateway.spool import Spool
from ingest.gateway.spool_ground import CannotStore
from ingest.gateway.uplink import Uplink

SEAL_LOOK_S = 0.25
TIME_AWAITED_S = 20.0
"""A connected box that has not been told the time by then has a hub that only says it in receipts:
one batch goes, with its times marked as they are, to earn one."""
MARKED_EVERY_S = 60.0
HELD_SHARE = 0.5
"""Of the quota: beyond it readings of an unknown time are sealed, marked, to take less room."""


class SealTurns:
    """Seals what the keeper has stored, as the policy says, for the uplink to send."""

    def __init__(
        self,
        spool: Disk,
        keeper: Keeper,
        uplink: Uplink,
        clock: Clock,
        policy: SealPolicy,
        make: Callable[[Draft], Sealed],
        taken: TakenBytes,
    ) -> None:
        """Begin with nothing due; `make` turns a draft into a batch, of `taken` bytes at most."""
        self._spool, self._keeper, self._uplink, self._clock = spool, keeper, uplink, clock
        self._policy, self._make, self._taken = policy, make, taken
        self.all_sealed = asyncio.Event()
        """The source has ended, and nothing is left that is in no batch."""
        self._since: dict[Lane, float] = {}
        """By lane, since when chunks have waited (monotonic)."""
        self._owed: dict[Lane, int] = {}
        """By lane, how many chunks were due and did not fit into the last batch."""
        self._marked_mono_s = 0.0
        """When a batch was last sealed although it was not known what time it is."""

    async def run(self) -> None:
        """Seal until cancelled."""
        while True:
            self._keeper.stored.clear()
            # One batch at a time, and each time live ones first: history never holds them up.
            while lane := next(filter(self._is_due, LANES), None):
                await self._seal(lane)
            if self._keeper.ended and not any(map(self._spool.unsealed, LANES)):
                self.all_sealed.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SEAL_LOOK_S if self._since else None):
                    await self._keeper.stored.wait()

    async def _seal(self, lane: Lane) -> None:
        before = self._spool.unsealed(lane)
        one_batch = partial(
            Spool.seal,
            lane=lane,
            max_chunks=self._policy.most(lane),
            max_bytes=None if self._policy.is_fixed else self._taken.bytes,
            make=self._make,
            shift_ms=self._clock.shift_ms,
        )
        try:
            await self._spool.do(one_batch, "seal")
        except CannotStore as error:
            await self._keeper.hold(error)
            return
        if not self._policy.is_fixed:
            # What was due with it and did not fit is due now.
            owed = self._owed.pop(lane, before) - (before - self._spool.unsealed(lane))
            if owed > 0:
                self._owed[lane] = owed
        self._since.pop(lane, None)
        self._uplink.wake()

    def _is_due(self, lane: Lane) -> bool:
        chunks = self._spool.unsealed(lane)
        if not chunks:
            self._since.pop(lane, None)
            self._owed.pop(lane, None)
            return False
        now = time.monotonic()
        waits_s = now - self._since.setdefault(lane, now)
        if self._is_held(now):
            return False
        after_s = self._policy.after_s(lane, self._uplink.slow_s())
        enough = chunks >= self._policy.enough(lane)
        if not self._policy.is_fixed:
            enough = enough or self._spool.unsealed_readings >= MANY_READINGS
        late = after_s is not None and waits_s >= after_s
        return self._keeper.ended or enough or late or lane in self._owed

    def _is_held(self, now: float) -> bool:
        """Say whether nothing is sealed now, because it may soon be known what time it was."""
        if not self._keeper.has_unsure:
            return False
        if self._clock.knows_time():
            self._keeper.has_unsure = False
            return False
        if self._spool.share_used > HELD_SHARE:
            return False
        connected_s = self._uplink.connected_for_s()
        if connected_s < TIME_AWAITED_S or now - self._marked_mono_s < MARKED_EVERY_S:
            return True
        self._marked_mono_s = now
        return False

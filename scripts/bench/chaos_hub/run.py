"""A chaos run of the district side: halls send, faults fall, and at the end the accounts balance.

Halls of bands send live batches and a history beside them, through a real broker into two hubs.
Every receipt is held against the database at once. After each fault it is measured how long it
takes until a batch first sent after its end has its receipt: then the service is back.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.errors import Unavailable
from config.language import _
from scripts.bench.chaos_hub.account import Account, ReceiptsChecked, Said, account_for
from scripts.bench.chaos_hub.faults import FAULTS, planned
from scripts.bench.chaos_hub.ground import Ground, ground_in, servers_in
from scripts.bench.live.halls import HallAtWork, Halls
from scripts.bench.live.said import S, Sealed, Spool
from scripts.bench.live.town import Hall, open_town
from scripts.replay.hub_process import hub_keys
from storage.database import connect
from storage.migrate import migrate

HALLS, BANDS = 8, 240
SEAL_AFTER_S = 0.5
HISTORY_EVERY_S, HISTORY_S = 1.0, 10
"""A hall sends a batch of so many seconds of its history this often."""
AGAIN_S = 3.0
CALM_S = (0.3, 2.5)
"""Between two faults, from the one to the other."""
BACK_S = 60.0
"""To reach: the service is back within this."""
DRAIN_S = 300.0
LOOK_S = 0.05
DAY_MS = 86_400 * S


@dataclass(frozen=True)
class Plan:
    """What is to be done."""

    faults: int
    seed: int
    workers: int = 2
    calm_s: tuple[float, float] = CALM_S


@dataclass(frozen=True)
class Outcome:
    """What was done, and what came of it."""

    plan: Plan
    broker: str
    done: Counter[str]
    seconds: float
    back_s: tuple[float, ...]
    """Per fault: until the service was back."""
    receipts_checked: int
    receipts_ahead: int
    unreceipted: int
    batches: int
    sent_again: int
    restarts: Counter[str]
    account: Account

    @property
    def differences(self) -> list[str]:
        """Return what does not hold, by name; empty where all does."""
        checks = {
            "lost": self.account.lost > 0,
            "doubled": self.account.doubled > 0,
            "changed": self.account.changed > 0,
            "dead_letters": self.account.dead_letters > 0,
            "receipts_ahead_of_commits": self.receipts_ahead > 0,
            "receipts_unchecked": self.receipts_checked != self.batches - self.unreceipted,
            "unreceipted": self.unreceipted > 0,
            "back_too_late": max(self.back_s, default=0) > BACK_S,
        }
        return [name for name, differs in checks.items() if differs]


@dataclass
class _Service:
    """Whether the service is back: told of faults and of receipts."""

    faults_s: list[float] = field(default_factory=list)
    """When those ended after which nothing was receipted yet."""
    back_s: list[float] = field(default_factory=list)
    first_sent_s: dict[bytes, float] = field(default_factory=dict)

    def receipted(self, batches: Sequence[Sealed]) -> None:
        """Close the faults that ended before one of these was first sent."""
        now_s = time.monotonic()
        newest_s = max(self.first_sent_s.pop(batch.name, 0.0) for batch in batches)
        self.back_s += [now_s - ended_s for ended_s in self.faults_s if ended_s < newest_s]
        self.faults_s = [ended_s for ended_s in self.faults_s if ended_s >= newest_s]


async def run(plan: Plan, folder: Path, progress: Callable[[str, float], None]) -> Outcome:
    """Do it in a new folder; raise Unavailable where the district side does not come to its end."""
    began_s = time.monotonic()
    with servers_in(folder) as (broker, disk, postgres):
        with connect(postgres.dsn, application="adhere bench") as conn:
            migrate(conn)
            halls = open_town(conn, BANDS, HALLS, hub_keys(folder / "hub"), lambda _done: None)
        async with ground_in(folder, broker, disk, postgres, plan.workers) as ground:
            with ReceiptsChecked(postgres.dsn) as checked:
                traffic = _Traffic(halls, ground, checked)
                done = await traffic.tormented(plan, progress)
            progress(_("Comparing"), 1)
            with connect(postgres.dsn, application="adhere bench") as conn:
                account = await asyncio.to_thread(account_for, conn, traffic.said)
            return Outcome(
                plan=plan,
                broker=broker.name,
                done=done,
                seconds=time.monotonic() - began_s,
                back_s=tuple(traffic.service.back_s),
                receipts_checked=checked.checked,
                receipts_ahead=checked.ahead,
                unreceipted=traffic.work.unreceipted(),
                batches=len(traffic.said),
                sent_again=traffic.work.sent_again,
                restarts=Counter({hub.name: hub.starts - 1 for hub in ground.hubs}),
                account=account,
            )


class _Traffic:
    """What the halls send, and a note of all of it."""

    def __init__(self, halls: list[Hall], ground: Ground, checked: ReceiptsChecked) -> None:
        self.said: list[Said] = []
        self.service = _Service()
        self._ground, self._checked = ground, checked
        self._stop = asyncio.Event()
        self.work = Halls(
            halls,
            ground.broker,
            ground.keys.public.signing,
            SEAL_AFTER_S,
            again_s=AGAIN_S,
            receipted=self._receipted,
        )
        for one in self.work.at_work.values():
            one.live = _NotedSpool(one.hall, said=self.said, service=self.service)

    async def tormented(self, plan: Plan, progress: Callable[[str, float], None]) -> Counter[str]:
        """Let faults fall on the traffic; return when all of it has its receipts."""
        chance = random.Random(plan.seed)  # noqa: S311 - seeded on purpose
        async with self.work:
            sending = asyncio.gather(
                self.work.live(self._stop),
                *(self._history(one) for one in self.work.at_work.values()),
            )
            try:
                done = await self._while_sending(plan, chance, progress)
                self._stop.set()
                progress(_("Waiting until the hub has answered for everything"), 1)
                await self._until(sending.done, DRAIN_S)
                await sending
            finally:
                sending.cancel()
                with suppress(asyncio.CancelledError):
                    await sending
        return done

    async def _while_sending(
        self, plan: Plan, chance: random.Random, progress: Callable[[str, float], None]
    ) -> Counter[str]:
        """Let the faults fall; return when the service is back after the last."""
        done: Counter[str] = Counter()
        self.work.begin_backlog()
        await self._until(lambda: self._checked.checked > 0, BACK_S)
        names = planned(plan.faults, self._ground, chance)
        for number, name in enumerate(names):
            progress(name, number / len(names))
            await asyncio.sleep(chance.uniform(*plan.calm_s))
            await FAULTS[name](self._ground, chance)
            self.service.faults_s.append(time.monotonic())
            done[name] += 1
            await self._ground.start_database_again()
            self._ground.require_hubs()
        await self._until(lambda: not self.service.faults_s, DRAIN_S)
        return done

    async def _history(self, one: HallAtWork) -> None:
        """Send a history that ended a day ago, a piece at a time."""
        spool = _NotedSpool(one.hall, said=self.said, service=self.service)
        begin_ms = time.time_ns() // 10**6 // DAY_MS * DAY_MS - 2 * DAY_MS
        while not self._stop.is_set():
            until_ms = begin_ms + HISTORY_S * S
            batch = spool.sealed(begin_ms, until_ms, time.time_ns() // 10**6, {})
            if batch is not None:
                self.work.offer(one, batch)
            begin_ms = until_ms
            await asyncio.sleep(HISTORY_EVERY_S)

    def _receipted(self, batches: Sequence[Sealed]) -> None:
        self.service.receipted(batches)
        self._checked.came(batches)

    async def _until(self, condition: Callable[[], bool], most_s: float) -> None:
        end_s = time.monotonic() + most_s
        while not condition():
            await asyncio.sleep(LOOK_S)
            await self._ground.start_database_again()
            self._ground.require_hubs()
            if time.monotonic() > end_s:
                raise Unavailable(_("the hub did not come back in time"))


@dataclass
class _NotedSpool(Spool):
    """A spool whose batches are written down."""

    said: list[Said] = field(kw_only=True)
    service: _Service = field(kw_only=True)

    def sealed(
        self, from_ms: int, until_ms: int, sealed_ms: int, hot: Mapping[int, int]
    ) -> Sealed | None:
        """Seal as usual, and take note."""
        made = super().sealed(from_ms, until_ms, sealed_ms, hot)
        if made is not None:
            self.said.append(Said(self.hall, from_ms, until_ms))
            self.service.first_sent_s[made.name] = time.monotonic()
        return made

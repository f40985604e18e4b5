"""A chaos run: readings flow, faults fall, and at the end the observer balances the accounts."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config.errors import Unavailable
from config.language import _
from ingest.batch.topics import LANES
from ingest.gateway.run import SPOOL_FILE
from scripts.bench.chaos import spool_said
from scripts.bench.chaos.chain import DISK_MB, Chain, chain_in
from scripts.bench.chaos.compare import Comparison, compare
from scripts.bench.chaos.faults import FAULTS, OTHERS, planned
from scripts.bench.chaos.handing import Handing, handing_out
from scripts.bench.chaos.ledger import BANDS, Ledger
from scripts.bench.chaos.spool_said import SpoolSaid
from storage.database import connect

Progress = Callable[[str, float], None]

PIECE_EVERY_S = 0.1
CALM_S = (0.3, 2.5)
"""Between two faults, from the one to the other."""
BEGIN_S, DRAIN_S = 60.0, 600.0
KILL_COST_S, OTHER_COST_S, REST_S = 2.6, 6.0, 25.0
"""What a fault takes with the calm before it, about; and start, drain and comparison."""
LAST_S = 6.0
"""Readings flow so long after the last fault: what it cost is told with them."""
LOOK_S = 0.05


@dataclass(frozen=True)
class Plan:
    """What is to be done."""

    kills: int
    others: int
    """Each of the other faults so often."""
    seed: int

    @property
    def seconds(self) -> float:
        """How long it takes, about."""
        return REST_S + self.kills * KILL_COST_S + self.others * len(OTHERS) * OTHER_COST_S

    @property
    def readings(self) -> int:
        """How many readings are handed over meanwhile, about."""
        return round((self.seconds - REST_S) / PIECE_EVERY_S * BANDS * 0.8)

    @property
    def disk_mb(self) -> int:
        """How much disk it takes for a while, about."""
        return DISK_MB + 250 + self.readings // 5000


@dataclass(frozen=True)
class Outcome:
    """What was done, and what came of it."""

    plan: Plan
    ledger: Ledger
    done: Counter[str]
    at_work: int
    """Faults that fell while the gateway ran."""
    seconds: float
    broker: str
    full_disk: str
    """`partition`, or `injected`."""
    went_back: tuple[tuple[int, int], ...]
    """Where a spool knew less than it had acknowledged."""
    restarts: Counter[str]
    """How often a process gave up by itself and was started again."""
    said: SpoolSaid
    comparison: Comparison

    @property
    def differences(self) -> list[str]:
        """Return each kind of difference that nobody has named; empty where the accounts agree."""
        found, said = self.comparison, self.said
        named_in_database = self._aside_in_database
        checks = {
            "missing": len(found.missing) != said.lost - named_in_database,
            "undeclared": found.declared != said.lost,
            "named_otherwise": not self._pieces_aside <= {one.number for one, _ in found.missing},
            "batches": len(found.seqs_missing) > said.lost_batches,
            "doubled": bool(found.doubled),
            "changed": bool(found.changed),
            "unknown": found.unknown > 0,
            "refused": said.refused > 0 or bool(found.dead_letters),
            "went_back": bool(self.went_back),
            "left": said.left > 0,
        }
        return [name for name, differs in checks.items() if differs]

    @property
    def _pieces_aside(self) -> set[int]:
        """Return the pieces whose rows the gateway put aside, damaged, before they were sealed."""
        aside = set()
        for lane in LANES:
            pieces = [piece.number for piece in self.ledger.pieces if piece.lane == lane]
            if self.said.rows[lane] == len(pieces):  # a piece was a row, so its number names it
                aside |= {
                    pieces[number - 1]
                    for table, number, _readings in self.said.aside
                    if table == f"chunk_{lane}"
                }
        return aside

    @property
    def _aside_in_database(self) -> int:
        """Return readings of damaged batches that the hub had committed, its receipt on the way."""
        missing = set(self.comparison.seqs_missing)
        return sum(
            readings
            for table, number, readings in self.said.aside
            if table == "batch" and number not in missing
        )


async def run(plan: Plan, folder: Path, progress: Progress) -> Outcome:
    """Do it in a new folder; raise Unavailable where the chain does not come to its end."""
    chance, began_s = random.Random(plan.seed), time.monotonic()  # noqa: S311 - seeded on purpose
    ledger = Ledger(folder / "ledger.jsonl")
    handing = Handing(ledger, PIECE_EVERY_S)
    socket = folder / "observer"
    names = planned(plan.kills, plan.others, chance)
    done: Counter[str] = Counter()
    at_work = 0
    async with handing_out(handing, socket), chain_in(folder, socket) as chain:
        await _until(lambda: len(ledger.pieces) > 1, chain, BEGIN_S)
        for number, name in enumerate(names):
            progress(name, number / len(names))
            await asyncio.sleep(chance.uniform(*CALM_S))
            at_work += chain.gateway.is_running
            await FAULTS[name](chain, chance)
            done[name] += 1
        await asyncio.sleep(LAST_S)
        progress(_("Waiting until the hub has answered for everything"), 1)
        handing.is_over = True
        await _until(chain.gateway.ended.is_set, chain, DRAIN_S)
        chain.final_status()
        progress(_("Comparing"), 1)
        with connect(chain.postgres.dsn) as conn:
            comparison = await asyncio.to_thread(compare, ledger, conn)
        said = spool_said.read(chain.box.folder / SPOOL_FILE)
        ledger.close()
        return Outcome(
            plan=plan,
            ledger=ledger,
            done=done,
            at_work=at_work,
            seconds=time.monotonic() - began_s,
            broker=chain.broker.name,
            full_disk="partition" if chain.disk.is_real else "injected",
            went_back=tuple(handing.went_back),
            restarts=chain.restarts(),
            said=said,
            comparison=comparison,
        )


async def _until(condition: Callable[[], bool], chain: Chain, most_s: float) -> None:
    """Wait for something; raise Unavailable when it takes too long, or a process is beyond help."""
    end_s = time.monotonic() + most_s
    while not condition():
        await asyncio.sleep(LOOK_S)
        for service in (chain.gateway, chain.hub):
            if service.ended.is_set() and not condition():
                log = service.log.read_bytes()[-2000:].decode("utf-8", "replace")
                raise Unavailable(
                    _("%(name)s ended (exit code %(code)s):\n%(log)s")
                    % {"name": service.name, "code": service.code, "log": log}
                )
        if time.monotonic() > end_s:
            log = chain.gateway.log.read_bytes()[-2000:].decode("utf-8", "replace")
            raise Unavailable(_("not done in time:\n%(log)s") % {"log": log})

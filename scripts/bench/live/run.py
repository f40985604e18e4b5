"""From a reading to the alert somebody can see, for a town of bands, with and without a backlog.

A real broker, real hubs and a real watch as processes of their own, a real PostgreSQL; only the
gateways are made up: they send what 1 Hz bands say in batches sealed as a gateway seals them. In
every second some pulse begins to stay above its ceiling. Its alarm is due with the reading that
makes it sustained; it is there when another connection to the database sees it. Then, beside all
that, every gateway sends a history as fast as receipts allow.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import SecretStr

from config.alert_rules import load_alert_rules
from config.errors import Unavailable
from config.fields import Broker
from config.language import _
from ingest.batch.keys import Keys
from ingest.broker import LOOPBACK
from scripts.bench.chaos.brokers import Killable, broker_at
from scripts.bench.live.halls import Halls, seal_backlog
from scripts.bench.live.said import S, due_ms
from scripts.bench.live.town import Hall, open_town
from scripts.replay.hub_process import hub_keys, secrets_of, write_settings
from scripts.replay.process import started, until_ready
from scripts.show.ports import held_port
from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

OBSERVED_EVERY_S = 0.02
GIVE_UP_S = 60.0
DAY_MS = 86_400 * S
STRIDE = 7_919
"""A prime: the pulses that rise are spread over the halls."""


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    bands: int
    gateways: int
    backlog: int
    """Readings of history in all."""
    a_batch: int
    """Readings in a batch of it, about."""
    seconds: int
    """So long without the backlog."""
    workers: int
    alarms_a_s: int
    seal_after_s: float
    warm_up_s: float = 45
    """Before anything counts: no alarm is due before pulses were high for some time."""
    settle_s: float = 15
    """After the last that counts: so long its alarm may take."""


@dataclass(frozen=True)
class Latency:
    """How long something took, in seconds."""

    count: int
    p50_s: float
    p99_s: float
    most_s: float


@dataclass(frozen=True)
class Phase:
    """With or without a backlog."""

    seconds: float
    to_commit: Latency
    """From a live reading to its commit: from then on the watch sees it."""
    to_alert: Latency
    """From the reading that makes a pulse sustained to the alert others see."""
    missed: int
    """Alarms that were due and never came."""


@dataclass(frozen=True)
class Figures:
    """All of one run."""

    plan: Plan
    broker: str
    alone: Phase
    beside: Phase | None
    """None without a backlog."""
    sent: int
    stored: int
    sent_again: int
    """Batches that had no receipt in time."""


async def run(plan: Plan, folder: Path, progress: Callable[[str, float], None]) -> Figures:
    """Measure in a new folder; `progress` is told what is under way and how much is done."""
    hub_folder = folder / "hub"
    keys = hub_keys(hub_folder)
    with _ground(folder) as (broker, dsn):
        with connect(dsn, application="adhere bench") as conn:
            migrate(conn)
            halls = open_town(
                conn, plan.bands, plan.gateways, keys, lambda done: progress(_("Enrolling"), done)
            )
        async with _district(plan, folder, dsn, broker):
            return await _measured(plan, dsn, broker, keys, halls, progress)


async def _measured(
    plan: Plan,
    dsn: str,
    broker: Killable,
    keys: Keys,
    halls: list[Hall],
    progress: Callable[[str, float], None],
) -> Figures:
    work = Halls(halls, broker, keys.public.signing, plan.seal_after_s)
    each, end_ms = plan.backlog // plan.gateways, time.time_ns() // 10**6 - DAY_MS
    for number, one in enumerate(work.at_work.values()):
        if each:
            one.backlog = await asyncio.to_thread(
                seal_backlog, one.hall, each, plan.a_batch, end_ms
            )
        progress(_("Sealing the backlog"), (number + 1) / plan.gateways)
    stop = asyncio.Event()
    async with work:
        with _observed(dsn) as seen:
            live = asyncio.create_task(work.live(stop))
            rising = asyncio.create_task(_rise(plan, work, stop))
            await _pass(plan.warm_up_s, _("Settling"), progress)
            alone = [_now_ms()]
            await _pass(plan.seconds, _("Live alone"), progress)
            beside = [_now_ms()]
            alone.append(beside[0])
            work.begin_backlog()
            while not work.is_backlog_stored():
                await asyncio.sleep(0.1)
                left = sum(len(one.backlog) for one in work.at_work.values())
                progress(_("Live beside a backlog"), 1 - left * plan.a_batch / plan.backlog)
            beside.append(_now_ms())
            await _pass(plan.settle_s, _("Settling"), progress)
            stop.set()
            due = await rising
            async with asyncio.timeout(GIVE_UP_S):
                await live
    with connect(dsn, application="adhere bench") as conn:

        def phase(since_ms: int, until_ms: int) -> Phase:
            late = {band: ms for band, ms in due.items() if since_ms <= ms < until_ms}
            waited = [(seen[band] - ms) / S for band, ms in late.items() if band in seen]
            row = conn.execute(_TO_COMMIT, {"since_ms": since_ms, "until_ms": until_ms}).fetchone()
            return Phase(
                seconds=(until_ms - since_ms) / S,
                to_commit=Latency(*row) if row and row[0] else _latency([]),
                to_alert=_latency(waited),
                missed=len(late) - len(waited),
            )

        row = conn.execute("SELECT count(*) FROM heart_rate").fetchone()
        return Figures(
            plan=plan,
            broker=broker.name,
            alone=phase(alone[0], alone[1]),
            beside=phase(beside[0], beside[1]) if plan.backlog else None,
            sent=work.live_readings + work.backlog_readings,
            stored=int(row[0]) if row else 0,
            sent_again=work.sent_again,
        )


_TO_COMMIT = """
SELECT count(*),
    percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM b.committed_at - h.at))::float8,
    percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM b.committed_at - h.at))::float8,
    max(extract(epoch FROM b.committed_at - h.at))::float8
FROM heart_rate AS h
JOIN batch AS b ON b.id = h.batch_id
WHERE h.at >= timestamptz 'epoch' + %(since_ms)s * interval '1 millisecond'
    AND h.at < timestamptz 'epoch' + %(until_ms)s * interval '1 millisecond'
"""


async def _rise(plan: Plan, work: Halls, stop: asyncio.Event) -> dict[str, int]:
    """Let pulses rise one after the other; return per band when its alarm is due, in ms."""
    halls = list(work.at_work.values())
    span_ms = load_alert_rules().hr_ceiling.min_span_s * S
    due: dict[str, int] = {}
    begin_s, number = time.monotonic(), 0
    while not stop.is_set() and number < plan.bands:
        await asyncio.sleep(max(0.0, begin_s + number / plan.alarms_a_s - time.monotonic()))
        band = number * STRIDE % plan.bands
        one = next(h for h in reversed(halls) if h.hall.first <= band)
        place, since_ms = band - one.hall.first, _now_ms()
        one.hot[place] = since_ms
        due[one.hall.bands[place]] = due_ms(place, len(one.hall.bands), since_ms, span_ms)
        number += 1
    return due


@contextmanager
def _observed(dsn: str) -> Iterator[dict[str, int]]:
    """Yield, per patient and growing, when another connection first saw an alert, in ms."""
    seen: dict[str, int] = {}
    stop = threading.Event()

    def observe() -> None:
        with connect(dsn, application="adhere bench") as conn:
            while not stop.wait(OBSERVED_EVERY_S):
                rows = conn.execute(
                    "SELECT pseudonym FROM alert JOIN patient ON patient.id = patient_id"
                ).fetchall()
                now_ms = _now_ms()
                for (pseudonym,) in rows:
                    seen.setdefault(pseudonym, now_ms)

    thread = threading.Thread(target=observe, name="observer")
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


@contextmanager
def _ground(folder: Path) -> Iterator[tuple[Killable, str]]:
    """Run broker and database as long as the block runs."""
    with (
        held_port() as port,
        broker_at(port, folder / "broker") as broker,
        EmbeddedPostgres(folder / "postgres") as server,
    ):
        yield broker, server.dsn


@asynccontextmanager
async def _district(plan: Plan, folder: Path, dsn: str, broker: Killable) -> AsyncIterator[None]:
    """Run hubs and the watch as long as the block runs."""
    to_broker = Broker(
        host=LOOPBACK,
        port=broker.port,
        username=broker.username,
        password=None if broker.password is None else SecretStr(broker.password),
    )
    settings, secrets = folder / "district.toml", secrets_of(dsn, to_broker)
    write_settings(settings, folder / "hub", folder / "reports", to_broker)
    messages = json.dumps(str(folder / "messages.jsonl"))
    with settings.open("a", encoding="utf-8") as more:
        more.write(f"[alerts]\nfile = {messages}\n")
    kinds = [("hub", "hub_ready", f"hub-{number}") for number in range(plan.workers)]
    async with AsyncExitStack() as running:
        processes = [
            await running.enter_async_context(
                started(
                    [command, "--settings", str(settings)],
                    name=name,
                    ready=ready,
                    log_path=folder / f"{name}.log",
                    environ=secrets,
                )
            )
            for command, ready, name in [*kinds, ("watch", "watch_ready", "watch")]
        ]
        await until_ready(*processes)
        guard = asyncio.gather(*(one.lives() for one in processes))
        try:
            yield
            if guard.done():
                guard.result()
        finally:
            guard.cancel()
            with contextlib.suppress(asyncio.CancelledError, Unavailable):
                await guard


async def _pass(seconds: float, what: str, progress: Callable[[str, float], None]) -> None:
    begin_s = time.monotonic()
    while (passed := time.monotonic() - begin_s) < seconds:
        progress(what, passed / seconds)
        await asyncio.sleep(min(0.5, seconds - passed))


def _latency(seconds: list[float]) -> Latency:
    if not seconds:
        return Latency(0, float("nan"), float("nan"), float("nan"))
    p50, p99 = (float(np.quantile(seconds, q, method="higher")) for q in (0.5, 0.99))
    return Latency(len(seconds), p50, p99, max(seconds))


def _now_ms() -> int:
    return time.time_ns() // 10**6

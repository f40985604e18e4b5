"""One replay, from the recording to the workbook."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import SecretStr

from config.conventions import Conventions
from config.errors import Rejected, Unavailable
from config.fields import Broker
from config.language import _
from ingest.broker import EmbeddedBroker
from reports.nightly.night import run_night
from scripts.replay.compare import Compared, compare, stored_results
from scripts.replay.enrolled import put_people
from scripts.replay.folder import StateFolder
from scripts.replay.freeze import Case, frozen_cases
from scripts.replay.gateways import Box, boxes_of, enrol, run_boxes
from scripts.replay.guard import alive, while_lives
from scripts.replay.hub_process import (
    counters_of,
    hub_keys,
    running_hub,
    secrets_of,
    write_settings,
)
from scripts.replay.recording import Recording
from scripts.replay.shares import Shares
from storage.counts import Committed, committed, counted_readings
from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.roles import Role

LOOK_S = 0.25

Watch = Callable[[int], None]
"""Told now and then how many readings are committed."""


class Interrupted(Exception):
    """A person stopped it; everything is on disk, and the same command goes on."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a replay uses that it does not make itself."""

    dsn: str | None = None
    """None: an embedded PostgreSQL in the state folder."""
    broker: Broker | None = None
    """None: an embedded broker."""
    own_hub: bool = True
    """False: somebody runs `adhere hub` with the settings file of the state folder."""
    report_dir: Path | None = None
    language: str = "zh_CN"
    check: bool = False


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What came of it."""

    recording: Recording
    cases: tuple[Case, ...]
    ledger: Committed
    counted: int
    """Rows in the reading tables."""
    hub: Mapping[str, Any] = field(default_factory=dict)
    """The hub's own counters; empty when it is not ours."""
    shares: Shares
    weeks: pl.DataFrame
    workbook: Path
    compared: tuple[Compared, ...] = ()

    @property
    def nothing_lost(self) -> bool:
        """Whether every reading is in the ledger and in its table, once."""
        went_in = self.recording.readings
        return went_in == self.ledger.readings == self.counted + self.ledger.quarantined

    @property
    def is_sound(self) -> bool:
        """Whether nothing is lost, and whatever was compared is the same."""
        return self.nothing_lost and all(one.same for one in self.compared)


async def replay(
    recording: Recording,
    *,
    conventions: Conventions,
    folder: StateFolder,
    options: Options,
    shares: Shares,
    watch: Watch,
    stop: asyncio.Event,
) -> Replayed:
    """Send the recording through the whole chain; may be killed at any time and run again.

    Raises Interrupted when `stop` was set before the end, Rejected when the hub refused a batch.
    """
    with ExitStack() as services:
        with shares.part("start"):
            around = _around(services, folder, options)
        with shares.part("freeze"):
            cases = frozen_cases(recording, conventions)
            boxes = boxes_of(recording, folder.gateways)
            with connect(around.dsn, application="adhere-replay", role=Role.OPERATOR) as conn:
                put_people(conn, recording, cases, utc_offset_min=conventions.utc_offset_min)
                enrol(conn, boxes)
        centres = sorted({box.centre for box in boxes})
        async with _watching(around.dsn, centres, watch):
            hub = await _send(boxes, around, folder, options, shares, stop)
        if stop.is_set():
            raise Interrupted
        # A connection of its own: the database may have come and gone meanwhile.
        conn = services.enter_context(
            connect(around.dsn, application="adhere-replay", role=Role.CORE)
        )
        with shares.part("count"):
            ledger = committed(conn, centres)
            counted = counted_readings(conn, [box.device_key for box in boxes])
        with shares.part("report"):
            night = run_night(
                conn,
                _last_day(recording, cases, conventions),
                options.report_dir or folder.reports,
                options.language,
                zone_name=conventions.time_zone,
            )
        shares.move("report", "recompute", sum(night.recomputed.seconds.values()))
        weeks = stored_results(conn, recording)["week"]
        compared: tuple[Compared, ...] = ()
        if options.check:
            with shares.part("check"):
                compared = compare(conn, recording, cases, conventions)
    return Replayed(
        recording=recording,
        cases=cases,
        ledger=ledger,
        counted=counted,
        hub=hub,
        shares=shares,
        weeks=weeks,
        workbook=night.workbook,
        compared=compared,
    )


@dataclass(frozen=True)
class _Around:
    """The services around the gateways."""

    dsn: str
    broker: Broker
    watches: tuple[Callable[[], Coroutine[Any, Any, None]], ...]
    """Of those that are ours: each ends with Unavailable when its service does."""


def _around(services: ExitStack, folder: StateFolder, options: Options) -> _Around:
    """Start what is not given."""
    dsn, broker = options.dsn, options.broker
    watches: list[Callable[[], Coroutine[Any, Any, None]]] = []
    if dsn is None:
        postgres = services.enter_context(EmbeddedPostgres(folder.postgres))
        _migrate(postgres.dsn)
        dsn = postgres.process_dsn()
        watches.append(lambda: alive(_("the embedded database"), lambda: postgres.pid))
    else:
        _migrate(dsn)
    if broker is None:
        embedded = services.enter_context(EmbeddedBroker())
        broker = Broker(
            host=embedded.host,
            port=embedded.port,
            username=embedded.username,
            password=SecretStr(embedded.password),
        )
        watches.append(lambda: alive(_("the embedded broker"), lambda: embedded.pid))
    return _Around(dsn, broker, tuple(watches))


def _migrate(dsn: str) -> None:
    with connect(dsn, application="adhere-replay") as conn:
        migrate(conn)


async def _send(
    boxes: Sequence[Box],
    around: _Around,
    folder: StateFolder,
    options: Options,
    shares: Shares,
    stop: asyncio.Event,
) -> Mapping[str, Any]:
    """Run hub and gateways until every batch has its receipt; return the hub's counters."""
    key = hub_keys(folder.hub).public.signing
    report_dir = options.report_dir or folder.reports
    write_settings(folder.hub_settings, folder.hub, report_dir, around.broker)
    counters: Mapping[str, Any] = {}
    watches = [watch() for watch in around.watches]
    if options.own_hub:
        secrets = secrets_of(around.dsn, around.broker)
        async with AsyncExitStack() as ours:
            with shares.part("start"):
                hub = await ours.enter_async_context(
                    running_hub(folder.hub_settings, secrets, folder.hub_log)
                )
            with shares.part("send"):
                statuses = await while_lives(
                    run_boxes(boxes, around.broker, key, stop), hub.lives(), *watches
                )
        counters = counters_of(hub)
        shares.add_hub(counters)
    else:
        with shares.part("send"):
            statuses = await while_lives(run_boxes(boxes, around.broker, key, stop), *watches)
    shares.add_gateways(status.spool_s for status in statuses)
    refused = sum(status.refused for status in statuses)
    if refused:
        raise Rejected(
            "refused_by_hub",
            f"{refused} readings; their reasons: adhere db dead-letter list",
        )
    return counters


@asynccontextmanager
async def _watching(dsn: str, centres: Sequence[str], watch: Watch) -> AsyncIterator[None]:
    """Tell `watch` how many readings are committed, as long as the block runs."""

    async def look() -> None:
        while True:
            with suppress(Unavailable):  # the database may come and go
                await look_while_it_lasts()
            await asyncio.sleep(LOOK_S)

    async def look_while_it_lasts() -> None:
        with await asyncio.to_thread(
            connect, dsn, application="adhere-replay", role=Role.CORE
        ) as conn:
            while True:
                watch((await asyncio.to_thread(committed, conn, centres)).readings)
                await asyncio.sleep(LOOK_S)

    looking = asyncio.create_task(look(), name="watch")
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait({looking})


def _last_day(recording: Recording, cases: Sequence[Case], conventions: Conventions) -> date:
    """Return the last local day that counts: the last enrolled one, unless it is still to come."""
    zone = timezone(timedelta(minutes=conventions.utc_offset_min))
    latest_ms = max(bounds[1] for track in recording.tracks if (bounds := track.bounds_ms()))
    recorded = datetime.fromtimestamp(latest_ms / 1000, zone).date()
    yesterday = datetime.now(zone).date() - timedelta(days=1)
    last_enrolled = max(case.ends_on for case in cases) - timedelta(days=1)
    return min(last_enrolled, max(yesterday, recorded))

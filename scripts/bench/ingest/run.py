"""One run: the limit, the ledger alone, the whole chain, and what others do, in turn.

Each starts from the same empty tables and ends with the same rows in them, which is checked. What
is measured is the time from the first byte a publisher sends to the receipt of the last batch.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from config.errors import Unavailable
from config.language import _
from scripts.bench.ingest import esphome
from scripts.bench.ingest.figures import IngestFigures, PeerFigures, SizeFigures, Timed, reference
from scripts.bench.ingest.hubs import hubs
from scripts.bench.ingest.made import (
    FIRST_UTC_MS,
    District,
    Frames,
    Load,
    Made,
    json_messages,
    make,
)
from scripts.bench.ingest.peers import WAYS
from scripts.bench.ingest.processes import Clock, line_of, process_of, publishing, tell
from scripts.bench.ingest.server import Server, Stored, copy_rows, server_of
from scripts.bench.mosquitto import FOR_A_DISTRICT, RunningBroker, mosquitto
from scripts.bench.process_cost import ProcessCost
from storage.embedded import EmbeddedPostgres
from storage.ingest import store_batches

Progress = Callable[[str, float], None]

DAY = str(time.strftime("%Y-%m-%d", time.gmtime(FIRST_UTC_MS / 1000)))
LEDGER_ROWS = 50_000
"""In one transaction, where the ledger is measured without a hub: as many as a busy hub has."""
UNLIMITED = ("max_queued_messages 0",)
"""For subscribers that nobody waits for: the broker holds what they have not taken yet."""


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    readings: int
    """About so many in each run."""
    per_batch: Sequence[int] = (60, 600, 6000)
    workers: Sequence[int] = (1, 2)
    rounds: int = 3
    peer_readings: int = 60_000
    """For those who batch; a tenth for who does not. 0: no peers."""
    esphome_ingestor: Path | None = None
    """The command of another project, where it is to be measured as well."""


def run(plan: Plan, dsn: str | None, folder: Path, progress: Progress) -> IngestFigures:
    """Measure on the server at `dsn`, or on an embedded one in `folder`, which is new and empty."""
    with ExitStack() as stack:
        if dsn is None:
            dsn = stack.enter_context(EmbeddedPostgres(folder / "postgres")).dsn
        server = stack.enter_context(server_of(dsn))
        loads = [
            Load(per_batch, max(1, -(-plan.readings // per_batch))) for per_batch in plan.per_batch
        ]
        district = District.of(loads[0].gateways)
        gateway_ids = district.enrol(server.conn, loads[0])
        device_ids = _bands(server, loads[0])
        bench = _Bench(plan, server, district, folder, progress)
        sizes, made = [], {}
        for load in loads:
            words = _("Sealing batches of %(count)d") % {"count": load.per_batch}
            made[load.per_batch] = make(
                load,
                district,
                gateway_ids,
                device_ids,
                folder / str(load.per_batch),
                partial(progress, words),
            )
            sizes.append(bench.size(made[load.per_batch]))
        peers = bench.peers(made[reference(made)]) if plan.peer_readings else []
        return IngestFigures(server.version, bench.broker_name, sizes, peers)


def _bands(server: Server, load: Load) -> dict[str, int]:
    keys = [key for gateway in range(load.gateways) for key in load.bands_of(gateway)]
    server.conn.execute("INSERT INTO device (device_key) SELECT unnest(%s::text[])", (keys,))
    return dict(server.conn.execute("SELECT device_key, id FROM device").fetchall())


class _Bench:
    """The parts that all measurements share."""

    def __init__(
        self, plan: Plan, server: Server, district: District, folder: Path, progress: Progress
    ) -> None:
        self.broker_name = ""
        self._plan, self._server, self._district = plan, server, district
        self._folder, self._progress = folder, progress
        self._runs = 0

    def size(self, made: Made) -> SizeFigures:
        plan = self._plan
        figures = SizeFigures(
            made.load,
            made.frames.payload_bytes,
            limit=[],
            limit_of={workers: [] for workers in plan.workers if workers > 1},
            ledger=[],
            chain={workers: [] for workers in plan.workers},
        )
        steps = plan.rounds * (2 + len(figures.limit_of) + len(plan.workers))
        words = _("Batches of %(count)d") % {"count": made.load.per_batch}
        done = 0

        def step(runs: list[Timed], timed: Timed) -> None:
            nonlocal done
            runs.append(timed)
            done += 1
            self._progress(words, done / steps)

        expected: Stored | None = None
        for _round in range(plan.rounds):
            step(figures.limit, self._limit(made, 1))
            expected = expected or self._server.stored()
            for workers, runs in figures.limit_of.items():
                step(runs, self._limit(made, workers))
                self._check(expected)
            step(figures.ledger, self._ledger(made))
            self._check(expected)
            for workers, runs in figures.chain.items():
                step(runs, self._chain(made, workers))
                self._check(expected)
        return figures

    def peers(self, made: Made) -> list[PeerFigures]:
        figures: list[PeerFigures] = []
        for way in WAYS:
            self._progress(_("What others do"), len(figures) / len(WAYS))
            each_alone = way == "one"
            count = min(self._plan.peer_readings // (10 if each_alone else 1), made.load.readings)
            frames = Frames.written(
                self._folder, f"json-{way}", json_messages(made, count, each_alone=each_alone)
            )
            figures.append(PeerFigures(way, count, self._peer(way, count, frames)))
            if (stored := self._server.stored().rows) != count:
                raise Unavailable(
                    _("%(stored)d of %(count)d readings are in the table")
                    % {"stored": stored, "count": count}
                )
        if self._plan.esphome_ingestor is not None:
            figures.append(self._esphome(self._plan.esphome_ingestor, made))
        return figures

    def _limit(self, made: Made, connections: int) -> Timed:
        self._server.empty()
        self._server.make_day(DAY)
        clock = Clock({"client": [time.process_time], "server": [self._server.cpu_s]})
        copy_rows(self._server, made.rows, connections)
        return clock.stopped()

    def _ledger(self, made: Made) -> Timed:
        self._server.empty()
        self._server.make_day(DAY)
        at_once = max(1, LEDGER_ROWS // made.load.per_batch)
        clock = Clock({"client": [time.process_time], "server": [self._server.cpu_s]})
        for at in range(0, len(made.batches), at_once):
            store_batches(self._server.conn, made.batches[at : at + at_once])
        return clock.stopped()

    def _chain(self, made: Made, workers: int) -> Timed:
        self._server.empty()
        self._server.make_day(DAY)
        with (
            self._broker(FOR_A_DISTRICT) as broker,
            hubs(
                self._new_folder(),
                self._server.dsn,
                broker.port,
                self._district.hub,
                workers,
            ) as running,
            publishing(broker, made.frames, receipts=True) as publisher,
        ):
            clock = Clock(
                {
                    "server": [self._server.cpu_s],
                    "broker": [ProcessCost(broker.pid).cpu_s],
                    "hub": [hub.cost.cpu_s for hub in running],
                    "publisher": [ProcessCost(publisher.pid).cpu_s],
                }
            )
            tell(publisher)
            line_of(publisher)
            timed = clock.stopped()
        for hub in running:
            for name, count in hub.report.items():
                if isinstance(count, int):
                    timed.counters[name] = timed.counters.get(name, 0) + count
            for part, spent in hub.report["parts"].items():
                so_far = timed.hub_parts_s.get(part, 0.0)
                timed.hub_parts_s[part] = so_far + spent["cpu_s"]
        return timed

    def _peer(self, way: str, count: int, frames: Frames) -> Timed:
        self._server.empty()
        self._server.make_day(DAY)
        task = {"dsn": self._server.dsn, "way": way, "readings": count}
        with (
            self._broker(UNLIMITED) as broker,
            process_of("scripts.bench.ingest.peers", task | {"port": broker.port}) as peer,
            publishing(broker, frames, receipts=False) as publisher,
        ):
            line_of(peer)
            clock = Clock(
                {
                    "server": [self._server.cpu_s],
                    "broker": [ProcessCost(broker.pid).cpu_s],
                    "hub": [ProcessCost(peer.pid).cpu_s],
                    "publisher": [ProcessCost(publisher.pid).cpu_s],
                }
            )
            tell(publisher)
            line_of(peer)
            return clock.stopped()

    def _esphome(self, program: Path, made: Made) -> PeerFigures:
        """Give it more than it takes, and count what it has stored after a fixed time."""
        most = min(made.load.readings, self._plan.peer_readings)
        frames = Frames.written(self._folder, "json-esphome", esphome.messages(made, most))
        self._server.empty()
        with (
            self._broker(UNLIMITED) as broker,
            esphome.ingestor(program, self._server.dsn, broker.port, self._new_folder()) as peer,
            publishing(broker, frames, receipts=False) as publisher,
        ):
            clock = Clock(
                {
                    "server": [self._server.cpu_s],
                    "broker": [ProcessCost(broker.pid).cpu_s],
                    "hub": [ProcessCost(peer.pid).cpu_s],
                }
            )
            tell(publisher)
            time.sleep(esphome.WORK_S)
            timed, count = clock.stopped(), esphome.stored(self._server.conn)
        return PeerFigures("esphome-mqtt-timescaledb-ingestor", count, timed)

    def _check(self, expected: Stored) -> None:
        """Refuse a figure of what is not all there: fast and wrong is no figure."""
        if (stored := self._server.stored()) != expected:
            raise Unavailable(
                _("%(stored)d of %(count)d readings are in the table, or others")
                % {"stored": stored.rows, "count": expected.rows}
            )

    @contextmanager
    def _broker(self, lines: Sequence[str]) -> Iterator[RunningBroker]:
        with mosquitto(self._new_folder(), lines) as broker:
            self.broker_name = broker.name
            yield broker

    def _new_folder(self) -> Path:
        self._runs += 1
        return self._folder / f"run-{self._runs}"

"""Two hubs on two hosts of our own share a town's batches; one's cable is pulled for a while.

Broker and database are with us, reached over a wire of each hub's own. The hub that publishes the
rosters is the one cut off, so that is handed on too. In the end the database must hold what was
sent, once each.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from config.errors import Unavailable
from config.language import _
from config.settings import BROKER_PASSWORD, DATABASE_DSN
from ingest.batch.keys import Keys, make_keys, save_keys
from ingest.hub import HUB_KEY_FILE
from scripts.bench.cut_off.boxes import READINGS, Centre, centre_of
from scripts.bench.cut_off.wires import NETWORK, Wire, wires
from scripts.bench.ingest.hubs import RunningHub
from scripts.bench.mosquitto import FOR_A_DISTRICT, mosquitto
from scripts.replay.leash import leashed
from scripts.show.ports import held_port
from storage.database import Connection, connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

HUBS = 2
LOOK_S = 0.02
COUNTED = """
SELECT count(*), coalesce(sum(greatest(%(readings)s - stored, 0)), 0),
    coalesce(sum(greatest(stored - %(readings)s, 0)), 0), (SELECT count(*) FROM dead_letter)
FROM batch
CROSS JOIN LATERAL (
    SELECT count(*) AS stored FROM heart_rate WHERE batch_id = batch.id
) AS counted
"""
BACK_S = 120.0
"""After the cable is in again: so long at most until the hub stores, and all is receipted."""


@dataclass(frozen=True)
class Plan:
    """What is done, and for how long."""

    cut_s: float
    lead_s: float = 5
    """Before the cut, and after the hub is back."""
    boxes: int = 10
    every_s: float = 0.1
    """Some box sends a batch this often; every fourth is of its backlog."""
    resend_s: float = 30
    """What a gateway waits for a receipt."""
    keepalive_s: int = 10


@dataclass(frozen=True)
class Outcome:
    """What became of it. Times in seconds."""

    plan: Plan
    broker: str
    batches: int
    stored: int
    """Batches in the ledger."""
    lost: int
    """Readings sent and not there."""
    doubled: int
    """Readings there more than once."""
    dead_letters: int
    by_hub: tuple[int, int]
    """Batches stored by the hub that was cut off, and by the other."""
    sent_again: int
    longest_s: float
    """Until a receipt, of all batches."""
    missed_s: float | None
    """From the cut until no batch went to the hub any more."""
    took_over_s: float | None
    """From the cut until the other hub published the rosters."""
    back_s: float | None
    """From the mending until the hub had its share again."""


def run(plan: Plan, folder: Path, progress: Callable[[str, float], None]) -> Outcome:
    """Do it, in a new `folder`."""
    with ExitStack() as stack:
        laid = stack.enter_context(wires(HUBS))
        here = [wire.here for wire in laid]
        port = stack.enter_context(held_port())
        server = stack.enter_context(
            EmbeddedPostgres(folder / "postgres", tcp_port=port, tcp_hosts=here)
        )
        conn = stack.enter_context(connect(server.dsn))
        migrate(conn)
        dsn = server.process_dsn()
        _let_in(conn, server.data)
        lines = (*FOR_A_DISTRICT, *(f"listener 1883 {address}" for address in here))
        broker = stack.enter_context(mosquitto(folder / "broker", lines))
        keys = make_keys()
        centre = stack.enter_context(centre_of(conn, broker.port, plan.boxes, keys, plan.resend_s))
        hubs = [
            stack.enter_context(
                _hub(folder / f"hub-{number}", wire, make_conninfo(dsn, host=wire.here), keys, plan)
            )
            for number, wire in enumerate(laid)
        ]
        course = _Course(plan, centre, hubs, laid, progress)
        course.run()
        for hub in hubs:
            hub.running.stop()
        return course.outcome(conn, broker.name)


def _let_in(conn: Connection, data: Path) -> None:
    """Let the hosts' network log in, with the password, as this machine may."""
    with (data / "pg_hba.conf").open("a", encoding="utf-8") as rules:
        rules.write(f"host all all {NETWORK}.0.0/16 scram-sha-256\n")
    conn.execute("SELECT pg_reload_conf()")


@dataclass
class HubOnHost:
    """One hub, and what its log says."""

    running: RunningHub
    log: Path

    def times_said(self, event: str) -> int:
        """Return how often an event stands in the log."""
        return self.log.read_text("utf-8").count(f'"{event}"')


@contextmanager
def _hub(folder: Path, wire: Wire, dsn: str, keys: Keys, plan: Plan) -> Iterator[HubOnHost]:
    folder.mkdir()
    save_keys(folder / HUB_KEY_FILE, keys)
    settings, log = folder / "district.toml", folder / "hub.log"
    settings.write_text(
        f'data_dir = "{folder}"\n[broker]\nhost = "{wire.here}"\nallow_plaintext = true\n'
        f'keepalive_s = {plan.keepalive_s}\n[nightly]\nreport_dir = "{folder}"\n',
        "utf-8",
    )
    command = [sys.executable, "-m", "scripts.main", "hub", "--json", "--settings", str(settings)]
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            leashed(wire.argv(command)),
            env=os.environ | {DATABASE_DSN: dsn, BROKER_PASSWORD: ""},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        hub = HubOnHost(RunningHub(process, log), log)
        try:
            hub.running.wait_until_ready()
            yield hub
        finally:
            if process.poll() is None:
                hub.running.stop()


class _Course:
    """The run itself: feed, cut, feed, mend, feed, and wait for the last receipts."""

    def __init__(
        self,
        plan: Plan,
        centre: Centre,
        hubs: list[HubOnHost],
        laid: list[Wire],
        progress: Callable[[str, float], None],
    ) -> None:
        self._plan, self._centre, self._hubs, self._laid = plan, centre, hubs, laid
        self._progress = progress
        self._number = 0
        self._cut_s = 0.0
        self._took_over_s: float | None = None
        self._back_s: float | None = None

    def run(self) -> None:
        """Do all of it; the hub that publishes rosters is the one that is cut off."""
        self._wait(lambda: any(self._publishes(hub) for hub in self._hubs), BACK_S)
        if self._publishes(self._hubs[1]):
            self._hubs.reverse()
            self._laid.reverse()
        cut_off, other = self._hubs
        self._feed(_("before"), self._plan.lead_s, lambda: False)
        subscribed = cut_off.times_said("hub_subscribed")
        self._laid[0].cut()
        self._cut_s = time.monotonic()
        self._feed(_("cut off"), self._plan.cut_s, lambda: self._note_takeover(other))
        self._laid[0].mend()
        mended_s = time.monotonic()
        was_missed = self._took_over_s is not None or self._plan.cut_s > 2 * self._plan.keepalive_s
        if was_missed:
            self._feed(
                _("mended"),
                BACK_S,
                lambda: cut_off.times_said("hub_subscribed") >= subscribed + HUBS,
            )
            self._back_s = time.monotonic() - mended_s
        self._feed(_("after"), self._plan.lead_s, lambda: self._note_takeover(other))
        self._wait(lambda: not self._centre.unreceipted, BACK_S)

    def _publishes(self, hub: HubOnHost) -> bool:
        return hub.times_said("hub_publishes_rosters") > 0

    def _note_takeover(self, other: HubOnHost) -> bool:
        if self._took_over_s is None and self._publishes(other):
            self._took_over_s = time.monotonic() - self._cut_s
        return False

    def _feed(self, phase: str, for_s: float, is_enough: Callable[[], bool]) -> None:
        """Send batches for so long, or until it is enough."""
        began_s = next_s = time.monotonic()
        while (now_s := time.monotonic()) < began_s + for_s and not is_enough():
            self._progress(phase, (now_s - began_s) / for_s)
            while next_s <= now_s:
                is_history = self._number % 4 == 0
                self._centre.send(
                    self._number % self._plan.boxes, "backlog" if is_history else "live"
                )
                self._number += 1
                next_s += self._plan.every_s
            self._centre.send_again()
            time.sleep(LOOK_S)

    def _wait(self, condition: Callable[[], bool], at_most_s: float) -> None:
        end_s = time.monotonic() + at_most_s
        while not condition():
            if time.monotonic() > end_s:
                raise Unavailable(_("what was to come did not come in time"))
            self._centre.send_again()
            time.sleep(LOOK_S)

    def outcome(self, conn: Connection, broker: str) -> Outcome:
        """Compare what the database holds with what was sent."""
        stored, missing, doubled, letters = _counted(conn)
        waits = self._centre.waits_s
        late = [first_s for first_s, _wait_s, times in waits if times > 1]
        cut_off, other = (int(hub.running.report.get("stored", 0)) for hub in self._hubs)
        return Outcome(
            plan=self._plan,
            broker=broker,
            batches=self._centre.batches,
            stored=stored,
            lost=missing + READINGS * (self._centre.batches - stored),
            doubled=doubled,
            dead_letters=letters,
            by_hub=(cut_off, other),
            sent_again=sum(times - 1 for _first, _wait, times in waits),
            longest_s=max(wait_s for _first, wait_s, _times in waits),
            missed_s=max(late) - self._cut_s if late else None,
            took_over_s=self._took_over_s,
            back_s=self._back_s,
        )


def _counted(conn: Connection) -> tuple[int, int, int, int]:
    """Return batches in the ledger, their readings missing and doubled, and dead letters."""
    row = conn.execute(COUNTED, {"readings": READINGS}).fetchone()
    batches, missing, doubled, letters = row or (0, 0, 0, 0)
    return int(batches), int(missing), int(doubled), int(letters)

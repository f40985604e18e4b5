"""Kill -9 of gateway, hub, broker and database while a recording runs through the chain.

The short form is part of the tests. For people: `ADHERE_CHAOS_KILLS=200 python -m pytest
tests/chaos/replay` kills that often, and `ADHERE_CHAOS_SEED` chooses other moments.
"""

import collections
import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from config.errors import Unavailable
from storage import results
from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from tests.recordings import CASES, RECORDED_PEOPLE, Files, adhere, look_alike, say

KILLS = int(os.environ.get("ADHERE_CHAOS_KILLS", "10"))
SEED = int(os.environ.get("ADHERE_CHAOS_SEED", "20260401"))
UNAVAILABLE = 4
LOOK_S = 0.02
PATIENCE_S = 120

pytestmark = pytest.mark.timeout(300 + 30 * KILLS)


@pytest.fixture
def files(tmp_path):
    cases = tmp_path / "cases.csv"
    cases.write_text(CASES.format(*RECORDED_PEOPLE), "utf-8")
    weeks = min(2 + KILLS // 10, 8)  # the more kills, the longer must there be something to kill
    return Files(*look_alike(tmp_path, weeks=weeks, every_s=1), cases, is_recorded=False)


class Chain:
    """The four processes, each to be killed and started again."""

    def __init__(self, files, folder, postgres, mosquitto):
        self.files, self.folder = files, folder
        self.postgres, self.mosquitto = postgres, mosquitto
        self.state = folder / "state"
        self.processes = {}

    def start_gateway(self):
        self._start(
            *("gateway", "replay", "--no-hub", "--json", "--data", self.state),
            *("--broker", f"{self.mosquitto.host}:{self.mosquitto.port}"),
            *self.files.options(),
        )

    def start_hub(self):
        self._start("hub", "hub", "--settings", self.state / "district.toml")

    def _start(self, name, *arguments):
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "scripts.main", *map(str, arguments)],
                env=os.environ | {"ADHERE_DATABASE_DSN": self.postgres.dsn},
                stdout=log,
                stderr=log,
            )

    def kill(self, victim):
        """SIGKILL, and start again at once."""
        if victim == "database":
            self.postgres.kill()
            self.postgres.start()
        elif victim.startswith("broker"):
            self.mosquitto.kill()
            if victim == "broker and its memory":
                for left in self.mosquitto.folder.glob("*.db*"):
                    left.unlink()
            self.mosquitto.start()
        else:
            self.processes[victim].kill()
            self.processes[victim].wait()
            getattr(self, f"start_{victim}")()

    def committed(self):
        """Readings in the ledger, or None while the database is away."""
        with contextlib.suppress(Unavailable), connect(self.postgres.dsn) as conn:
            return conn.execute("SELECT coalesce(sum(reading_count), 0) FROM batch").fetchone()[0]
        return None

    def is_done(self):
        """Whether the gateway has ended well; what was only unavailable is started again."""
        code = self.processes["gateway"].poll()
        if code == UNAVAILABLE:
            self.start_gateway()
            return False
        assert code in {None, 0}, (self.folder / "gateway.log").read_text()[-3000:]
        return code == 0

    def wait(self, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, (self.folder / "gateway.log").read_text()[-3000:]
            time.sleep(LOOK_S)

    def end(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()


@pytest.fixture
def chain(files, tmp_path, server_folder, mosquitto):
    folder = server_folder / f"chaos-{time.monotonic_ns()}"
    with EmbeddedPostgres(folder, base=server_folder / "base") as postgres:
        with connect(postgres.dsn) as conn:
            migrate(conn)
        chain = Chain(files, tmp_path, postgres, mosquitto)
        yield chain
        chain.end()


VICTIMS = ("gateway", "hub", "broker", "broker and its memory", "database")


def test_whoever_is_killed_every_reading_arrives_once(
    chain, files, database, tmp_path, pytestconfig
):
    undisturbed = adhere(
        *("replay", "--json", "--data", tmp_path / "calm"), *files.options(), dsn=database
    )
    total = undisturbed["readings"]
    chance = random.Random(SEED)
    moments = sorted(chance.uniform(0.0, 0.95) * total for _ in range(KILLS))
    order = (VICTIMS * (KILLS // len(VICTIMS) + 1))[:KILLS]
    order = chance.sample(order, KILLS)

    chain.start_gateway()
    chain.wait((chain.state / "district.toml").exists)
    chain.start_hub()
    at_work = 0
    for moment, victim in zip(moments, order, strict=True):
        chain.wait(lambda moment=moment: chain.is_done() or (chain.committed() or -1) >= moment)
        at_work += not chain.is_done()
        chain.kill(victim)
    chain.wait(chain.is_done)

    calm, stormy = left_in(database), left_in(chain.postgres.dsn)
    assert stormy.keys() == calm.keys()
    for name in calm:
        assert_frame_equal(stormy[name], calm[name])
    once = stormy["readings"].group_by("quantity", "device_key", "at", "value").len()
    sent = calm["readings"].height
    say(
        pytestconfig,
        f"{KILLS} kills, {at_work} before the end ({counted(order)}): of {sent} readings "
        f"{sent - stormy['readings'].height} lost, {(once['len'] - 1).sum()} doubled",
    )
    assert sent == total
    assert (once["len"] == 1).sum() == once.height


def counted(order):
    return ", ".join(f"{name} {n}" for name, n in sorted(collections.Counter(order).items()))


READINGS = """
    SELECT 'heart_rate' AS quantity, device_key, at, value, span_ms, flags, boot, seq
    FROM heart_rate JOIN device ON device.id = device_id JOIN batch ON batch.id = batch_id
    UNION ALL
    SELECT 'steps', device_key, at, value, span_ms, flags, boot, seq
    FROM steps JOIN device ON device.id = device_id JOIN batch ON batch.id = batch_id
"""


def left_in(dsn):
    """What a replay leaves in the database, by names instead of numbers, in order."""
    with connect(dsn) as conn:
        frames = {
            "readings": conn.execute(READINGS),
            "ledger": conn.execute(
                "SELECT boot, seq, content_sha256, previous_sha256, reading_count FROM batch"
            ),
            "dead letters": conn.execute("SELECT topic, reason FROM dead_letter"),
            "put aside": conn.execute("SELECT device_key, reason FROM quarantined_reading"),
            "still to do": conn.execute("SELECT min_at, max_at FROM touched"),
        }
        found = {
            name: pl.DataFrame(
                rows.fetchall(), schema=[column.name for column in rows.description], orient="row"
            )
            for name, rows in frames.items()
        }
        found |= {name: getattr(results, name)(conn) for name in ("days", "bouts", "weeks")}
    return {
        name: (kept := frame.drop("enrolment_id", "prescription_id", strict=False)).sort(
            kept.columns
        )
        for name, frame in found.items()
    }

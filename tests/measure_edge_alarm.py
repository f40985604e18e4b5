"""How long from a reading to the alarm: on the on-site page without a network, and in the district.

`.venv/bin/python -m tests.measure_edge_alarm [--trials 100]` prints p50, p99 and the largest of

- `page`: from the reading that completes the condition, handed to the guard of a running gateway
  whose broker is away, to the answer of its on-site page that shows the alarm, asked without pause;
- `browser`: the same to a reader who asks every 2 s, as the page tells a browser to;
- `disk`: from that reading to the event on disk: what a power cut in between would lose;
- `heard`: the guard's own time for a second of 200 bands, in the call that brings it;
- `district` (with mosquitto): from that reading to the event's row committed, broker and hub up.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import threading
import time
from pathlib import Path

import psycopg

from config.fields import Broker
from config.gateway_settings import GatewaySettings, OnsiteSettings
from ingest.batch.keys import make_keys
from ingest.gateway.onsite import ADDRESS
from ingest.gateway.onsite_page import REFRESH_S
from ingest.gateway.run import run_gateway
from ingest.gateway.safety import Edge
from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from tests.edges import Clocks, live, roster, sealed, worn
from tests.hubs import enrolled_box, hub_at_work, open_centre
from tests.mosquitto import Mosquitto, installed
from tests.ports import port_of

BANDS = 200


async def page_at(port):
    """Ask for the page once."""
    reader, writer = await asyncio.open_connection(ADDRESS, port)
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def shown(port, subject, every_s):
    """Ask until the page shows an alarm of that wearer; return how often it was asked."""
    asked = 0
    async with asyncio.timeout(60):
        while True:
            page = await page_at(port)
            asked += 1
            if f"<h2>{subject} " in page:
                return asked
            await asyncio.sleep(every_s)


async def silence(_cursor):
    await asyncio.Event().wait()
    yield


class Trial:
    """A running gateway with many wearers, each of whom can pass the ceiling once."""

    def __init__(self, folder, wearers, *, broker_port=1, box=None, hub_keys=None):
        self.clocks, self.port = Clocks(), port_of(self)
        self.keys, self.hub = (box.keys if box else make_keys()), hub_keys or make_keys()
        self.settings = GatewaySettings(
            centre=box.centre if box else "centre",
            gateway=box.gateway if box else "hall-1",
            data_dir=folder / "edge",
            broker=Broker(host="127.0.0.1", port=broker_port),
            onsite=OnsiteSettings(port=self.port, language="en"),
        )
        self.wearers = wearers
        self.stop = asyncio.Event()

    async def __aenter__(self):
        self.edge = Edge(
            self.settings, self.keys, self.hub.public.signing, time=self.clocks.edge_time()
        )
        self.task = asyncio.create_task(
            run_gateway(
                self.settings,
                self.keys,
                self.hub.public.signing,
                silence,
                stop=self.stop,
                edge=self.edge,
            )
        )
        bands = [worn(f"band-{n}", f"p-{n}") for n in range(self.wearers)]
        given = roster(
            *bands, version=2**40, centre=self.settings.centre, gateway=self.settings.gateway
        )
        await self.edge.take_roster(sealed(given, self.hub, self.keys))
        async with asyncio.timeout(30):
            while self.edge.page_says != "on":  # noqa: ASYNC110 - the edge tells nobody
                await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_exception):
        self.stop.set()
        await self.task

    def almost(self, number):
        """Let a wearer pass the ceiling for all but the last second of what is sustained."""
        for _ in range(30):
            self.hear(number)
        assert not any(alarm.subject == f"p-{number}" for alarm in self.edge.guard.alarms)

    def hear(self, number):
        self.clocks.pass_ms(1000)
        self.edge.heard([live(self.clocks, 165, f"band-{number}")])


async def trials_with_the_broker_down(folder, *, trials, every_s=0.0, chance=None):
    """Return for each trial the milliseconds from the reading to the page."""
    found = []
    async with Trial(folder, trials) as trial:
        for number in range(trials):
            trial.almost(number)
            since = time.perf_counter()
            trial.hear(number)
            if chance is not None:  # the browser asked last at a moment of its own
                await asyncio.sleep(chance.uniform(0, every_s))
            await shown(trial.port, f"p-{number}", every_s)
            found.append(1000 * (time.perf_counter() - since))
            trial.hear(number)
    return found


async def trials_to_disk(folder, *, trials):
    """Return for each trial the milliseconds from the reading to the event on disk."""
    found = []
    async with Trial(folder, trials) as trial:
        for number in range(trials):
            trial.almost(number)
            since = time.perf_counter()
            trial.hear(number)
            while trial.edge.events.unsaved:  # noqa: ASYNC110 - to the moment, not in steps
                await asyncio.sleep(0)
            found.append(1000 * (time.perf_counter() - since))
    return found


async def time_heard(folder, *, rounds=200):
    """Return the milliseconds of each call with one reading of each of the bands."""
    found = []
    async with Trial(folder, BANDS) as trial:
        for _ in range(rounds):
            trial.clocks.pass_ms(1000)
            readings = [live(trial.clocks, 120, f"band-{n}") for n in range(BANDS)]
            since = time.perf_counter()
            trial.edge.heard(readings)
            found.append(1000 * (time.perf_counter() - since))
    return found


async def trials_to_the_district(folder, dsn, broker, box, hub_keys, *, trials):
    """Return for each trial the milliseconds from the reading to the committed row."""
    found, committed = [], threading.Semaphore(0)
    ended = threading.Event()

    def watch():
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("LISTEN adhere_watch")
            committed.release()
            while not ended.is_set():
                for _ in conn.notifies(timeout=0.5, stop_after=1):
                    committed.release()

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        await asyncio.to_thread(committed.acquire)
        async with Trial(
            folder, trials, broker_port=broker.port, box=box, hub_keys=hub_keys
        ) as trial:
            async with asyncio.timeout(30):
                while not trial.edge.is_connected():  # noqa: ASYNC110 - the edge tells nobody
                    await asyncio.sleep(0.01)
            for number in range(trials):
                trial.almost(number)
                since = time.perf_counter()
                trial.hear(number)
                await asyncio.to_thread(committed.acquire)
                found.append(1000 * (time.perf_counter() - since))
    finally:
        ended.set()
        watching.join()
    return found


def figures(ms):
    cuts = statistics.quantiles(ms, n=100, method="inclusive")
    return {
        "trials": len(ms),
        "p50_ms": round(cuts[49], 2),
        "p99_ms": round(cuts[98], 2),
        "max_ms": round(max(ms), 2),
    }


def district(folder, trials):
    """Measure with a real broker, hub and database."""
    (folder / "mosquitto").mkdir()
    broker = Mosquitto(installed(), folder / "mosquitto")
    broker.start()
    hub_keys = make_keys()
    try:
        with EmbeddedPostgres(folder / "postgres", base=folder / "base") as server:
            with connect(server.dsn) as db:
                migrate(db)
                open_centre(db)
                box = enrolled_box(db)
            with hub_at_work(server.dsn, broker, hub_keys):
                given = (folder / "district", server.dsn, broker, box, hub_keys)
                return asyncio.run(trials_to_the_district(*given, trials=trials))
    finally:
        broker.stop()


def tell(part, ms):
    print(json.dumps({part: figures(ms)}), flush=True)  # noqa: T201 - this is what it is for


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=100)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory(prefix="adhere-measure-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        parts = {
            "page": trials_with_the_broker_down(folder / "a", trials=trials),
            "browser": trials_with_the_broker_down(
                folder / "b", trials=trials, every_s=REFRESH_S, chance=random.Random(1)
            ),
            "disk": trials_to_disk(folder / "c", trials=trials),
            "heard": time_heard(folder / "d"),
        }
        for part, measuring in parts.items():
            tell(part, asyncio.run(measuring))
        tell("district", district(folder, trials))


if __name__ == "__main__":
    main()

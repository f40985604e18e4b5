"""How fast a day without a network is caught up with: `python -m tests.measure_catch_up [h bands]`.

One gateway, a real mosquitto, `adhere hub` as a process, a real PostgreSQL. First the bands are
heard for so many hours (24) with the broker down, as fast as the spool takes it; then broker and
hub are there, and while the backlog goes out the same bands are heard live at 1 Hz. Printed: times
real time, and how long live readings took from hearing to COMMIT meanwhile. Everything is counted
in the database at the end.
"""

import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles

from config.fields import Broker
from config.gateway_settings import GatewaySettings
from ingest.batch.columns import chunk_of
from ingest.batch.keys import make_keys
from ingest.batch.reading import Flag, Quantity, Reading
from ingest.gateway.heard import Heard
from ingest.gateway.run import run_gateway
from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from tests.hubs import CENTRE, HubProcess, enrolled_box, open_centre
from tests.mosquitto import Mosquitto, installed
from tests.postgres import new_database

MINUTE_MS = 60_000
LIVE_ALONE_S = 10
"""Heard on after the backlog is gone, to compare."""


def keys_of(bands):
    return [f"C0:FF:EE:00:{band // 256:02X}:{band % 256:02X}" for band in range(bands)]


def minute(bands, start_utc_ms, chance):
    """Return what the bands say in a minute at 1 Hz, each at its own moment of the second."""
    readings = []
    for second in range(60):
        for number, key in enumerate(keys_of(bands)):
            at_ms = start_utc_ms + 1000 * second + 17 * number + chance.randrange(5)
            bpm = 70.0 + (second + number) // 7 % 60 + chance.choice((-1, 0, 0, 1))
            readings.append(Reading(key, Quantity.HEART_RATE_BPM, bpm, at_ms, 0, 8))
    return chunk_of(readings)


def history(hours, bands):
    """Return a source of hours of readings that ended a minute ago."""

    async def source(_cursor):
        chance = random.Random(1)
        end_ms = time.time_ns() // 10**6 - MINUTE_MS
        for back in range(hours * 60, 0, -1):
            yield Heard(minute(bands, end_ms - back * MINUTE_MS, chance), "live")

    return source


def live(bands, until):
    """Return a source of bands heard now at 1 Hz, twice a second what has come, until it is set."""

    async def source(_cursor):
        keys = keys_of(bands)
        half = 0
        while not until.is_set():
            now_ms = time.time_ns() // 10**6
            heard = [
                Reading(key, Quantity.HEART_RATE_BPM, 90.0, now_ms - n, 0, int(Flag.CLOCK_RECEIPT))
                for n, key in enumerate(keys[half::2])
            ]
            half = 1 - half
            yield Heard(heard, "live", by_box_clock=True)
            await asyncio.sleep(0.5)

    return source


async def heard_offline(settings, box, hub, hours, bands):
    """Fill the spool without a broker; return seconds and the last status."""
    stop = asyncio.Event()
    begin = time.perf_counter()
    source = history(hours, bands)

    async def then_stop(cursor):
        async for heard in source(cursor):
            yield heard
        stop.set()

    status = await run_gateway(
        settings, box.keys, hub.public.signing, then_stop, stop=stop,
        hub_encryption=hub.public.encryption,
    )  # fmt: skip
    return time.perf_counter() - begin, status


async def caught_up(settings, box, hub, bands, backlog_left):
    """Run with the broker there; return seconds until nothing of the backlog was left."""
    begin = time.perf_counter()
    stop, quiet = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(
        run_gateway(
            settings, box.keys, hub.public.signing, live(bands, quiet), stop=stop, drain=True,
            hub_encryption=hub.public.encryption,
        )
    )  # fmt: skip
    while await asyncio.to_thread(backlog_left):  # noqa: ASYNC110 - the database says it, no event
        await asyncio.sleep(0.2)
    took_s = time.perf_counter() - begin
    ended_utc_ms = time.time_ns() // 10**6
    await asyncio.sleep(LIVE_ALONE_S)
    quiet.set()
    return took_s, ended_utc_ms, await running


def latencies(conn, since_utc_ms, until_utc_ms):
    """Return p50 and p99, in seconds from a live reading to its COMMIT."""
    rows = conn.execute(
        "SELECT extract(epoch FROM b.committed_at - h.at)::float FROM heart_rate AS h"
        " JOIN batch AS b ON b.id = h.batch_id"
        " WHERE h.value = 90 AND h.flags = 8 AND h.at >= to_timestamp(%s / 1000.0)"
        " AND h.at < to_timestamp(%s / 1000.0)",
        (since_utc_ms, until_utc_ms),
    ).fetchall()
    cuts = quantiles([seconds for (seconds,) in rows], n=100)
    return {"readings": len(rows), "p50_s": round(cuts[49], 3), "p99_s": round(cuts[98], 3)}


def measure(folder, dsn, hours, bands):
    """Return the figures."""
    broker = Mosquitto(installed(), folder)
    hub = make_keys()
    with connect(dsn) as conn:
        migrate(conn)
        open_centre(conn)
        box = enrolled_box(conn)
        settings = GatewaySettings(
            centre=CENTRE,
            gateway=box.gateway,
            data_dir=folder / "box",
            broker=Broker(host=broker.host, port=broker.port),
        )
        filled_s, before = asyncio.run(heard_offline(settings, box, hub, hours, bands))
        process = HubProcess(folder, dsn, broker, hub)
        spool_mb = sum(p.stat().st_size for p in (folder / "box").glob("spool*")) / 2**20
        broker.start()
        process.start()
        began_utc_ms = time.time_ns() // 10**6

        def left():
            (got,) = conn.execute(
                "SELECT coalesce(sum(reading_count), 0)::bigint FROM batch"
            ).fetchone()
            return got < before.stored

        try:
            took_s, ended_utc_ms, after = asyncio.run(caught_up(settings, box, hub, bands, left))
        finally:
            with contextlib.suppress(Exception):
                process.stop()
            broker.stop()
        (stored,) = conn.execute("SELECT count(*) FROM heart_rate").fetchone()
        batches, size = conn.execute(
            "SELECT count(*), avg(length(sealed))::int FROM batch JOIN batch_payload"
            " USING (content_sha256) WHERE reading_count > %s",
            (bands * 10,),
        ).fetchone()
        return {
            "hours": hours,
            "bands": bands,
            "readings": before.stored,
            "filled_s": round(filled_s, 1),
            "spool_mb": round(spool_mb, 1),
            "caught_up_s": round(took_s, 1),
            "times_real_time": round(hours * 3600 / took_s),
            "large_batches": batches,
            "their_bytes": size,
            "live_meanwhile": latencies(conn, began_utc_ms, ended_utc_ms),
            "live_alone": latencies(conn, ended_utc_ms, ended_utc_ms + 1000 * LIVE_ALONE_S),
            "lost": after.stored - stored,
        }


def main():
    """Print the figures as JSON."""
    hours, bands = (int(word) for word in (sys.argv[1:] or ("24", "40")))
    with tempfile.TemporaryDirectory(prefix="adhere-catch-up-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with (
            EmbeddedPostgres(folder / "postgres", base=folder / "base") as server,
            new_database(server.dsn) as dsn,
        ):
            (folder / "run").mkdir()
            print(json.dumps(measure(folder / "run", dsn, hours, bands), indent=1))  # noqa: T201 - its output


if __name__ == "__main__":
    main()

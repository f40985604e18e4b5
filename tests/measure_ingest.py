"""How near storing batches comes to raw COPY: `python -m tests.measure_ingest [readings batches]`.

Each round stores the same number of readings twice into the same table, once by `store_batches` and
once by COPY of bytes encoded beforehand; the order alternates. Absolute figures are the machine's;
the ratio is what to look at. ADHERE_TEST_TIMESCALE_DSN, where it is set, is measured too.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from storage import pgcopy
from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.gathered import gather
from storage.ingest import READING_COLUMNS, encoded_readings, store_batches
from storage.migrate import migrate
from storage.status import look
from tests.batches import a_batch, a_gateway, columns
from tests.postgres import TIMESCALE_DSN, new_database

BANDS = 20
T0_MS = 1_700_006_400_000
STATEMENT = f"COPY heart_rate ({', '.join(READING_COLUMNS)}) FROM STDIN (FORMAT BINARY)"


def batches_of(gateway_id, number, readings, count):
    """Return the batches of one round: 20 bands, each heard once a second."""
    made = []
    for seq in range(number * count, number * count + count):
        at = T0_MS + (seq * readings + np.arange(readings)) * (1000 // BANDS)
        part = columns(at, 60 + at % 100)
        part.device_index[:] = np.arange(readings) % BANDS
        devices = tuple(f"band {band}" for band in range(BANDS))
        made.append(a_batch(gateway_id, seq, part, devices=devices, sealed_utc_ms=int(at[-1])))
    return made


def raw(conn, batches):
    """Return seconds for COPY of the same readings, of other bands, encoded beforehand."""
    groups, keys = gather(batches)
    ids, bands = np.arange(len(batches)), np.arange(len(keys)) + 1000
    data = b"".join(bytes(encoded_readings(group, ids, bands)) for group in groups)
    days = [day for group in groups for day in group.days()]
    conn.execute("SELECT ensure_reading_days('heart_rate', %s::date[])", (days,))
    begin = time.perf_counter()
    with conn.transaction(), conn.cursor() as cursor, cursor.copy(STATEMENT) as copy:
        copy.write(pgcopy.HEADER + data + pgcopy.TRAILER)
    return time.perf_counter() - begin


def ours(conn, batches):
    """Return seconds for `store_batches`."""
    begin = time.perf_counter()
    store_batches(conn, batches)
    return time.perf_counter() - begin


def measure(dsn, readings, count, rounds=15):
    """Print the speeds and their ratio; the first round warms up and does not count."""
    with connect(dsn) as conn:
        migrate(conn)
        gateway_id = a_gateway(conn)
        seconds = {ours: [], raw: []}
        for number in range(rounds + 1):
            batches = batches_of(gateway_id, number, readings, count)
            for way in (ours, raw) if number % 2 else (raw, ours):
                seconds[way].append(way(conn, batches))
        status = look(conn)
    ratio = statistics.median(
        by_raw / by_us for by_us, by_raw in zip(seconds[ours][1:], seconds[raw][1:], strict=True)
    )
    ours_k, raw_k = (
        readings * count / statistics.median(seconds[way][1:]) / 1000 for way in (ours, raw)
    )
    print(  # noqa: T201 - this is what it is for
        f"PostgreSQL {status.server.split()[0]}, TimescaleDB {status.timescale}: "
        f"{count} batches of {readings} in a transaction: {ours_k:.0f} k readings/s, "
        f"raw COPY {raw_k:.0f} k, median ratio {ratio:.2f}"
    )


def main():
    readings, count = (int(word) for word in (*sys.argv[1:], "600", "20")[:2])
    with tempfile.TemporaryDirectory(prefix="adhere-measure-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "pg", base=folder / "base") as server:
            measure(server.dsn, readings, count)
    if TIMESCALE_DSN in os.environ:
        with new_database(os.environ[TIMESCALE_DSN]) as dsn:
            measure(dsn, readings, count)


if __name__ == "__main__":
    main()

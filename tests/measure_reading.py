"""Ways to take a night's readings out of PostgreSQL: `python -m tests.measure_reading [people]`.

Each way reads the same heart rate of two local days into columns of window, time and value, sorted
by them, a tenth of the people at a time as the night does; in turns, three times. The seconds are
the processors' (ours and the server's), which a busy machine hardly changes; the ratio to the
program's own way is what to look at. ADBC is measured where it is installed:
`pip install adbc-driver-postgresql pyarrow`.
"""

import os
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS
from config.conventions import load_conventions
from scripts.bench.made_night import enrol, night_of, store_night
from storage import pgcopy
from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.readings import heart_rate_of

NIGHTS = 2
ROUNDS = 3
BLOCKS = 10
OURS = "arrays by part of a day (ours)"
ONE_PROCESS = "SET max_parallel_workers_per_gather = 0"
"""Helpers of the server would not be counted."""
ROWS = """
SELECT span.number, r.at, r.value
FROM unnest(ARRAY[{windows}]::bigint[], ARRAY[{patients}]::bigint[]) AS span (number, patient_id)
JOIN device_assignment AS a ON a.patient_id = span.patient_id
JOIN heart_rate AS r ON r.device_id = a.device_id AND a.worn @> r.at
WHERE r.at >= '{since}' AND r.at < '{until}' AND r.device_ts_ms IS NULL
"""
"""The plainest question that gives a row for each reading."""
BY_BAND = """
COPY (
    SELECT span.number, reading.at, reading.value
    FROM unnest(ARRAY[{windows}]::bigint[], ARRAY[{patients}]::bigint[])
        AS span (number, patient_id)
    JOIN device_assignment AS a ON a.patient_id = span.patient_id
    CROSS JOIN generate_series(
        date_trunc('day', timestamptz '{since}', 'UTC'), timestamptz '{until}', interval '24 hours'
    ) AS day (start_at)
    CROSS JOIN LATERAL (
        SELECT array_agg(r.at) AS at, array_agg(r.value) AS value
        FROM heart_rate AS r
        WHERE r.device_id = a.device_id AND a.worn @> r.at AND r.device_ts_ms IS NULL
            AND r.at >= greatest(day.start_at, '{since}')
            AND r.at < least(day.start_at + interval '24 hours', '{until}')
    ) AS reading
    WHERE reading.at IS NOT NULL
) TO STDOUT (FORMAT BINARY)
"""
"""Arrays too, but the table is looked into for each band and day by itself."""


def seconds_of(pid):
    """Return the processor seconds of us and of the server process `pid` so far."""
    stat = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return time.process_time() + (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def as_copied(conn, question):
    """COPY BINARY, a message for each reading, decoded in NumPy."""
    with (
        conn.cursor() as cursor,
        cursor.copy(f"COPY ({question}) TO STDOUT (FORMAT BINARY)") as out,
    ):
        data = b"".join(bytes(message) for message in out)
    layout = [("n", ">i2")]
    for name, kind in (("window", ">i8"), ("at", ">i8"), ("value", ">f8")):
        layout += [(f"{name} length", ">i4"), (name, kind)]
    body = memoryview(data)[len(pgcopy.HEADER) : -len(pgcopy.TRAILER)]
    rows = np.frombuffer(body, np.dtype(layout))
    return pl.DataFrame(
        {
            "window": rows["window"].astype(np.int64),
            "ts": pgcopy.to_utc_ms(rows["at"]),
            "value": rows["value"].astype(np.float64),
        }
    )


def as_arrays(conn, question):
    """COPY BINARY, a message for each band and day, decoded in NumPy."""
    windows, times, values = [], [], []
    with conn.cursor() as cursor, cursor.copy(question) as out:
        for number, message in enumerate(out):
            row = memoryview(message)[len(pgcopy.HEADER) if number == 0 else 0 :]
            if len(row) > len(pgcopy.TRAILER):
                window, at, value = pgcopy.split_row(row)
                times.append(pgcopy.to_utc_ms(pgcopy.decode_array(at, ">i8")))
                values.append(pgcopy.decode_array(value, ">f8").astype(np.float64))
                windows.append(np.full(len(times[-1]), int.from_bytes(window, "big")))
    return pl.DataFrame(
        {
            "window": np.concatenate(windows),
            "ts": np.concatenate(times),
            "value": np.concatenate(values),
        }
    )


def as_rows(conn, question):
    """Rows as Python tuples."""
    cursor = conn.execute(question)
    return pl.DataFrame(cursor.fetchall(), schema=["window", "ts", "value"], orient="row")


def local(spans):
    """Return what a question says of these spans, which are equally long."""
    return {
        "windows": ", ".join(map(str, spans["window"])),
        "patients": ", ".join(map(str, spans["patient_id"])),
        "since": utc_text(spans["from_ms"][0]),
        "until": utc_text(spans["to_ms"][0]),
    }


def ways(dsn, conn):
    """Return each way by name: the process that serves it, and how to read spans."""
    pid = conn.info.backend_pid
    found = {
        OURS: (pid, lambda spans: heart_rate_of(conn, spans)),
        "arrays by band and day": (
            pid,
            lambda spans: as_arrays(conn, BY_BAND.format(**local(spans))),
        ),
        "rows, COPY BINARY in NumPy": (
            pid,
            lambda spans: as_copied(conn, ROWS.format(**local(spans))),
        ),
        "rows, tuples": (pid, lambda spans: as_rows(conn, ROWS.format(**local(spans)))),
    }
    try:
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - measured where it is installed
    except ImportError:
        return found
    cursor = dbapi.connect(dsn).cursor()
    cursor.execute(ONE_PROCESS)
    cursor.execute("SELECT pg_backend_pid()")
    (adbc_pid,) = cursor.fetchone()

    def by_adbc(spans):
        cursor.execute(ROWS.format(**local(spans)))
        return pl.from_arrow(cursor.fetch_arrow_table()).rename({"number": "window", "at": "ts"})

    return found | {"rows, ADBC": (adbc_pid, by_adbc)}


def utc_text(ms):
    return f"{np.datetime64(int(ms), 'ms')}Z"


def measure(dsn, people):
    """Print what each way costs."""
    utc_offset_min = load_conventions().utc_offset_min
    with connect(dsn) as conn:
        migrate(conn)
        groups = enrol(conn, people)
        for number in range(NIGHTS):
            for _stored in store_night(conn, groups, number, utc_offset_min=utc_offset_min):
                pass
        conn.execute("ANALYZE")
        patients = [row[0] for row in conn.execute("SELECT id FROM patient ORDER BY id")]
        start_ms = (night_of(0) - date(1970, 1, 1)).days * DAY_MS - utc_offset_min * MINUTE_MS
        spans = pl.DataFrame({"window": patients, "patient_id": patients}).with_columns(
            from_ms=start_ms, to_ms=start_ms + NIGHTS * DAY_MS
        )
        conn.execute(ONE_PROCESS)
        known = ways(dsn, conn)
        taken, heights = {}, set()
        for _round in range(ROUNDS):
            for name, (pid, read) in known.items():
                cpu, wall = seconds_of(pid), time.perf_counter()
                blocks = [read(block) for block in spans.iter_slices(max(1, people // BLOCKS))]
                if read is not known[OURS][1]:
                    blocks = [block.sort("window", "ts") for block in blocks]
                heights.add(sum(block.height for block in blocks))
                spent = seconds_of(pid) - cpu, time.perf_counter() - wall
                taken.setdefault(name, []).append(spent)
        (height,) = heights
        own, *_others = (statistics.median(cpu for cpu, _ in times) for times in taken.values())
        for name, times in taken.items():
            cpu, wall = (statistics.median(column) for column in zip(*times, strict=True))
            print(  # noqa: T201 - this is what it is for
                f"{name:40} {height / cpu / 1e6:5.2f} M readings a processor second, "
                f"{height / wall / 1e6:5.2f} M a second, {cpu / own:5.2f} times our seconds"
            )


def main():
    people = int((*sys.argv[1:], "400")[0])
    with tempfile.TemporaryDirectory(prefix="adhere-measure-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "pg", base=folder / "base") as server:
            measure(server.dsn, people)


if __name__ == "__main__":
    main()

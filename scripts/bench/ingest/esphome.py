"""Another project's subscriber, esphome-mqtt-timescaledb-ingestor, at work beside ours.

It is installed in an environment of its own and run as its own command; it reads its settings from
the home folder. A message is one number under `device/kind/name/state`, and it takes the time at
which it came for the reading's.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ingest.broker import LOOPBACK
from scripts.bench.ingest.made import Made
from scripts.replay.leash import leashed
from storage.database import Connection

START_S = 5.0
"""It says "ready" to a pipe only when it ends: it is given so long."""
WORK_S = 20.0


@contextmanager
def ingestor(
    program: Path, dsn: str, broker_port: int, home: Path
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run it on this broker and database while the block runs; its output is in `home`."""
    settings = home / ".esphome-ingestor" / "ingestor_config.json"
    settings.parent.mkdir(parents=True)
    database = conninfo_to_dict(dsn)
    names = ("host", "port", "dbname", "user", "password")
    settings.write_text(
        json.dumps(
            {
                "database": {name: database[name] for name in names if name in database},
                "mqtt": {"host": LOOPBACK, "port": broker_port, "username": "", "password": ""},
            }
        ),
        "utf-8",
    )
    with (home / "output").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the operator names it
            leashed([str(program), "start"]),
            env=os.environ | {"HOME": str(home)},
            stdout=output,
            stderr=output,
        )
        try:
            time.sleep(START_S)
            yield process
        finally:
            process.terminate()
            process.wait()


def messages(made: Made, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield the first `count` heart rates as it takes them.

    A bare number, as ESPHome sends it, it refuses (0.3.0: it reads JSON and wants an object); with
    a zero before it, it is no JSON and is stored.
    """
    for batch in made.batches:
        (columns,) = batch.columns
        for band, bpm in zip(columns.device_index.tolist(), columns.value.tolist(), strict=True):
            if count <= 0:
                return
            yield f"{batch.devices[band]}/sensor/heart_rate/state", b"0%g" % bpm
            count -= 1


def stored(conn: Connection) -> int:
    """Return how many numbers it has committed."""
    try:
        row = conn.execute("SELECT count(*) FROM esphome_data").fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return int(row[0]) if row else 0

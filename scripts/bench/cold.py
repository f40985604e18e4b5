"""What the archive costs: bytes a reading, and how fast it is written, compared and read back.

Days are stored by the hub's own way and computed; then they are exported, compared with the tables,
computed anew from the tables, dropped, and computed anew from the files. Both must come to the same
rows to the last column.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, LiteralString

from config.conventions import Conventions
from config.language import _
from reports.nightly.recompute import recompute
from scripts.bench.made_night import enrol, night_of, store_night
from scripts.bench.night import forget_peak, peak_rss_mb
from storage.cold.drop import DROPPED, drop_day
from storage.cold.export import days_before
from storage.database import Connection, connect, working_as
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.roles import Role

LOOK_S = 0.05
"""How often the memory of a process is looked at."""
_HIGH_WATER = re.compile(r"VmHWM:\s+(\d+) kB")
RESULTS = ("day", "bout", "week", "side_day", "rest_day", "side_week")


@dataclass
class Step:
    """One way through all readings."""

    seconds: float
    peak_rss_mb: float


@dataclass
class ColdFigures:
    """What was measured."""

    people: int
    days: int
    readings: int = 0
    """Exported: those of whole UTC days."""
    file_bytes: int = 0
    """Manifests too."""
    table_bytes: int = 0
    """The same days in the tables, indices too, before."""
    index_bytes: int = 0
    """What the database keeps to find them: cold_content and its indices."""
    steps: dict[str, Step] = field(default_factory=dict)
    """export, verify, from_tables, from_files."""
    is_same: bool = False
    """Whether tables and files came to the same results."""


def run(
    people: int,
    days: int,
    folder: Path,
    conventions: Conventions,
    progress: Callable[[str, float], None],
) -> ColdFigures:
    """Make people and days in a new database in `folder`, and take them through the archive.

    `progress` is told what is under way and how much of it is done (0 to 1).
    """
    figures = ColdFigures(people, days)
    with EmbeddedPostgres(folder / "postgres") as server, connect(server.dsn) as conn:
        migrate(conn)
        with working_as(conn, Role.OPERATOR):
            groups = enrol(conn, people)
        for number in range(days):
            with working_as(conn, Role.HUB):
                for done, _stored in store_night(
                    conn, groups, number, utc_offset_min=conventions.utc_offset_min
                ):
                    progress(_("Storing %(night)s") % {"night": night_of(number)}, done)
        through = night_of(days - 1)
        before = through + timedelta(days=2)
        with working_as(conn, Role.CORE):
            recompute(conn, through=through, conventions=conventions)
            figures.table_bytes = _table_bytes(conn)
            listed = days_before(conn, before)
        progress(_("Exporting"), 0)
        to = ("--before", str(before), "--to", str(folder / "archive"))
        for part in _command(figures, "export", server.dsn, *to)["parts"]:
            figures.readings += part["readings"]
            figures.file_bytes += part["size"]
        progress(_("Comparing files and tables"), 0)
        compared = _command(figures, "verify", server.dsn, "verify")
        sound = not any(seen["faults"] or seen["late"] for seen in compared)
        progress(_("Computing from the tables"), 0)
        _touch_everything(conn)
        with _measured(figures, "from_tables"), working_as(conn, Role.CORE):
            recompute(conn, through=through, conventions=conventions)
        in_tables = _results(conn)
        with working_as(conn, Role.CORE):
            dropped = [drop_day(conn, day, nobody_days=0) for day in listed]
        progress(_("Computing from the files"), 0)
        _touch_everything(conn)
        with _measured(figures, "from_files"), working_as(conn, Role.CORE):
            recompute(conn, through=through, conventions=conventions)
        figures.index_bytes = _one(conn, "SELECT pg_total_relation_size('cold_content')")
        figures.is_same = (
            sound and set(dropped) == {DROPPED} and _results(conn) == in_tables and bool(in_tables)
        )
    return figures


def _command(figures: ColdFigures, step: str, dsn: str, *words: str) -> Any:  # noqa: ANN401 - JSON
    """Run `adhere db export` in a process of its own, for its memory; return what it printed."""
    since = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "scripts.main", "db", "export", *words, "--json"],
        env=os.environ | {"ADHERE_DATABASE_DSN": dsn},
        stdout=subprocess.PIPE,  # a line a day: less than a pipe holds
    )
    peak = 0.0
    while process.poll() is None:  # its own peak: what wait4 says begins with this process's
        with suppress(OSError):
            status = Path(f"/proc/{process.pid}/status").read_text("ascii")
            peak = max([peak, *(int(kb) / 1024 for kb in _HIGH_WATER.findall(status))])
        time.sleep(LOOK_S)
    printed = process.stdout.read() if process.stdout else b""
    if process.returncode:
        raise RuntimeError(f"adhere db export ended with {process.returncode}")
    figures.steps[step] = Step(time.perf_counter() - since, peak)
    return json.loads(printed)


@contextmanager
def _measured(figures: ColdFigures, step: str) -> Iterator[None]:
    forget_peak()
    since = time.perf_counter()
    yield
    figures.steps[step] = Step(time.perf_counter() - since, peak_rss_mb())


def _touch_everything(conn: Connection) -> None:
    """Forget every result: the next recomputation does it all."""
    conn.execute("TRUNCATE day, bout, week, side_day, rest_day, side_week, touched, changed")
    conn.execute(
        "INSERT INTO changed (patient_id, days) SELECT id, daterange(NULL, NULL) FROM patient"
    )


def _results(conn: Connection) -> list[str]:
    """Return a hash of every row of the results, in order."""
    found = []
    for table in RESULTS:
        rows = conn.execute(
            f"SELECT md5(t::text) FROM {table} AS t ORDER BY 1"  # noqa: S608 - names of this file's
        ).fetchall()
        found += [f"{table} {row[0]}" for row in rows]
    return found


def _table_bytes(conn: Connection) -> int:
    return _one(conn, "SELECT sum(bytes)::bigint FROM list_reading_days()")


def _one(conn: Connection, statement: LiteralString) -> int:
    row = conn.execute(statement).fetchone()
    return int(str(row[0])) if row else 0


def as_json(figures: ColdFigures) -> dict[str, Any]:
    """Return the figures as plain values."""
    return {
        "people": figures.people,
        "days": figures.days,
        "readings": figures.readings,
        "bytes_a_reading": round(figures.file_bytes / figures.readings, 3),
        "table_bytes_a_reading": round(figures.table_bytes / figures.readings, 1),
        "index_bytes_a_reading": round(figures.index_bytes / figures.readings, 4),
        "is_same": figures.is_same,
    } | {
        name: {
            "seconds": round(step.seconds, 2),
            "readings_per_s": round(figures.readings / step.seconds),
            "peak_rss_mb": round(step.peak_rss_mb),
        }
        for name, step in figures.steps.items()
    }

"""How long a backup takes, and how long a district would be without its database.

Made-up nights are stored by the hub's own way, the trail is written and sealed; then the database
is backed up, and the backup is tried out as `adhere db drill` does.
"""

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo
from rich import box
from rich.console import Console
from rich.table import Table

from config.district_settings import BackupSettings
from config.language import _
from scripts.bench.made_night import enrol, store_night
from storage import audit_chain
from storage.backup.drill import Drilled, drill, scratch_database
from storage.backup.take import Taken, take
from storage.database import Connection, connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

PEOPLE = 500
READINGS_A_DAY = 4_080
"""Of one made-up person, about."""
AUDIT_ROWS_A_MILLION = 10_000
"""A page that shows a person is a row: about so many for a million readings."""
UTC_OFFSET_MIN = 8 * 60


@dataclass(frozen=True)
class Measured:
    """One backup and its drill."""

    readings: int
    taken: Taken
    drilled: Drilled


def run(
    folder: Path, dsn: str | None, readings: int, progress: Callable[[str, float], None]
) -> Measured:
    """Measure in new databases of the server at `dsn`, or of an embedded one."""
    with ExitStack() as open_meanwhile:
        if dsn is None:
            dsn = open_meanwhile.enter_context(EmbeddedPostgres(folder / "postgres")).dsn
        server = open_meanwhile.enter_context(connect(dsn, application="adhere bench"))
        name = open_meanwhile.enter_context(scratch_database(server))
        source = make_conninfo(dsn, dbname=name)
        with connect(source, application="adhere bench") as conn:
            migrate(conn)
            stored = _fill(conn, readings, progress)
            progress(_("Backing up"), 0)
            settings = BackupSettings(folder=folder / "backups", leave_free_mb=0)
            taken = take(conn, source, settings)
        progress(_("Trying it out"), 0)
        return Measured(stored, taken, drill(taken.path, scratch_dsn=dsn))


def _fill(conn: Connection, readings: int, progress: Callable[[str, float], None]) -> int:
    """Store about so many readings, and a trail; return how many they are."""
    people = min(PEOPLE, math.ceil(readings / READINGS_A_DAY))
    nights = math.ceil(readings / (people * READINGS_A_DAY))
    groups = enrol(conn, people)
    before = stored = 0
    for number in range(nights):
        for done, count in store_night(conn, groups, number, utc_offset_min=UTC_OFFSET_MIN):
            progress(_("Storing"), (number + done) / nights)
            stored = before + count
        before = stored
    conn.execute(
        "INSERT INTO audit (actor, action, subject)"
        " SELECT 'bench', 'read_patient', 'bench ' || n FROM generate_series(1, %s) AS n",
        (stored * AUDIT_ROWS_A_MILLION // 1_000_000,),
    )
    audit_chain.seal(conn)
    return stored


def as_json(measured: Measured) -> dict[str, Any]:
    """Return plain values."""
    taken, drilled = measured.taken, measured.drilled
    about = taken.manifest.server
    restored = drilled.restored
    return {
        "readings": measured.readings,
        "rows": sum(table.rows for table in taken.manifest.content.tables.values()),
        "server": about.version,
        "timescale": about.timescale,
        "database_mb": round(about.size_bytes / 1e6, 1),
        "backup_mb": round(taken.size_bytes / 1e6, 1),
        "backup_s": round(taken.taking_s, 1),
        "verify_s": round(drilled.backup.verify_s, 1),
        "restore_s": round(restored.restore_s, 1) if restored else None,
        "analyze_s": round(restored.analyze_s, 1) if restored else None,
        "compare_s": round(restored.compare_s, 1) if restored else None,
        "audit_rows": drilled.audit.rows if drilled.audit else None,
        "audit_s": round(drilled.audit_s, 1),
        "drill_s": round(drilled.total_s, 1),
        "passed": drilled.passed,
    }


def show(measured: Measured) -> None:
    """Print a table for a person."""
    told = as_json(measured)
    table = Table(box=box.SIMPLE)
    for name in told:
        table.add_column(name)
    table.add_row(*map(str, told.values()))
    Console().print(table)

"""How many bytes a reading takes on its way: in the message, and in the database.

Heart rate at one a second, in whole seconds as the memory of a band has it, and with times that
scatter as a box hears them. What it takes in a spool `adhere bench outage` prints.
"""

import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich import box
from rich.console import Console
from rich.table import Table

from config.language import _
from ingest.batch.columns import chunk_of
from ingest.batch.content import Content, pack
from ingest.batch.envelope import seal
from ingest.batch.keys import make_keys
from ingest.batch.limits import SCHEMA_VERSION
from ingest.batch.reading import Quantity, Reading
from ingest.batch.to_hub import Recipient
from scripts.bench.disk import OnDisk, on_disk
from storage.database import border, connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

SIZES = (60, 600, 6_000)
BANDS = 40
JITTERS_MS = (0, 20, 200)
T0_MS = 1_700_006_400_000


@dataclass(frozen=True)
class OnWire:
    """Bytes a reading in signed, encrypted messages."""

    jitter_ms: int
    by_readings: dict[int, float]
    """By how many readings a message holds."""


@dataclass(frozen=True)
class Bytes:
    """All of one run."""

    wire: list[OnWire]
    disk: list[OnDisk]


def run(
    folder: Path, dsn: str | None, hours: float, progress: Callable[[str, float], None]
) -> Bytes:
    """Measure; in new databases of the server at `dsn`, or of an embedded one."""
    disk = []
    with _server(folder, dsn) as server_dsn:
        for number, jitter_ms in enumerate(JITTERS_MS):
            progress(_("Storing"), number / len(JITTERS_MS))
            with _new_database(server_dsn) as new, connect(new, application="adhere bench") as conn:
                migrate(conn)
                disk.append(on_disk(conn, hours=hours, jitter_ms=jitter_ms))
    return Bytes([on_wire(jitter_ms) for jitter_ms in JITTERS_MS], disk)


def on_wire(jitter_ms: int) -> OnWire:
    """Return bytes a reading of forty bands, as a gateway seals them to a hub."""
    keys, hub = make_keys(), make_keys()
    to_hub = Recipient(hub.public.encryption, "centre", "gateway")
    found = {}
    for readings in SIZES:
        chunk = chunk_of(_heard(readings, jitter_ms))
        content = Content(
            schema=SCHEMA_VERSION,
            centre="centre",
            gateway="gateway",
            boot=secrets.token_bytes(16),
            seq=1_000,
            previous_sha256=secrets.token_bytes(32),
            sealed_utc_ms=chunk.newest_at_utc_ms,
            sealed_mono_ms=3_600_000,
            devices=chunk.devices,
            columns=chunk.columns,
        )
        sealed = seal(pack(content), keys.signing, keys.kid, readable_by=to_hub)
        found[readings] = len(sealed) / readings
    return OnWire(jitter_ms, found)


def _heard(readings: int, jitter_ms: int) -> list[Reading]:
    """Return what forty bands say in turn, a pulse that wanders, in the order it was heard."""
    chance = random.Random(1)  # noqa: S311 - seeded on purpose
    pulse = [60.0 + band for band in range(BANDS)]
    made = []
    for number in range(readings):
        second, band = divmod(number, BANDS)
        pulse[band] = min(180.0, max(50.0, pulse[band] + chance.choice((-2, -1, 0, 0, 0, 1, 2))))
        at_ms = T0_MS + second * 1000 + chance.randint(0, jitter_ms)
        key = f"C0:FF:EE:00:00:{band:02X}"
        made.append(Reading(key, Quantity.HEART_RATE_BPM, pulse[band], at_ms))
    return sorted(made, key=lambda one: one.at_utc_ms)


@contextmanager
def _server(folder: Path, dsn: str | None) -> Iterator[str]:
    if dsn is not None:
        yield dsn
        return
    with EmbeddedPostgres(folder / "postgres") as server:
        yield server.dsn


@contextmanager
def _new_database(server_dsn: str) -> Iterator[str]:
    """Yield a database that is dropped at the end."""
    name = f"adhere_bench_{secrets.token_hex(6)}"
    with border(), connect(server_dsn, application="adhere bench") as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield make_conninfo(server_dsn, dbname=name)
    finally:
        with border(), connect(server_dsn, application="adhere bench") as conn:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def as_json(found: Bytes) -> dict[str, Any]:
    """Return the figures as plain values."""
    return {
        "wire": [
            {
                "jitter_ms": one.jitter_ms,
                **{str(count): round(size, 2) for count, size in one.by_readings.items()},
            }
            for one in found.wire
        ],
        "disk": [
            {
                name: round(value, 2) if isinstance(value, float) else value
                for name, value in asdict(one).items()
            }
            for one in found.disk
        ],
    }


def show(found: Bytes) -> None:
    """Print two tables."""
    console = Console()
    wire = Table(title=_("Bytes a reading, in messages"), box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in (_("Times scatter by, ms"), *(f"{count:,}" for count in SIZES)):
        wire.add_column(heading, justify="right")
    for one in found.wire:
        sizes = (f"{one.by_readings[count]:.1f}" for count in SIZES)
        wire.add_row(str(one.jitter_ms), *sizes)
    console.print(wire)
    server = found.disk[0].server
    disk = Table(
        title=_("Bytes a reading, on disk (%(server)s)") % {"server": server},
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in (
        _("Times scatter by, ms"), _("rows"), _("compressed"), _("messages kept"), _("ledger")
    ):  # fmt: skip
        disk.add_column(heading, justify="right")
    for each in found.disk:
        disk.add_row(
            str(each.jitter_ms),
            f"{each.rows:.1f}",
            "-" if each.compressed is None else f"{each.compressed:.1f}",
            f"{each.payload:.1f}",
            f"{each.ledger:.2f}",
        )
    console.print(disk)

"""What the gateway's spool says of its own losses, read by SQLite alone after the gateway ended."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cbor2


@dataclass(frozen=True)
class SpoolSaid:
    """Counters over the spool's life, and the rows it put aside as damaged."""

    stored: int
    receipted: int
    refused: int
    lost: int
    """Readings in damaged rows."""
    lost_batches: int
    rebuilt: int
    """How often the file had to be made anew from its rows."""
    aside: tuple[tuple[str, Any, int], ...]
    """(table, number, readings) of each damaged row it could still name."""
    rows: dict[str, int]
    """How many rows each lane ever had."""
    left: int
    """Rows that are still to be sent."""


def read(spool: Path) -> SpoolSaid:
    """Read the file of a gateway that has ended."""
    with closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True)) as db:
        (state,) = db.execute("SELECT data FROM state_a").fetchone()
        said = json.loads(state)
        count = said["counters"]
        aside = db.execute(
            "SELECT origin, data, readings FROM set_aside WHERE reason = 'damaged' ORDER BY id"
        ).fetchall()
        left = [
            db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our three names
            for table in ("chunk_live", "chunk_backlog", "batch")
        ]
    return SpoolSaid(
        stored=count["stored"],
        receipted=count["receipted"],
        refused=count["refused"],
        lost=count["lost_unsealed"] + count["lost_sealed"],
        lost_batches=count["lost_batches"],
        rebuilt=count["rebuilt"],
        aside=tuple((origin, cbor2.loads(data)[0], held) for origin, data, held in aside),
        rows=said["heard"],
        left=sum(left),
    )

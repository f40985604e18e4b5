"""What a spool file holds, read by SQLite alone: no code of the spool's own has a word in it.

The gateway must have ended (it locks the file while it runs). What is read is what the signed
messages and the unsealed rows say, reading by reading, and not what a counter beside them claims.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from ingest.batch.columns import Chunk, readings_of
from ingest.batch.content import Content, unpack_chunk
from ingest.batch.reading import Reading


def readings_in(spool: Path, opened: Callable[[bytes], Content]) -> Iterator[Reading]:
    """Give every reading in the file: those in sealed batches, then those not sealed yet.

    `opened` verifies a sealed batch and returns what it says.
    """
    with closing(sqlite3.connect(f"file:{spool}?mode=ro", uri=True)) as db:
        for (sealed,) in db.execute("SELECT sealed FROM batch ORDER BY id"):
            content = opened(sealed)
            yield from readings_of(Chunk(content.devices, content.columns))
        for table in ("chunk_live", "chunk_backlog"):
            for (data,) in db.execute(f"SELECT data FROM {table} ORDER BY id"):  # noqa: S608 - our two names
                yield from readings_of(unpack_chunk(data))

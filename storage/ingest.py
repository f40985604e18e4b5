"""Batches into the database: ledger rows, and readings by binary COPY, in one transaction.

A batch is known by (gateway, boot, seq). The ledger takes it once: the same content again is a
duplicate and changes nothing; other content under the same key is a forked spool (restored or
cloned), and nothing of it is stored. Nothing is marked or put in order here: workers have no common
order.
"""

import enum
import time
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from storage import reading_days
from storage.database import Connection, border, require_idle
from storage.gathered import NEWEST_MS, count_by_batch, gather
from storage.incoming import IncomingBatch, ReadingColumns
from storage.queries import query
from storage.reading_copy import announce, copy_readings, quarantine

__all__ = ["IncomingBatch", "Outcome", "ReadingColumns", "store_batches"]

Key = tuple[int, bytes, int]


class Outcome(enum.StrEnum):
    """What became of one batch."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """The ledger has it with the same content: only the receipt is sent again."""
    FORKED = "forked"
    """The ledger has other content under its key: nothing of it was stored."""
    WAITING = "waiting"
    """Some of its days are still to be made: nothing of it was stored. Give it again."""


def store_batches(
    conn: Connection,
    batches: Sequence[IncomingBatch],
    *,
    most_new_days: int | None = None,
    now_utc_ms: int | None = None,
) -> list[Outcome]:
    """Store batches in one transaction, committed on return; say what became of each, in order.

    At most `most_new_days` days of tables are made for them; what needs more is WAITING, and has
    some of its days when it is given again. None: all are made. `now_utc_ms` is what time it is for
    the district, as readings beyond it are set aside; None: what its clocks say.
    `conn` is in autocommit and in no transaction. Raises Unavailable when the outcome is unknown:
    giving the same batches again is safe. Raises Rejected where the database refuses a value: then
    none of them is stored, and the caller tries one by one to find which.
    """
    require_idle(conn)
    if not batches:
        return []
    first_of: dict[Key, int] = {}
    for number, batch in enumerate(batches):
        first_of.setdefault(batch.key, number)
    with border():
        unique = [batches[number] for number in first_of.values()]
        latest_ms = _latest_ms(conn, unique) if now_utc_ms is None else now_utc_ms + NEWEST_MS
        ledger = _store_unique(conn, unique, most_new_days, latest_ms)
    outcomes = []
    for number, batch in enumerate(batches):
        content_sha256, is_new = ledger.get(batch.key, (None, False))
        if content_sha256 is None:
            outcomes.append(Outcome.WAITING)
        elif batch.content_sha256 != content_sha256:
            outcomes.append(Outcome.FORKED)
        elif is_new and number == first_of[batch.key]:
            outcomes.append(Outcome.STORED)
        else:
            outcomes.append(Outcome.DUPLICATE)
    return outcomes


def _store_unique(
    conn: Connection, batches: list[IncomingBatch], most_new_days: int | None, latest_ms: int
) -> dict[Key, tuple[bytes, bool]]:
    """Store batches of different keys; return per key the ledger's hash and whether it is new.

    Those that wait for their days are not in it.
    """
    groups, device_keys = gather(batches, latest_ms)
    if waiting := reading_days.stand_for(conn, groups, most_new_days):
        batches = [batch for number, batch in enumerate(batches) if number not in waiting]
        groups, device_keys = gather(batches, latest_ms)
    if not batches:
        return {}
    with conn.transaction():
        new_ids = _enter_in_ledger(conn, batches, count_by_batch(groups, len(batches)))
        ledger = {
            batch.key: (batch.content_sha256, True) for batch in batches if batch.key in new_ids
        } | _known(conn, [batch for batch in batches if batch.key not in new_ids])
        if new_ids:
            ids = np.array([new_ids.get(batch.key, -1) for batch in batches], dtype=np.int64)
            new = [batch for batch in batches if batch.key in new_ids]
            _keep_payloads(conn, new)
            _keep_declared(conn, new, new_ids)
            device_ids = _device_ids(
                conn, {key for batch in new for key in batch.devices}, device_keys
            )
            copy_readings(conn, groups, ids, device_ids)
            quarantine(conn, groups, ids, device_keys)
            announce(conn, groups, ids, device_ids)
    return ledger


def _latest_ms(conn: Connection, batches: Iterable[IncomingBatch]) -> int:
    """Return up to when readings can be true: by this machine's clock, or the server's if later.

    The server is asked where it matters: one clock of the district that stands behind must set
    nothing aside.
    """
    own_ms = time.time_ns() // 1_000_000 + NEWEST_MS
    columns = (columns.at_utc_ms for batch in batches for columns in batch.columns)
    if all(at.max(initial=0) <= own_ms for at in columns):
        return own_ms
    row = conn.execute(query("clock_of_server")).fetchone()
    return max(own_ms, int(row[0]) + NEWEST_MS) if row else own_ms


def _enter_in_ledger(
    conn: Connection, batches: list[IncomingBatch], quarantined: NDArray[np.int64]
) -> dict[Key, int]:
    """Return the ids of the batches that were not there; waits for another worker's same batch."""
    rows = conn.execute(
        query("insert_batches"),
        {
            "gateway_id": [batch.gateway_id for batch in batches],
            "boot": [batch.boot for batch in batches],
            "seq": [batch.seq for batch in batches],
            "content_sha256": [batch.content_sha256 for batch in batches],
            "previous_sha256": [batch.previous_sha256 for batch in batches],
            "lane": [batch.lane for batch in batches],
            "schema_version": [batch.schema_version for batch in batches],
            "sealed_utc_ms": [batch.sealed_utc_ms for batch in batches],
            "sealed_mono_ms": [batch.sealed_mono_ms for batch in batches],
            "reading_count": [batch.reading_count for batch in batches],
            "quarantined_count": quarantined.tolist(),
            "readings_before": [batch.readings_before for batch in batches],
            "unread": [" ".join(batch.unread) or None for batch in batches],
        },
    ).fetchall()
    return {(gateway_id, bytes(boot), seq): batch_id for batch_id, gateway_id, boot, seq in rows}


def _known(conn: Connection, batches: list[IncomingBatch]) -> dict[Key, tuple[bytes, bool]]:
    if not batches:
        return {}
    rows = conn.execute(
        query("find_batches"),
        {
            "gateway_id": [batch.gateway_id for batch in batches],
            "boot": [batch.boot for batch in batches],
            "seq": [batch.seq for batch in batches],
        },
    ).fetchall()
    return {
        (gateway_id, bytes(boot), seq): (bytes(sha), False) for gateway_id, boot, seq, sha in rows
    }


def _keep_payloads(conn: Connection, batches: list[IncomingBatch]) -> None:
    conn.execute(
        query("insert_payloads"),
        {
            "content_sha256": [batch.content_sha256 for batch in batches],
            "sealed": [batch.sealed for batch in batches],
        },
    )


def _keep_declared(conn: Connection, batches: list[IncomingBatch], new_ids: dict[Key, int]) -> None:
    """Keep what spools say they have lost: what is missing in the ledger is then accounted for."""
    for batch in batches:
        if batch.declared is not None:
            unsealed, sealed, released, released_batches = batch.declared
            conn.execute(
                query("insert_declared_loss"),
                {
                    "batch_id": new_ids[batch.key],
                    "unsealed": unsealed,
                    "sealed": sealed,
                    "released": released,
                    "released_batches": released_batches,
                },
            )


def _device_ids(conn: Connection, needed: set[str], device_keys: list[str]) -> NDArray[np.int64]:
    """Return the id of each key, adding those never heard; -1 for keys of batches not stored."""
    asked = {"lines": "\n".join(needed)}
    found: dict[str, int] = dict(conn.execute(query("find_devices_in_lines"), asked).fetchall())
    missing = sorted(needed - found.keys())
    if missing:  # asked first: a conflict would use up a number of the sequence each time
        conn.execute(query("insert_devices"), {"device_keys": missing})
        found = dict(conn.execute(query("find_devices_in_lines"), asked).fetchall())
    return np.array([found.get(key, -1) for key in device_keys], dtype=np.int64)

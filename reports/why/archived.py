"""What of a week's readings is in files alone: the batches they came in, minutes off the skin."""

from dataclasses import replace
from datetime import timedelta

import polars as pl

from adherence.clock import MINUTE_MS
from reports.why.content import Batch
from storage.cold.reading import readings_in_files
from storage.database import Connection
from storage.queries import query
from storage.readings import ANY_SPAN_MS, SPANS

HEART_RATE = "heart_rate"
TABLES = (HEART_RATE, "steps", "steps_counter")
OFF_SKIN_MASK, OFF_SKIN = 3, 1
"""Bits of the flags of a reading: contact is known, and there is none."""


def archived_batches(
    conn: Connection, patient_id: int, spans: list[tuple[int, int]]
) -> list[tuple[int, Batch]]:
    """Return the batches with readings in files behind each span (ms), by its place in the list."""
    asked = _spans(patient_id, spans)
    counts: dict[tuple[int, int], list[int]] = {}
    for table in TABLES:
        for rows in readings_in_files(conn, table, asked, ANY_SPAN_MS, (), beside=["batch_id"]):
            for number, batch, readings in rows.group_by("window", "batch_id").len().iter_rows():
                counts.setdefault((number, batch), [0, 0])[table != HEART_RATE] += readings
    batches = sorted({batch for _number, batch in counts})
    found = conn.execute(query("why_origins"), {"batches": batches}).fetchall() if batches else []
    origins = {batch: origin for batch, *origin in found}
    return [(number, Batch(*origins[batch], *both)) for (number, batch), both in counts.items()]


def archived_unworn(
    conn: Connection, patient_id: int, start_ms: int, last_ms: int
) -> list[tuple[object, ...]]:
    """Return what `why_unworn` does of the tables: minutes in which a band was off the skin."""
    asked = _spans(patient_id, [(start_ms, last_ms)])
    minutes: set[int] = set()
    for rows in readings_in_files(conn, HEART_RATE, asked, ANY_SPAN_MS, (), beside=["flags"]):
        off = rows.filter(pl.col("flags") & OFF_SKIN_MASK == OFF_SKIN)
        minutes |= set(off["ts"] // MINUTE_MS)
    at = pl.Series(sorted(minutes), dtype=pl.Int64) * MINUTE_MS
    return [
        (1, "unworn", minute, minute + timedelta(minutes=1))
        for minute in at.cast(pl.Datetime("ms", "UTC"))
    ]


def together(found: list[tuple[int, Batch]]) -> list[tuple[int, Batch]]:
    """Return each batch of a span once, in the order they were committed.

    A batch that reaches over a midnight may have readings in the tables and in a file.
    """
    merged: dict[tuple[int, str, str, str, int], Batch] = {}
    for number, batch in found:
        key = (number, batch.centre, batch.gateway, batch.boot, batch.seq)
        other = merged.get(key)
        merged[key] = batch if other is None else _sum(batch, other)
    ordered = sorted(merged.items(), key=lambda item: (item[0][0], item[1].committed_at))
    return [(key[0], batch) for key, batch in ordered]


def _sum(batch: Batch, other: Batch) -> Batch:
    return replace(
        batch,
        heart_rates=batch.heart_rates + other.heart_rates,
        step_counts=batch.step_counts + other.step_counts,
    )


def _spans(patient_id: int, spans: list[tuple[int, int]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(number, patient_id, *span) for number, span in enumerate(spans)],
        schema=SPANS,
        orient="row",
    )

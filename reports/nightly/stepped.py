"""Steps of the windows: by the minute for the core, and what a day comes to by all that was told.

Bands tell steps minute by minute, over longer spans, and as running totals; `adherence.counters`
and `adherence.step_days` say what becomes of them.
"""

from typing import NamedTuple

import polars as pl

from adherence.clock import MINUTE_MS
from adherence.counters import COUNTED, COUNTER_ROWS, counter_minutes, increments
from adherence.step_days import STEP_SPANS, STEP_TOTAL, day_totals
from config.conventions import Conventions
from config.counters import load_counters
from storage.database import Connection
from storage.readings import LONGEST_MINUTE_SPAN_MS, Page, bands_of, counters_of, step_spans_of

ASSIGNMENTS = 2**31
"""Assignment ids lie below; the window's number above them makes a band of both."""
LONG_AGO_MS, NEVER_MS = -(2**62), 2**62
"""For a band that was always, or is still, somebody's."""


WAYS = pl.Schema(
    {
        "person": pl.Int64,
        "day": pl.Int64,
        "start_ms": pl.Int64,
        "end_ms": pl.Int64,
        "steps": pl.Int64,
        "verdict": pl.String,
    }
)
"""From one running total to the next, as `adherence.counters` judged it; `day` is a local one."""


class Stepped(NamedTuple):
    """What is known of steps; `person` numbers the window."""

    rows: pl.DataFrame
    """[person, ts (start of the minute), steps Float64], sorted: steps of minutes (C15)."""
    totals: pl.DataFrame
    """STEP_TOTAL: what a day comes to by running totals and longer spans, where there are any."""
    told: int
    """Rows read: steps over a span, and running totals."""
    ways: pl.DataFrame
    """WAYS: what of the running totals is more than a plain difference, or counts for nothing."""


def steps_in(
    conn: Connection, spans: pl.DataFrame, conventions: Conventions, *, page: Page | None = None
) -> Stepped:
    """Return the steps of windows (SPANS, of whole local days but for what lies beside them)."""
    told = step_spans_of(conn, spans, page=page)
    counters = counters_of(conn, spans, page=page)
    rows = told.filter(pl.col("span_ms") <= LONGEST_MINUTE_SPAN_MS).select(
        "ts", "steps", person="window"
    )
    count = told.height + counters.height
    if counters.is_empty() and rows.height == told.height:
        return Stepped(
            rows.select("person", "ts", "steps"),
            pl.DataFrame(schema=STEP_TOTAL),
            count,
            pl.DataFrame(schema=WAYS),
        )
    bands = _bands(conn, spans)
    utc_offset_ms = conventions.utc_offset_min * MINUTE_MS
    found = increments(
        _worn(counters, bands).select(*COUNTER_ROWS),
        load_counters(),
        utc_offset_ms=utc_offset_ms,
    )
    minutes = counter_minutes(found).select(
        (pl.col("band") // ASSIGNMENTS).alias("person"),
        (pl.col("minute") * MINUTE_MS).alias("ts"),
        pl.col("steps").cast(pl.Float64),
    )
    whole = _worn(told, bands).filter(pl.col("ts") + pl.col("span_ms") <= pl.col("to_ms"))
    totals = day_totals(
        whole.select(pl.col(name).cast(dtype) for name, dtype in STEP_SPANS.items()).lazy(),
        found.lazy(),
        bands.lazy().select("band", person="window"),
        utc_offset_ms=utc_offset_ms,
    )
    both = pl.concat([rows.select(minutes.columns), minutes]).sort("person", "ts")
    ways = found.filter(pl.col("verdict") != COUNTED).select(
        (pl.col("band") // ASSIGNMENTS).alias("person"), *WAYS.names()[1:]
    )
    return Stepped(both, totals.collect().cast(pl.Schema(STEP_TOTAL)), count, ways)


def _bands(conn: Connection, spans: pl.DataFrame) -> pl.DataFrame:
    """Return window, device_id, from_ms, to_ms and bits of every assignment, numbered as `band`."""
    worn = bands_of(conn, spans["patient_id"].unique().sort().to_list())
    bits = pl.DataFrame(
        list(load_counters().bits.items()),
        schema={"family": pl.String, "bits": pl.Int64},
        orient="row",
    )
    return (
        spans.select("window", "patient_id")
        .unique()
        .join(worn, on="patient_id")
        .join(bits, on="family", how="left")
        .select(
            "window",
            "device_id",
            "bits",
            band=pl.col("window") * ASSIGNMENTS + pl.col("assignment_id"),
            since_ms=pl.col("from_ms").fill_null(LONG_AGO_MS),
            to_ms=pl.col("to_ms").fill_null(NEVER_MS),
        )
    )


def _worn(told: pl.DataFrame, bands: pl.DataFrame) -> pl.DataFrame:
    """Return what was told, each row with the band it is of; a time belongs to one assignment."""
    return told.join(bands, on=["window", "device_id"]).filter(
        pl.col("ts").is_between("since_ms", "to_ms", closed="left")
    )

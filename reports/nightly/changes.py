"""Claiming what came in or changed since the last night, as patients' local days."""

from datetime import timedelta

import polars as pl

from reports.nightly.reach import Reach
from reports.nightly.tables import frame_of
from reports.nightly.windows import DIRTY
from storage.database import Connection

_CHANGED = pl.Schema({"patient_id": pl.Int64, "first_day": pl.Date, "last_day": pl.Date})


def claim_dirty_days(
    conn: Connection, reach: Reach, *, utc_offset_min: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Delete what was waiting; return DIRTY and the changed ranges (patient_id, first, last day).

    Rows that others commit meanwhile are outside this transaction's view: they wait for the next
    night. An open end of a changed range is null.
    """
    terms = {
        "before": reach.before,
        "after": reach.after,
        "offset": timedelta(minutes=utc_offset_min),
    }
    touched = frame_of(
        conn, "claim_touched", terms, pl.Schema({"patient_id": pl.Int64, "day": pl.Date})
    ).with_columns(pl.col("day").to_physical().cast(pl.Int64))
    changed = frame_of(conn, "claim_changed", terms, _CHANGED)
    recorded = frame_of(
        conn,
        "recorded_range",
        {
            "patients": changed["patient_id"].unique().sort().to_list(),
            "offset": timedelta(minutes=utc_offset_min),
        },
        pl.Schema({"patient_id": pl.Int64, "since": pl.Date, "until": pl.Date}),
    )
    with_data = (
        changed.join(recorded, on="patient_id")
        .select(
            "patient_id",
            first=pl.max_horizontal("first_day", pl.col("since") - timedelta(days=1)),
            last=pl.min_horizontal("last_day", pl.col("until") + timedelta(days=1)),
        )
        .filter(pl.col("first") <= pl.col("last"))
        .select("patient_id", day=pl.date_ranges("first", "last").cast(pl.List(pl.Int32)))
        .explode("day")
        .select(pl.col("patient_id"), pl.col("day").cast(pl.Int64))
    )
    dirty = pl.concat([touched, with_data]).unique().select(DIRTY.names())
    return dirty, changed

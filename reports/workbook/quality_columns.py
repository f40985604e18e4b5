"""The sheet of data quality, column by column: what each gateway sealed, and what is here of it."""

from collections.abc import Callable, Mapping

import polars as pl

from config.language import later
from reports.workbook.sheet import Column

QUALITY_NOTE = later(
    "Readings: expected = stored + declared lost + pending. Empty: nobody knows; that is not zero."
)

UNCOUNTED_NOTE = later(
    "The ledger could not be counted for this report: %(count)d batches are in none of these rows."
)


def quality_note(uncounted_batches: int | None, _: Callable[[str], str]) -> str:
    """Return what stands above the sheet; `uncounted_batches` as Content has them."""
    if uncounted_batches is None:
        return _(QUALITY_NOTE)
    return f"{_(UNCOUNTED_NOTE) % {'count': uncounted_batches}} {_(QUALITY_NOTE)}"


QUALITY_SCHEMA = pl.Schema(
    {
        "centre_code": pl.String,
        "gateway_code": pl.String,
        "day": pl.Date,
        "expected": pl.Int64,
        "stored": pl.Int64,
        "lost": pl.Int64,
        "pending": pl.Int64,
        "unknown_batches": pl.Int64,
        "quarantined": pl.Int64,
        "clock_suspect": pl.Int64,
        "refused": pl.Int64,
        "forked": pl.Int64,
    }
)
"""One row per gateway and local day since it was enrolled, as counted when the report was made."""

QUALITY = (
    Column("centre_code", later("Centre"), "text", 13, "Code of the gateway's centre."),
    Column("gateway_code", later("Gateway"), "text", 13, "Code of the gateway."),
    Column("day", later("Day"), "date", 11, "Local day on which readings were sealed."),
    Column(
        "expected",
        later("Expected"),
        "count",
        12,
        "Readings sealed, by the gateway's own count; empty where nobody knows: a batch of unknown"
        " size is missing, or the gateway is down and may have sealed more.",
    ),
    Column("stored", later("Stored"), "count", 12, "Of these, readings in the database."),
    Column(
        "stored_share",
        later("Stored, share"),
        "percent",
        10,
        "Stored / expected; empty where that is 0 or not known.",
    ),
    Column("lost", later("Declared lost"), "count", 10, "Readings the gateway has declared lost."),
    Column(
        "pending",
        later("Pending"),
        "count",
        10,
        "Readings still on the way, on the gateway, or refused when the report was made.",
    ),
    Column(
        "unknown_batches",
        later("Batches of unknown size"),
        "count",
        10,
        "Batches that are missing and of which nobody knows how many readings they hold.",
    ),
    Column(
        "quarantined",
        later("In quarantine"),
        "count",
        10,
        "Of the stored, readings that cannot be true and are used for nothing.",
    ),
    Column(
        "clock_share",
        later("By a wrong clock, share"),
        "percent",
        10,
        "Of the stored, readings of which nobody can say when they were heard.",
    ),
    Column(
        "refused",
        later("Messages refused on its topics"),
        "count",
        10,
        "Different messages that could not be taken, by the day they first came.",
    ),
    Column(
        "forked",
        later("Of these, forked spools"),
        "count",
        10,
        "Another content for a place that was taken: a restored or cloned gateway.",
    ),
)

QUALITY_TABLES: Mapping[str, tuple[Column, ...]] = {later("Data quality"): QUALITY}


def with_shares(rows: pl.DataFrame) -> pl.DataFrame:
    """Put the shares beside the counts of QUALITY_SCHEMA; null where there is nothing to share."""
    return rows.with_columns(
        pl.when(pl.col("expected") > 0)
        .then(pl.col("stored") / pl.col("expected"))
        .alias("stored_share"),
        pl.when(pl.col("stored") > 0)
        .then(pl.col("clock_suspect") / pl.col("stored"))
        .alias("clock_share"),
    )

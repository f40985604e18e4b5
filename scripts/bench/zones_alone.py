"""The time in the five zones and nothing else (C2, C5, C8), in Polars and in DuckDB.

What the whole method is measured against: no twins, no spikes, no days, no bouts, no steps. Both
take one scan of the files and no more memory than they need. `figures` is person, hr_max, rest_hr.
"""

from importlib import import_module
from pathlib import Path

import polars as pl

from adherence.cleaning import in_range
from adherence.clock import SECOND_MS
from adherence.schema import ZONES
from adherence.zones import reaches
from config.conventions import Conventions

ZONE_MS = [f"{zone}_ms" for zone in ZONES]
"""The columns of a result, beside person; all days of a person together."""


def in_polars(folder: Path, figures: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """Return person and ZONE_MS; raise ValueError where the files are not in order."""
    hold_ms = conventions.longest_hold_s * SECOND_MS
    in_reach = in_range(lowest_bpm=conventions.lowest_bpm, highest_bpm=conventions.highest_bpm)
    to_next = (
        pl.when(pl.col("person").shift(-1) == pl.col("person"))
        .then(pl.col("at_ms").shift(-1) - pl.col("at_ms"))
        .clip(upper_bound=hold_ms)
        .fill_null(hold_ms)
    )
    held = (
        pl.scan_parquet(folder / "*.parquet")
        .filter(in_reach)
        .select("person", "hr", at_ms=pl.col("ts").dt.epoch("ms"))
        .with_columns(held_ms=to_next)
        .group_by("person", "hr")
        .agg(pl.col("held_ms").sum(), shortest_ms=pl.col("held_ms").min())
        .collect(engine="streaming")
    )
    if (held["shortest_ms"] < 0).any():
        raise ValueError("the samples are not in order of time")
    edges = _edges(conventions)
    zone = pl.sum_horizontal(reaches(pct).cast(pl.Int8) for pct in edges)
    return (
        held.select("person", "held_ms", bpm_sum="hr", bpm_n=1)
        .join(figures, on="person")
        .with_columns(zone=zone)
        .group_by("person")
        .agg(
            pl.col("held_ms").filter(pl.col("zone") == number).sum().alias(name)
            for number, name in enumerate(ZONE_MS)
        )
        .sort("person")
    )


SQL = """
WITH beats AS (
    SELECT person, hr, epoch_ms(ts) AS at_ms
    FROM read_parquet($files)
    WHERE hr BETWEEN $lowest_bpm AND $highest_bpm
), held AS (
    SELECT
        person,
        hr,
        least(coalesce(lead(at_ms) OVER in_time - at_ms, $hold_ms), $hold_ms) AS held_ms
    FROM beats
    WINDOW in_time AS (PARTITION BY person ORDER BY at_ms)
), zoned AS (
    SELECT
        person,
        held_ms,
        CASE
            WHEN 100 * (hr - rest_hr) >= $near_max_pct * (hr_max - rest_hr) THEN 4
            WHEN 100 * (hr - rest_hr) >= $vigorous_pct * (hr_max - rest_hr) THEN 3
            WHEN 100 * (hr - rest_hr) >= $moderate_pct * (hr_max - rest_hr) THEN 2
            WHEN 100 * (hr - rest_hr) >= $light_pct * (hr_max - rest_hr) THEN 1
            ELSE 0
        END AS zone
    FROM held JOIN read_parquet($figures) USING (person)
)
SELECT person, zone, sum(held_ms)::BIGINT AS held_ms FROM zoned GROUP BY ALL
"""
"""Of several ways to ask (by file; heart rates added up first) the one DuckDB is fastest at."""


def in_duckdb(folder: Path, figures: Path, conventions: Conventions) -> pl.DataFrame:
    """Return person and ZONE_MS."""
    duckdb = import_module("duckdb")
    light, moderate, vigorous, near_max = _edges(conventions)
    with duckdb.connect() as connection:
        rows = connection.execute(
            SQL,
            {
                "files": str(folder / "*.parquet"),
                "figures": str(figures),
                "lowest_bpm": conventions.lowest_bpm,
                "highest_bpm": conventions.highest_bpm,
                "hold_ms": conventions.longest_hold_s * SECOND_MS,
                "light_pct": light,
                "moderate_pct": moderate,
                "vigorous_pct": vigorous,
                "near_max_pct": near_max,
            },
        ).fetchall()
    zones = pl.DataFrame(
        rows, schema={"person": pl.String, "zone": pl.Int64, "held_ms": pl.Int64}, orient="row"
    )
    return (
        zones.group_by("person")
        .agg(
            pl.col("held_ms").filter(pl.col("zone") == number).sum().alias(name)
            for number, name in enumerate(ZONE_MS)
        )
        .sort("person")
    )


def _edges(conventions: Conventions) -> tuple[int, int, int, int]:
    return (
        conventions.light_from_pct,
        conventions.moderate_from_pct,
        conventions.vigorous_from_pct,
        conventions.near_max_from_pct,
    )

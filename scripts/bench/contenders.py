"""What is measured: the whole method, the core's zones alone, DuckDB's zones alone.

Each is run in a process of its own, `python -m scripts.bench.contenders NAME FOLDER`, so that what
one of them left in memory does not count for another. It prints its seconds and its peak memory,
and leaves the time in the zones behind, by person, to be compared.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from config.conventions import Conventions, load_conventions
from scripts.bench.zones_alone import ZONE_MS, in_duckdb, in_polars
from scripts.score.inputs import Files
from scripts.score.run import run

KB_PER_MB = 1024
FIGURES = "figures.parquet"


def whole_method(folder: Path, conventions: Conventions) -> None:
    """Do what `adhere score` does: all of C1-C16 and the weeks, from files into files.

    The side figures are no part of the method, and not of this.
    """
    files = Files(folder / "hr", folder / "steps", folder / "cases.parquet")
    run(
        files,
        folder / "results",
        zone=conventions.time_zone,
        conventions=conventions,
        with_side=False,
    )


def zones(folder: Path, conventions: Conventions) -> None:
    """Do what the core does for zones, and no more."""
    figures = pl.read_parquet(folder / FIGURES)
    in_polars(folder / "hr", figures, conventions).write_parquet(zones_of(folder, "zones"))


def duckdb(folder: Path, conventions: Conventions) -> None:
    """Let DuckDB do the same."""
    found = in_duckdb(folder / "hr", folder / FIGURES, conventions)
    found.write_parquet(zones_of(folder, "duckdb"))


CONTENDERS: dict[str, Callable[[Path, Conventions], None]] = {
    "full": whole_method,
    "zones": zones,
    "duckdb": duckdb,
}
"""In the order in which they run: the first estimates the figures that the others need."""


def zones_of(folder: Path, name: str) -> Path:
    """Return where a contender leaves the time in the zones."""
    return folder / f"zones-{name}.parquet"


def freeze_figures(folder: Path) -> None:
    """Leave for the others, out of the results of the whole method, figures and zones by person.

    This is no part of what is measured.
    """
    people = pl.read_parquet(folder / "results" / "people.parquet")
    people.filter(pl.col("reason").is_null()).select(
        "person", "hr_max", "rest_hr", "n_in", "n_kept"
    ).write_parquet(folder / FIGURES)
    days = pl.scan_parquet(folder / "results" / "days.parquet")
    days.group_by("person").agg(
        (pl.col(name.replace("_ms", "_s")) * 1000).round().cast(pl.Int64).sum().alias(name)
        for name in ZONE_MS
    ).sort("person").collect().write_parquet(zones_of(folder, "full"))


def peak_rss_mb() -> float:
    """Return the most memory this process had, its parent's not included.

    `ru_maxrss` would include what the parent had when it started this process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text("ascii").splitlines())
        return int(lines["VmHWM"].split()[0]) / KB_PER_MB
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (KB_PER_MB**2 if sys.platform == "darwin" else KB_PER_MB)


def main(name: str, folder: Path) -> None:
    """Run one contender and print what it took."""
    conventions = load_conventions()
    start = time.perf_counter()
    CONTENDERS[name](folder, conventions)
    seconds = time.perf_counter() - start
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_rss_mb": peak_rss_mb()}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

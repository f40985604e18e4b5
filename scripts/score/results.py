"""The results of `adhere score` as Parquet, with the columns of the method's section 12."""

from pathlib import Path

import polars as pl

from adherence.clock import in_seconds
from adherence.schema import ZONES
from config.errors import Misconfigured
from config.language import _
from scripts.score.stages import Scored

DAY_SECONDS = (*ZONES, "credit", "above", "wear")


def seconds(name: str) -> pl.Expr:
    """Turn exact milliseconds into seconds, `x_ms` into `x_s`."""
    return in_seconds(pl.col(f"{name}_ms")).alias(f"{name}_s")


def published(scored: Scored, weeks: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the four tables as files and programs see them, sorted by case, then time."""
    return {
        "people": scored.people,
        "days": scored.days.select(
            "case",
            "person",
            "date",
            "valid_day",
            *(seconds(name) for name in DAY_SECONDS),
            "steps",
            "cad100_min",
            "cad130_min",
            "hrless_cad100_min",
            "still_min",
            "lock_min",
            "shake_min",
            "fast_min",
        ),
        "bouts": scored.bouts.select(
            "case",
            "person",
            "date",
            _instant("start"),
            _instant("end"),
            *(seconds(name) for name in ("span", "effort", "credit")),
            "sparse",
            "min_counted",
            "min_zero",
            "min_walk",
            "complete",
        ),
        "weeks": weeks.drop("version"),
    }


def _instant(name: str) -> pl.Expr:
    return pl.col(f"{name}_ms").cast(pl.Datetime("ms", "UTC")).alias(name)


def write_tables(tables: dict[str, pl.DataFrame], folder: Path, metadata: dict[str, str]) -> None:
    """Write each table as `<name>.parquet`; a file is whole or, after a fault, as it was."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            half_written = folder / f".{name}.parquet.part"
            table.write_parquet(half_written, metadata=metadata)
            half_written.replace(folder / f"{name}.parquet")
    except OSError as error:
        raise Misconfigured(
            _("%(folder)s cannot be written to (%(why)s): give another folder with --out")
            % {"folder": folder, "why": error.strerror}
        ) from error

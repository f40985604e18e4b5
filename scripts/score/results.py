"""The results of `adhere score` as Parquet, with the columns of the method's section 12."""

import polars as pl

from adherence.clock import in_seconds
from adherence.schema import ZONES
from adherence.whole import Whole
from scripts.score.judging import published_weeks

DAY_SECONDS = (*ZONES, "credit", "above", "wear")


def seconds(name: str) -> pl.Expr:
    """Turn exact milliseconds into seconds, `x_ms` into `x_s`."""
    return in_seconds(pl.col(f"{name}_ms")).alias(f"{name}_s")


def published(results: Whole, weeks: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the four tables as files and programs see them, sorted by case, then time.

    `weeks` are those of `results`, with a state where the files ask for one.
    """
    return {
        "people": results.people,
        "days": results.days.select(
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
        "bouts": results.bouts.select(
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
        "weeks": published_weeks(weeks),
    }


def _instant(name: str) -> pl.Expr:
    return pl.col(f"{name}_ms").cast(pl.Datetime("ms", "UTC")).alias(name)

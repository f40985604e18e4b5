"""What exactly a week was computed from, as one hash: rows, targets, the facts of its state.

Of section 13 of the method only what the week's prescription says is in it: a week of aerobic
exercise by heart-rate reserve alone has the hash it would have without that section.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl

from adherence.schema import HRR, RPE
from config.components import load_components
from config.conventions import Conventions
from reports.nightly.evidence import conventions_sha256, sha256_of_facts

_AEROBIC = ("session_min", "sessions_per_week", "weekly_min")
_LOGGED = ("resistance_per_week", "balance_per_week")
_FACTS = ("mode", "excuse", "hindrance", "site_observed", "valid_week")


def week_hashes(
    judged: pl.DataFrame,
    row_tables: Iterable[tuple[pl.DataFrame, str]],
    log_rows: pl.DataFrame,
    versions: pl.DataFrame,
    conventions: Conventions,
) -> pl.Series:
    """Return `input_sha256` for each row of `judged`, in its order.

    `row_tables`: stored days and bouts, each with the column that orders its rows; `log_rows` is
    LOG; `versions` are the targets, by their `version`.
    """
    method = conventions_sha256(conventions).hex()
    targets = {row["version"]: row for row in versions.to_dicts()}
    below = _rows_below(row_tables)
    logged = _logged(log_rows)
    hashes = []
    for row in judged.to_dicts():
        target, place = targets[row["version"]], (row["case"], row["week"])
        facts = {
            "row": "week",
            "method": method,
            "rows": below.get(place, []),
            "targets": [target[name] for name in _AEROBIC],
            **{name: row[name] for name in _FACTS if name in row},
            **_beyond(target, logged.get(place, [])),
        }
        if row["mode"] != "site":
            facts.pop("site_observed", None)
        hashes.append(sha256_of_facts(facts))
    return pl.Series("input_sha256", hashes, pl.Binary)


def _rows_below(
    row_tables: Iterable[tuple[pl.DataFrame, str]],
) -> dict[tuple[int, date], list[str]]:
    below: dict[tuple[int, date], list[str]] = {}
    monday = pl.col("date").dt.truncate("1w").alias("week")
    for rows, at in row_tables:
        named = rows.select("case", monday, pl.col(at).cast(pl.String), "input_sha256")
        for case, week, place, data in named.iter_rows():
            below.setdefault((case, week), []).append(f"{place} {data.hex()}")
    return below


def _logged(log_rows: pl.DataFrame) -> dict[tuple[int, date], list[list[object]]]:
    """Return the rows of the log by case and week, as a set in order; not who was there."""
    monday = pl.col("date").dt.truncate("1w").alias("week")
    said = log_rows.select(
        "case", monday, pl.col("date").cast(pl.String), "component", "minutes", "rpe"
    )
    logged: dict[tuple[int, date], list[list[object]]] = {}
    for case, week, *row in said.unique().sort(said.columns, nulls_last=True).iter_rows():
        logged.setdefault((case, week), []).append(row)
    return logged


def _beyond(target: Mapping[str, Any], logged: list[list[object]]) -> dict[str, object]:
    """Return what the version says beyond one zone of heart-rate reserve; mostly nothing."""
    beyond: dict[str, object] = {}
    by_rating = target["zone_lo"] is not None and target["intensity_kind"] == RPE
    if target["zone_lo"] is not None and target["intensity_kind"] != HRR:
        beyond["intensity_kind"] = target["intensity_kind"]
    if by_rating:
        beyond["rating"] = [target["zone_lo"], target["zone_hi"]]
    if target["day_adds_up"]:
        beyond["day_adds_up"] = True
    if target["resistance_per_week"] is not None:
        names = ("resistance_per_week", "resistance_min", "rest_days")
        beyond["resistance"] = [target[name] for name in names]
    if target["balance_per_week"] is not None:
        beyond["balance"] = [target[name] for name in ("balance_per_week", "balance_min")]
    if target["steps_per_day"] is not None:
        beyond["steps_per_day"] = target["steps_per_day"]
    if by_rating or any(target[name] is not None for name in _LOGGED):
        beyond["log"] = logged
    if beyond.keys() & {"log", "steps_per_day"}:
        beyond["components"] = load_components().model_dump(mode="json", exclude={"sources"})
    return beyond

"""The days behind side figures, with their hashes: beside adherence, never part of it."""

from datetime import date
from typing import NamedTuple

import polars as pl

from adherence import method, stages
from adherence.clock import DAY_MS, MINUTE_MS
from config.conventions import Conventions
from config.side_figures import SideFigures, load_side_figures
from reports.nightly.evidence import Evidence, conventions_sha256, sha256_of_facts
from reports.nightly.rounds import CASES, Round

FIGURES = ("hr_max", "rest_hr", "sex", "ceiling_bpm")
"""What of a version decides side figures."""


class SideDays(NamedTuple):
    """Rows to store."""

    loads: pl.DataFrame
    """enrolment_id, version, date, impulse, over_ceiling_ms, input_sha256."""
    rests: pl.DataFrame
    """patient_id, date, rest_bpm, input_sha256."""


def numbers_sha256(side: SideFigures) -> bytes:
    """Hash the numbers of the side figures, not the words beside them."""
    return sha256_of_facts(side.model_dump(mode="json", exclude={"sources"}))


def side_days_of(
    closed_round: Round, bpm_days: pl.DataFrame, evidence: Evidence, conventions: Conventions
) -> SideDays:
    """Return the rows of a round's windows: loads by enrolment, resting heart rates by patient.

    `bpm_days` and `evidence` are of the round's held time. A day is made of nothing else, so it
    comes out the same whatever lies in the same window.
    """
    side = load_side_figures()
    own = closed_round.windows.select(
        "patient_id",
        person="window",
        first=pl.col("first_day").cast(pl.Int32).cast(pl.Date),
        last=pl.col("last_day").cast(pl.Int32).cast(pl.Date),
    )
    kept = closed_round.held_time.select("person", "bpm_sum", "bpm_n", ts="start_ms")
    versions = closed_round.every_case.collect()
    loads = _own(
        method.day_loads(bpm_days.lazy(), versions.lazy(), side)
        .join(versions.lazy().select("case", "version", "person"), on=["case", "version"])
        .collect(),
        own,
    )
    rests = _own(stages.rest_days(kept, conventions), own)
    digests = _digests(
        pl.concat([loads.select("person", "date"), rests.select("person", "date")]),
        evidence,
        conventions,
    )
    method_hash = conventions_sha256(conventions).hex()
    numbers = numbers_sha256(side).hex()
    said = {
        (row["case"], row["version"]): {name: row[name] for name in FIGURES}
        for row in versions.to_dicts()
    }
    of_loads = [
        sha256_of_facts(
            {
                "row": "side_day",
                "method": method_hash,
                "side": numbers,
                "data": digests[person, day],
                **said[case, version],
            }
        )
        for case, version, person, day in loads.select(
            "case", "version", "person", "date"
        ).iter_rows()
    ]
    of_rests = [
        sha256_of_facts({"row": "rest_day", "method": method_hash, "data": digests[person, day]})
        for person, day in rests.select("person", "date").iter_rows()
    ]
    return SideDays(
        loads.select(
            (pl.col("case") % CASES).alias("enrolment_id"),
            *("version", "date", "impulse", "over_ceiling_ms"),
            pl.Series("input_sha256", of_loads, pl.Binary),
        ),
        rests.select(
            *("patient_id", "date", "rest_bpm"), pl.Series("input_sha256", of_rests, pl.Binary)
        ),
    )


def _own(rows: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the windows' own days, with their patient."""
    return (
        rows.join(own, on="person")
        .filter(pl.col("date").is_between("first", "last"))
        .drop("first", "last")
        .sort("person", "date")
    )


def _digests(
    days: pl.DataFrame, evidence: Evidence, conventions: Conventions
) -> dict[tuple[int, date], str]:
    """Return what each of the days (person, date) was held at, as a hash; no steps."""
    days = days.unique(maintain_order=True)
    start_ms = (
        pl.col("date").to_physical().cast(pl.Int64) * DAY_MS
        - conventions.utc_offset_min * MINUTE_MS
    )
    asked = days.select("person", start_ms=start_ms, end_ms=start_ms + DAY_MS)
    found = evidence.digests(asked, minutes_before=None)
    return {
        (person, day): data.hex()
        for (person, day), data in zip(days.iter_rows(), found, strict=True)
    }

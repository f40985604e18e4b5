"""One block of windows: the day and bout rows that follow from its readings, with their hashes."""

from datetime import date
from typing import NamedTuple

import polars as pl

from adherence import stages
from adherence.clock import DAY_MS, MINUTE_MS
from adherence.prescription import ceiling_in_zone_bpm
from adherence.schema import BOUT, DAY, HRR, figured
from adherence.step_days import with_day_totals
from adherence.steps import counted_minutes
from config.conventions import Conventions
from reports.nightly.evidence import Evidence, conventions_sha256, sha256_of_facts
from reports.nightly.reach import Reach
from reports.nightly.rounds import CASES, Clock, Round, rounds
from reports.nightly.side_days import SideDays, side_days_of
from reports.nightly.windows import WINDOW
from storage.database import Connection


class Block(NamedTuple):
    """What a block came to: rows to store, and the windows they are the whole truth of."""

    windows: pl.DataFrame
    days: pl.DataFrame
    bouts: pl.DataFrame
    side: SideDays
    samples: int
    step_rows: int

    def since(self, first_day: date) -> "Block":
        """Return what of it lies on that local day or later; what is stored before it stands."""
        number = (first_day - date(1970, 1, 1)).days
        return self._replace(
            windows=self.windows.with_columns(
                pl.max_horizontal("first_day", pl.lit(number)).alias("first_day")
            ),
            days=self.days.filter(pl.col("date") >= first_day),
            bouts=self.bouts.filter(pl.col("date") >= first_day),
            side=SideDays(*(rows.filter(pl.col("date") >= first_day) for rows in self.side)),
        )


def compute_block(
    conn: Connection,
    windows: pl.DataFrame,
    conventions: Conventions,
    reach: Reach,
    clock: Clock,
) -> Block:
    """Return day and bout rows of the windows (WINDOW), which grow where they must."""
    blocks = [
        figures_of(closed, conventions)
        for closed in rounds(conn, windows, conventions, reach, clock)
    ]
    return Block(
        pl.concat([block.windows for block in blocks]),
        pl.concat([block.days for block in blocks]),
        pl.concat([block.bouts for block in blocks]),
        SideDays(*map(pl.concat, zip(*(block.side for block in blocks), strict=True))),
        sum(block.samples for block in blocks),
        sum(block.step_rows for block in blocks),
    )


def figures_of(closed_round: Round, conventions: Conventions) -> Block:
    """Return the rows of a round's windows: their own days, bouts that start in them."""
    closed, readings, held_time, effort, all_chains, cases, _every = closed_round
    own = closed.select(
        "edge_start_ms",
        "edge_end_ms",
        person="window",
        first=pl.col("first_day").cast(pl.Int32).cast(pl.Date),
        last=pl.col("last_day").cast(pl.Int32).cast(pl.Date),
    )
    own_chains = (
        all_chains.join(own, on="person", maintain_order="left")
        .filter(pl.col("start_ms").is_between("edge_start_ms", "edge_end_ms", closed="left"))
        .select(all_chains.columns)
    )
    minutes = counted_minutes(readings.step_rows)
    bpm_days = stages.bpm_days(held_time, conventions)
    day_rows = (
        stages.days(bpm_days, held_time, effort, minutes, figured(cases), conventions)
        .pipe(
            with_day_totals,
            readings.step_totals.lazy(),
            figured(cases),
            valid_day_ms=conventions.valid_day_min * MINUTE_MS,
        )
        .join(own.lazy(), on="person", maintain_order="left")
        .filter(pl.col("date").is_between("first", "last"))
        .select(DAY)
        .collect()
    )
    bout_rows = stages.bouts(own_chains, minutes, conventions).select(BOUT)
    evidence = Evidence(held_time, minutes)
    enrolment = (pl.col("case") % CASES).alias("enrolment_id")
    versions = cases.with_columns(ceiling_in_zone_bpm=ceiling_in_zone_bpm()).collect()
    return Block(
        closed.select(*WINDOW),
        _hashed_days(day_rows, evidence, readings.step_totals, versions, conventions).with_columns(
            enrolment
        ),
        _hashed_bouts(bout_rows, evidence, versions, conventions).with_columns(enrolment),
        side_days_of(closed_round, bpm_days, evidence, conventions),
        readings.samples.height,
        readings.steps_told,
    )


def _frozen(version: dict[str, object], *names: str) -> dict[str, object]:
    """Return what of a version decides its days and bouts.

    That is no kind of a zone of the reserve, and a ceiling only where it lies within the zone.
    """
    said = {name: version[name] for name in ("hr_max", "rest_hr", "zone_lo", "zone_hi", *names)}
    if version["ceiling_in_zone_bpm"] is not None:
        said["ceiling_bpm"] = version["ceiling_in_zone_bpm"]
    kind = version["intensity_kind"]
    return said if kind == HRR else said | {"intensity_kind": kind}


def _hashed_days(
    day_rows: pl.DataFrame,
    evidence: Evidence,
    step_totals: pl.DataFrame,
    versions: pl.DataFrame,
    conventions: Conventions,
) -> pl.DataFrame:
    """Hash days; one of whose steps more is known than its minutes say, with what that comes to."""
    method = conventions_sha256(conventions).hex()
    frozen = {row["version"]: _frozen(row) for row in versions.to_dicts()}
    start_ms = (
        pl.col("date").to_physical().cast(pl.Int64) * DAY_MS
        - conventions.utc_offset_min * MINUTE_MS
    )
    asked = day_rows.select("person", start_ms=start_ms, end_ms=start_ms + DAY_MS)
    digests = evidence.digests(asked, minutes_before=conventions.still_minutes - 1)
    totals = {(person, day): steps for person, day, steps in step_totals.iter_rows()}
    days = day_rows.select("person", pl.col("date").to_physical()).iter_rows()
    hashes = [
        sha256_of_facts(
            {"row": "day", "method": method, "data": data.hex(), **frozen[version]}
            | ({"steps_total": totals[day]} if day in totals else {})
        )
        for version, data, day in zip(day_rows["version"], digests, days, strict=True)
    ]
    return day_rows.with_columns(pl.Series("input_sha256", hashes, pl.Binary))


def _hashed_bouts(
    bout_rows: pl.DataFrame, evidence: Evidence, versions: pl.DataFrame, conventions: Conventions
) -> pl.DataFrame:
    """Hash bouts with every version they run through: zones may change at a midnight in them."""
    method = conventions_sha256(conventions).hex()
    by_case: dict[int, list[dict[str, object]]] = {}
    for row in versions.sort("case", "from_day").to_dicts():
        by_case.setdefault(row["case"], []).append(row)
    last_day = ((pl.col("end_ms") - 1 + conventions.utc_offset_min * MINUTE_MS) // DAY_MS).cast(
        pl.Int32
    )
    asked = bout_rows.select("person", "start_ms", "end_ms")
    spans = bout_rows.select("case", "date", last=last_day.cast(pl.Date))
    hashes = []
    for (case, first, last), data in zip(
        spans.iter_rows(), evidence.digests(asked, minutes_before=0), strict=True
    ):
        zones = [
            _frozen(row, "from_day", "session_min") | {"from_day": str(row["from_day"])}
            for row in by_case[case]
            if row["from_day"] <= last and (row["until_day"] is None or row["until_day"] > first)
        ]
        if len(zones) == 1:
            del zones[0]["from_day"]  # one version all through: its first day decides nothing
        facts = {"row": "bout", "method": method, "data": data.hex(), "zones": zones}
        hashes.append(sha256_of_facts(facts))
    return bout_rows.with_columns(pl.Series("input_sha256", hashes, pl.Binary))

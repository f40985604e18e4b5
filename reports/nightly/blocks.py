"""One block of windows: read, widen where a chain runs over an edge, compute, hash.

A window stands to the core as a person of its own, and a case is an enrolment within a window, so
any number of patients is one frame.
"""

from datetime import timedelta
from time import perf_counter
from typing import NamedTuple

import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS
from adherence.method import bouts, chains, days, held, kept
from adherence.schema import BOUT, DAY, STEP_ROWS, typed
from adherence.steps import step_minutes
from config.conventions import Conventions
from reports.nightly.evidence import Evidence, conventions_sha256, sha256_of_facts
from reports.nightly.reach import Reach
from reports.nightly.tables import frame_of
from reports.nightly.windows import WINDOW, crossings, over_stored, widened, with_edges
from storage.database import Connection
from storage.readings import heart_rate_of, steps_of

VERSION = pl.Schema(
    {
        "patient_id": pl.Int64,
        "enrolment_id": pl.Int64,
        "version": pl.Int64,
        "from_day": pl.Date,
        "until_day": pl.Date,
        "hr_max": pl.Float64,
        "rest_hr": pl.Float64,
        "zone_lo": pl.Float64,
        "zone_hi": pl.Float64,
        "session_min": pl.Float64,
        "sessions_per_week": pl.Float64,
        "weekly_min": pl.Float64,
    }
)
"""One version of a prescription (`version` is its id), with the local days it is in force."""

CASES = 2**31
"""Enrolment ids lie below; the window's number above them makes a case of both."""

_OVER_MIDNIGHT = pl.Schema(
    {"patient_id": pl.Int64, "bout_first_day": pl.Date, "bout_last_day": pl.Date}
)


class Clock:
    """Seconds spent reading, computing and writing."""

    def __init__(self) -> None:
        self.seconds = {"reading": 0.0, "computing": 0.0, "writing": 0.0}
        self._since = perf_counter()

    def lap(self, part: str) -> None:
        """Add the time since the last lap to one part."""
        now = perf_counter()
        self.seconds[part] += now - self._since
        self._since = now


class Readings(NamedTuple):
    """Heart rate (person, ts, hr) and steps (person, ts, steps); `person` numbers the window."""

    samples: pl.DataFrame
    step_rows: pl.DataFrame


class Block(NamedTuple):
    """What a block came to: rows to store, and the windows they are the whole truth of."""

    windows: pl.DataFrame
    days: pl.DataFrame
    bouts: pl.DataFrame
    samples: int
    step_rows: int


def has_figures() -> pl.Expr:
    """Say whether the version has a maximum above a resting heart rate; else no figures (C8)."""
    return (pl.col("hr_max") > pl.col("rest_hr")).fill_null(value=False)


def versions_of(conn: Connection, patients: list[int]) -> pl.DataFrame:
    """Return VERSION: every version of every enrolment of these patients."""
    return frame_of(conn, "versions_in_force", {"patients": patients}, VERSION)


def compute_block(
    conn: Connection,
    windows: pl.DataFrame,
    conventions: Conventions,
    reach: Reach,
    clock: Clock,
) -> Block:
    """Return day and bout rows of the windows (WINDOW), which grow where they must.

    Each round reads the windows still open, closes those that nothing crosses, and widens the
    others, twice as far each time.
    """
    utc_offset_ms = conventions.utc_offset_min * MINUTE_MS
    patients = windows["patient_id"].unique().sort().to_list()
    versions = versions_of(conn, patients)
    stored = frame_of(
        conn,
        "bouts_over_midnight",
        {"patients": patients, "offset": timedelta(minutes=conventions.utc_offset_min)},
        _OVER_MIDNIGHT,
    ).with_columns(pl.col("bout_first_day", "bout_last_day").to_physical().cast(pl.Int64))
    rounds: list[Block] = []
    step_days = 1
    while windows.height:
        windows = over_stored(windows, stored)
        edged = with_edges(windows, utc_offset_ms=utc_offset_ms, beyond_ms=reach.beyond_ms)
        readings = Readings(
            heart_rate_of(conn, edged).rename({"window": "person"}),
            steps_of(conn, edged).rename({"window": "person"}),
        )
        clock.lap("reading")
        held_time = held(kept(readings.samples.lazy(), conventions), conventions).collect()
        cases = _cases(edged, versions)
        all_chains = chains(held_time.lazy(), cases, conventions).collect()
        crossed = crossings(edged, all_chains)
        closed = edged.join(crossed, on="window", how="anti")
        rounds.append(_figures(closed, readings, held_time, all_chains, cases, conventions))
        clock.lap("computing")
        windows = widened(crossed, days=step_days)
        step_days *= 2
    return _joined(rounds)


def _joined(rounds: list[Block]) -> Block:
    return Block(
        pl.concat([block.windows for block in rounds]),
        pl.concat([block.days for block in rounds]),
        pl.concat([block.bouts for block in rounds]),
        sum(block.samples for block in rounds),
        sum(block.step_rows for block in rounds),
    )


def _cases(windows: pl.DataFrame, versions: pl.DataFrame) -> pl.LazyFrame:
    """Return the core's cases: one per window, enrolment and version that has figures."""
    return (
        windows.select("window", "patient_id")
        .join(versions.filter(has_figures()), on="patient_id")
        .select(
            (pl.col("window") * CASES + pl.col("enrolment_id")).alias("case"),
            pl.col("window").alias("person"),
            pl.exclude("window", "patient_id"),
        )
        .lazy()
    )


def _figures(
    closed: pl.DataFrame,
    readings: Readings,
    held_time: pl.DataFrame,
    all_chains: pl.DataFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
) -> Block:
    """Return the rows of windows that nothing crosses: their own days, bouts that start in them."""
    own = closed.select(
        "edge_start_ms",
        "edge_end_ms",
        person="window",
        first=pl.col("first_day").cast(pl.Int32).cast(pl.Date),
        last=pl.col("last_day").cast(pl.Int32).cast(pl.Date),
    )
    mine = own.select("person").lazy()
    time = held_time.lazy().join(mine, on="person", how="semi", maintain_order="left")
    steps = readings.step_rows.lazy().join(mine, on="person", how="semi")
    own_chains = (
        all_chains.join(own, on="person")
        .filter(pl.col("start_ms").is_between("edge_start_ms", "edge_end_ms", closed="left"))
        .select(all_chains.columns)
    )
    day_rows, bout_rows, minutes, own_time = pl.collect_all(
        [
            days(time, steps, cases, conventions)
            .join(own.lazy(), on="person")
            .filter(pl.col("date").is_between("first", "last"))
            .select(DAY),
            bouts(own_chains.lazy(), steps, conventions).select(BOUT),
            step_minutes(typed(steps, STEP_ROWS)).sort("person", "minute"),
            time.sort("person", "start_ms"),
        ]
    )
    evidence = Evidence(own_time, minutes)
    enrolment = (pl.col("case") % CASES).alias("enrolment_id")
    versions = cases.collect()
    return Block(
        closed.select(*WINDOW),
        _hashed_days(day_rows, evidence, versions, conventions).with_columns(enrolment),
        _hashed_bouts(bout_rows, evidence, versions, conventions).with_columns(enrolment),
        readings.samples.height,
        readings.step_rows.height,
    )


def _frozen(version: dict[str, object], *names: str) -> dict[str, object]:
    return {name: version[name] for name in ("hr_max", "rest_hr", "zone_lo", "zone_hi", *names)}


def _hashed_days(
    day_rows: pl.DataFrame, evidence: Evidence, versions: pl.DataFrame, conventions: Conventions
) -> pl.DataFrame:
    method = conventions_sha256(conventions).hex()
    frozen = {row["version"]: _frozen(row) for row in versions.to_dicts()}
    start_ms = (
        pl.col("date").to_physical().cast(pl.Int64) * DAY_MS
        - conventions.utc_offset_min * MINUTE_MS
    )
    asked = day_rows.select("person", start_ms=start_ms, end_ms=start_ms + DAY_MS)
    digests = evidence.digests(asked, minutes_before=conventions.still_minutes - 1)
    hashes = [
        sha256_of_facts({"row": "day", "method": method, "data": data.hex(), **frozen[version]})
        for version, data in zip(day_rows["version"], digests, strict=True)
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

"""Rounds of reading: windows of patients' time, wide enough that nothing crosses their edges.

A window stands to the core as a person of its own, and a case is an enrolment within a window, so
any number of patients is one frame.
"""

from collections.abc import Iterator
from datetime import timedelta
from time import perf_counter
from typing import NamedTuple

import polars as pl

from adherence import stages
from adherence.clock import MINUTE_MS
from adherence.prescription import (
    CEILING_NOT_ABOVE_ZONE,
    ceiling_is_too_low,
    in_phases,
    needs_figures,
)
from adherence.schema import PRESCRIBED, figured
from config.conventions import Conventions
from reports.nightly.reach import Reach
from reports.nightly.stepped import steps_in
from reports.nightly.tables import frame_of
from reports.nightly.windows import crossings, over_stored, widened, with_edges
from storage.database import Connection
from storage.readings import Page, heart_rate_of

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
        "intensity_kind": pl.String,
        "day_adds_up": pl.Boolean,
        "resistance_per_week": pl.Float64,
        "resistance_min": pl.Float64,
        "rest_days": pl.Int64,
        "balance_per_week": pl.Float64,
        "balance_min": pl.Float64,
        "steps_per_day": pl.Float64,
        "sex": pl.String,
        "ceiling_bpm": pl.Float64,
        "start_day": pl.Date,
    }
)
"""One version of a prescription, or one phase of it, with the local days it is in force."""

VERSIONS = 2**31
"""Prescription ids lie below; the place of a phase above them makes a version of both: of a
prescription without phases `version` is its id."""

_PHASE = pl.Schema(
    {
        "version": pl.Int64,
        "phase": pl.String,
        "from_week": pl.Int64,
        **dict.fromkeys(PRESCRIBED, pl.Float64),
    }
)

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
    step_totals: pl.DataFrame
    """STEP_TOTAL: what a day comes to by running totals and by spans longer than a minute."""
    steps_told: int
    """Rows read of either, and of minutes."""
    step_ways: pl.DataFrame
    """WAYS of `reports.nightly.stepped`."""


class Round(NamedTuple):
    """Windows that nothing crosses, and all that was read and found for them and others."""

    windows: pl.DataFrame
    """WINDOW with its edges; the rest of the round holds windows that are still open, too."""
    readings: Readings
    held_time: pl.DataFrame
    effort: pl.DataFrame
    """Of the held time, the stretches that are effort to any case."""
    chains: pl.DataFrame
    cases: pl.LazyFrame
    """Those that have what they need."""
    every_case: pl.LazyFrame
    """The others as well; maximum and resting heart rate are null where they make no reserve."""


def why_refused() -> pl.Expr:
    """Say why nothing is judged by a version, of several reasons the first; null: it is sound.

    What rests on heart rate needs a maximum above rest (C8), and a ceiling above where the zone
    begins. No version is written otherwise where both figures are known; a phase, or a figure put
    right later, may still come to contradict it.
    """
    by_heart_rate = (
        pl.when(pl.col("hr_max").is_null())
        .then(pl.lit("no_max"))
        .when(pl.col("rest_hr").is_null())
        .then(pl.lit("no_rest"))
        .when(~_is_sound())
        .then(pl.lit("max_not_above_rest"))
        .when(ceiling_is_too_low())
        .then(pl.lit(CEILING_NOT_ABOVE_ZONE))
    )
    return (
        pl.when(pl.col("zone_lo") >= pl.col("zone_hi"))
        .then(pl.lit("zone_upside_down"))
        .when(needs_figures())
        .then(by_heart_rate)
    )


def has_figures() -> pl.Expr:
    """Say whether the version has what it needs, and does not contradict itself."""
    return why_refused().is_null()


def _is_sound() -> pl.Expr:
    return (pl.col("hr_max") > pl.col("rest_hr")).fill_null(value=False)


def prescription_id() -> pl.Expr:
    """Return the prescription that a `version` belongs to."""
    return pl.col("version") % VERSIONS


def versions_of(conn: Connection, patients: list[int]) -> pl.DataFrame:
    """Return VERSION: every version of every enrolment of these patients, phase by phase."""
    written = frame_of(conn, "versions_in_force", {"patients": patients}, VERSION)
    asked = {"prescriptions": written["version"].to_list()}
    phases = frame_of(conn, "phases_of", asked, _PHASE)
    if phases.is_empty():
        return written
    enrolments = written.select("version", case="enrolment_id")
    return (
        in_phases(
            written.lazy().with_columns(case="enrolment_id"),
            phases.join(enrolments, on="version").lazy(),
        )
        .with_columns(
            version=pl.col("version")
            + VERSIONS * pl.int_range(pl.len()).over("version", order_by="from_day")
        )
        .select(VERSION.names())
        .sort("enrolment_id", "from_day", nulls_last=False)
        .collect()
    )


def rounds(
    conn: Connection,
    windows: pl.DataFrame,
    conventions: Conventions,
    reach: Reach,
    clock: Clock,
    *,
    page: Page | None = None,
) -> Iterator[Round]:
    """Read the windows (WINDOW) and yield them as they close; each grows where it must.

    A round reads the windows still open, closes those that nothing crosses, and widens the
    others, twice as far each time. `page`: read for a page, by the function for its use.
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
    step_days = 1
    while windows.height:
        windows = over_stored(windows, stored)
        edged = with_edges(windows, utc_offset_ms=utc_offset_ms, beyond_ms=reach.beyond_ms)
        readings = Readings(
            heart_rate_of(conn, edged, page=page).rename({"window": "person"}),
            *steps_in(conn, edged, conventions, page=page),
        )
        clock.lap("reading")
        held_time = stages.held(stages.kept(readings.samples, conventions), conventions)
        cases = _cases(edged, versions.filter(has_figures()))
        effort = stages.effort(held_time, figured(cases), conventions)
        all_chains = stages.chains(effort, figured(cases), conventions).collect()
        crossed = crossings(edged, all_chains)
        closed = edged.join(crossed, on="window", how="anti")
        every_case = _cases(edged, versions)
        yield Round(closed, readings, held_time, effort, all_chains, cases, every_case)
        clock.lap("computing")
        windows = widened(crossed, days=step_days)
        step_days *= 2


def _cases(windows: pl.DataFrame, versions: pl.DataFrame) -> pl.LazyFrame:
    """Return the core's cases: one per window, enrolment and version.

    Each has both figures or neither, as the core asks of who needs none.
    """
    both = [pl.when(_is_sound()).then(pl.col(name)).alias(name) for name in ("hr_max", "rest_hr")]
    return (
        windows.select("window", "patient_id")
        .join(versions.with_columns(both), on="patient_id")
        .select(
            (pl.col("window") * CASES + pl.col("enrolment_id")).alias("case"),
            pl.col("window").alias("person"),
            pl.exclude("window", "patient_id", "start_day"),
        )
        .lazy()
    )

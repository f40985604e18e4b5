"""The core's facade: the whole method on lazy frames, each result by name.

Nothing is collected here: callers put together what they need and collect once, best with
`polars.collect_all`, which shares the common stages. Inputs are sets: order and repeated rows change
nothing. What the columns are stands in `adherence.schema`.
"""

from typing import NamedTuple

import polars as pl

from adherence import bouts as bouts_stage
from adherence.cleaning import kept_samples
from adherence.days import daily_zones, days_of
from adherence.figures import formula_hr_max, frozen_figures
from adherence.holding import held_time
from adherence.schema import ABOUT, SAMPLES, STEP_ROWS, figured, typed
from adherence.states import states_of
from adherence.steps import daily_steps, step_minutes
from adherence.weeks import recorded_spans, targets_of, weeks_of
from adherence.zones import held_by_case
from config.conventions import Conventions

MS = 1_000
MINUTE_MS = 60_000


class Scored(NamedTuple):
    """The four results of `score`."""

    people: pl.LazyFrame
    days: pl.LazyFrame
    bouts: pl.LazyFrame
    weeks: pl.LazyFrame


def kept(samples: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return the samples that count (C2-C4): person, ts, bpm_sum, bpm_n; sorted."""
    return kept_samples(
        typed(samples, SAMPLES),
        lowest_bpm=conventions.lowest_bpm,
        highest_bpm=conventions.highest_bpm,
        spike_reach_ms=conventions.spike_reach_s * MS,
        spike_deviation_bpm=conventions.spike_deviation_bpm,
        spike_least_samples=conventions.spike_least_samples,
    )


def held(samples: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return HELD (C2-C5): each kept sample and the time it stands for."""
    return held_time(kept(samples, conventions), longest_hold_ms=conventions.longest_hold_s * MS)


def people(
    samples: pl.LazyFrame, cases: pl.LazyFrame, conventions: Conventions
) -> pl.LazyFrame:
    """Return PEOPLE: per case hr_max and rest_hr to freeze, or the reason why there are none.

    `cases`: case, person, age, beta_blocker, rest_hr, hr_max.
    """
    return frozen_figures(
        samples,
        kept(samples, conventions),
        typed(cases, {"case": None, "person": None} | ABOUT),
        hr_max_bpm=formula_hr_max(
            intercept_bpm=conventions.hr_max_intercept_bpm,
            intercept_beta_blocker_bpm=conventions.hr_max_intercept_beta_blocker_bpm,
            fall_tenths_per_year=conventions.hr_max_fall_tenths_per_year,
        ),
        utc_offset_ms=conventions.utc_offset_min * MINUTE_MS,
        rest_least_minutes=conventions.rest_least_minutes,
        rest_percentile=conventions.rest_percentile,
    )


def days(
    held_time: pl.LazyFrame,
    step_rows: pl.LazyFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
) -> pl.LazyFrame:
    """Return DAY. `cases` has frozen hr_max and rest_hr; several versions of a case by local day."""
    utc_offset_ms = conventions.utc_offset_min * MINUTE_MS
    in_force = figured(cases)
    zones = daily_zones(
        held_by_case(held_time, in_force, utc_offset_ms=utc_offset_ms),
        light_from_pct=conventions.light_from_pct,
        moderate_from_pct=conventions.moderate_from_pct,
        vigorous_from_pct=conventions.vigorous_from_pct,
        near_max_from_pct=conventions.near_max_from_pct,
    )
    steps = daily_steps(
        held_time,
        step_minutes(typed(step_rows, STEP_ROWS)),
        in_force,
        utc_offset_ms=utc_offset_ms,
        present_ms=conventions.heart_rate_present_s * MS,
        moderate_spm=conventions.moderate_cadence_spm,
        vigorous_spm=conventions.vigorous_cadence_spm,
        still_minutes=conventions.still_minutes,
        lock_within_bpm=conventions.lock_within_bpm,
        lock_spm=conventions.lock_cadence_spm,
        shake_spm=conventions.shake_cadence_spm,
        shake_below_pct=conventions.shake_below_pct,
        fast_above_spm=conventions.fast_above_spm,
    )
    return days_of(zones, steps, valid_day_ms=conventions.valid_day_min * MINUTE_MS)


def chains(
    held_time: pl.LazyFrame, cases: pl.LazyFrame, conventions: Conventions
) -> pl.LazyFrame:
    """Return CHAIN: every chain of effort (C11), qualifying or not."""
    utc_offset_ms = conventions.utc_offset_min * MINUTE_MS
    by_case = held_by_case(held_time, figured(cases), utc_offset_ms=utc_offset_ms)
    return bouts_stage.chains_of(
        bouts_stage.effort_stretches(
            by_case, longest_interruption_ms=conventions.longest_interruption_s * MS
        ),
        utc_offset_ms=utc_offset_ms,
        least_effort_ms=conventions.least_bout_effort_s * MS,
        window_ms=conventions.bout_window_s * MS,
        window_effort_ms=conventions.bout_window_effort_s * MS,
        sparse_below_pct=conventions.sparse_below_pct,
        complete_from_pct=conventions.complete_from_pct,
    )


def bouts(
    effort_chains: pl.LazyFrame, step_rows: pl.LazyFrame, conventions: Conventions
) -> pl.LazyFrame:
    """Return BOUT: the qualifying ones of `chains`, with the steps in them (C16)."""
    return bouts_stage.bouts_of(
        effort_chains,
        step_minutes(typed(step_rows, STEP_ROWS)),
        walking_spm=conventions.walking_cadence_spm,
    )


def weeks(
    day_rows: pl.LazyFrame,
    bout_rows: pl.LazyFrame,
    cases: pl.LazyFrame,
    spans: pl.LazyFrame,
    conventions: Conventions,
) -> pl.LazyFrame:
    """Return WEEK for every week that `spans` (case, first_day, last_day) touches.

    `day_rows` and `bout_rows` may come from `days` and `bouts` or out of a store: of a day are
    needed case, date, valid_day, wear_ms, credit_ms, above_ms, moderate_ms, vigorous_ms and
    near_max_ms, of a bout case, date, credit_ms, effort_ms and complete.
    """
    return weeks_of(
        day_rows,
        bout_rows,
        targets_of(figured(cases), spans),
        valid_week_days=conventions.valid_week_days,
        complete_from_pct=conventions.complete_from_pct,
        adherent_from_pct=conventions.adherent_from_pct,
        vigorous_weight=conventions.vigorous_weight,
    )


def states(week_rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return weeks with `state` and `reason`; see `adherence.states`."""
    return states_of(week_rows)


def score(
    samples: pl.LazyFrame,
    step_rows: pl.LazyFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
) -> Scored:
    """Return people, days, bouts and weeks of a whole recording (C1-C16).

    Figures that a case does not give are taken from the recording; a case without figures has its
    row in `people`, with the reason, and none elsewhere. Weeks go from the first to the last local
    day with held time.
    """
    figures = people(samples, cases, conventions)
    usable = cases.drop("hr_max", "rest_hr").join(
        figures.filter(pl.col("reason").is_null()).select("case", "hr_max", "rest_hr"), on="case"
    )
    time = held(samples, conventions)
    day_rows = days(time, step_rows, usable, conventions)
    bout_rows = bouts(chains(time, usable, conventions), step_rows, conventions)
    week_rows = weeks(day_rows, bout_rows, usable, recorded_spans(day_rows), conventions)
    return Scored(figures, day_rows, bout_rows, week_rows)

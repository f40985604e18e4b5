"""The stages on frames in memory, each with the method's numbers put in.

Samples, held time and step minutes are many and come as columns in memory (DataFrame): their
kernels look at whole columns. What is made of them is small, and comes as a plan (LazyFrame). The
facade (`adherence.method`) and the whole method on a block (`adherence.whole`) are both made of
these.
"""

import polars as pl

from adherence import bouts as bouts_stage
from adherence.bpm_days import held_bpm
from adherence.cleaning import kept_samples
from adherence.clock import MINUTE_MS, SECOND_MS
from adherence.days import daily_zones, days_of
from adherence.figures import formula_hr_max, frozen_figures
from adherence.flags import daily_steps
from adherence.holding import held_time
from adherence.resting import rest_days_of
from adherence.rows import Runs
from adherence.stretches import edges_of, effort_time
from adherence.zones import by_case
from config.conventions import Conventions


def kept(samples: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """Return the samples that count (C2-C4): person, ts, bpm_sum, bpm_n; sorted."""
    return kept_samples(
        samples,
        lowest_bpm=conventions.lowest_bpm,
        highest_bpm=conventions.highest_bpm,
        spike_reach_ms=conventions.spike_reach_s * SECOND_MS,
        spike_deviation_bpm=conventions.spike_deviation_bpm,
        spike_least_samples=conventions.spike_least_samples,
    )


def held(kept_now: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """Return HELD (C5) of samples as `kept` gives them."""
    return held_time(kept_now, longest_hold_ms=conventions.longest_hold_s * SECOND_MS)


def bpm_days(held_now: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """Return how long each day held each heart rate (C10); see `adherence.bpm_days`."""
    return held_bpm(held_now, utc_offset_ms=_utc_offset_ms(conventions))


def rest_days(kept_now: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """Return the resting heart rate of every day long enough for one (C7)."""
    return rest_days_of(
        kept_now,
        utc_offset_ms=_utc_offset_ms(conventions),
        least_minutes=conventions.rest_least_minutes,
        percentile=conventions.rest_percentile,
    )


def people(
    samples: pl.DataFrame,
    kept_now: pl.DataFrame,
    rest_by_day: pl.DataFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
) -> pl.LazyFrame:
    """Return PEOPLE (C6, C7), of once each case; `rest_by_day` is as `rest_days` gives it."""
    return frozen_figures(
        Runs.of(samples["person"], is_sorted=False).counted("n_in").lazy(),
        Runs.of(kept_now["person"]).counted("n_kept").lazy(),
        rest_by_day.lazy(),
        cases,
        hr_max_bpm=formula_hr_max(
            intercept_bpm=conventions.hr_max_intercept_bpm,
            intercept_beta_blocker_bpm=conventions.hr_max_intercept_beta_blocker_bpm,
            fall_tenths_per_year=conventions.hr_max_fall_tenths_per_year,
        ),
    )


def effort(held_now: pl.DataFrame, cases: pl.LazyFrame, conventions: Conventions) -> pl.DataFrame:
    """Return the stretches of effort to any of the figured `cases`; see `adherence.stretches`."""
    return effort_time(held_now, edges_of(cases), utc_offset_ms=_utc_offset_ms(conventions))


def days(
    bpm_by_day: pl.DataFrame,
    held_now: pl.DataFrame,
    effort_now: pl.DataFrame,
    minutes: pl.DataFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
) -> pl.LazyFrame:
    """Return DAY (C8-C10, C13, C15, C16); `minutes` is STEP_MINUTES, `cases` are figured."""
    zones = daily_zones(
        by_case(bpm_by_day.lazy(), cases),
        light_from_pct=conventions.light_from_pct,
        moderate_from_pct=conventions.moderate_from_pct,
        vigorous_from_pct=conventions.vigorous_from_pct,
        near_max_from_pct=conventions.near_max_from_pct,
    )
    steps = daily_steps(held_now, minutes, effort_now, cases, conventions)
    return days_of(zones, steps, valid_day_ms=conventions.valid_day_min * MINUTE_MS)


def chains(effort_now: pl.DataFrame, cases: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return CHAIN (C11, C12), of figured `cases`."""
    utc_offset_ms = _utc_offset_ms(conventions)
    return bouts_stage.chains_of(
        bouts_stage.effort_stretches(
            effort_now.lazy(),
            cases,
            utc_offset_ms=utc_offset_ms,
            longest_interruption_ms=conventions.longest_interruption_s * SECOND_MS,
        ),
        utc_offset_ms=utc_offset_ms,
        least_effort_ms=conventions.least_bout_effort_s * SECOND_MS,
        window_ms=conventions.bout_window_s * SECOND_MS,
        window_effort_ms=conventions.bout_window_effort_s * SECOND_MS,
        sparse_below_pct=conventions.sparse_below_pct,
        complete_from_pct=conventions.complete_from_pct,
    )


def bouts(
    chains_now: pl.DataFrame, minutes: pl.DataFrame, conventions: Conventions
) -> pl.DataFrame:
    """Return BOUT (C12, C16); `minutes` is STEP_MINUTES."""
    return bouts_stage.bouts_of(chains_now, minutes, walking_spm=conventions.walking_cadence_spm)


def _utc_offset_ms(conventions: Conventions) -> int:
    return conventions.utc_offset_min * MINUTE_MS

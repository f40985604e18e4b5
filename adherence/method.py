"""The core's facade: the whole method on lazy frames, each result by name.

Nothing is collected here. Several results rest on the same stage, so a caller collects stage by
stage: `kept`, then `held` and `people`, then `days` and `chains`, then `bouts`, then `weeks` and
`states`. Inputs are sets: order and repeated rows change nothing. What the columns are stands in
`adherence.schema`.
"""

import polars as pl

from adherence import bouts as bouts_stage
from adherence.cleaning import kept_samples
from adherence.clock import MINUTE_MS, SECOND_MS
from adherence.components import (
    days_with_steps,
    judged_log,
    log_facts_of,
    logged_days,
    no_log,
)
from adherence.days import daily_zones, days_of
from adherence.figures import formula_hr_max, frozen_figures, rest_days_of
from adherence.holding import held_time
from adherence.minutes import minutes_of
from adherence.prescription import where_needed
from adherence.schema import ABOUT, KEYS, PRESCRIBED, SAMPLES, STEP_ROWS, completed, figured, typed
from adherence.side import (
    asked_about,
    bpm_days,
    loads_of,
    rest_drift_of,
    side_weeks_of,
    zone_weeks,
)
from adherence.states import states_of
from adherence.steps import daily_steps, step_minutes
from adherence.weeks import done_in_weeks, sessions_of, targets_of, weeks_of
from adherence.zones import held_by_case
from config.components import Components, load_components
from config.conventions import Conventions
from config.side_figures import SideFigures


def kept(samples: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return the samples that count (C2-C4): person, ts, bpm_sum, bpm_n; sorted."""
    return kept_samples(
        typed(samples, SAMPLES),
        lowest_bpm=conventions.lowest_bpm,
        highest_bpm=conventions.highest_bpm,
        spike_reach_ms=conventions.spike_reach_s * SECOND_MS,
        spike_deviation_bpm=conventions.spike_deviation_bpm,
        spike_least_samples=conventions.spike_least_samples,
    )


def held(kept_samples: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return HELD (C5): each kept sample and the time it stands for."""
    return held_time(kept_samples, longest_hold_ms=conventions.longest_hold_s * SECOND_MS)


def people(
    samples: pl.LazyFrame,
    kept_samples: pl.LazyFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
) -> pl.LazyFrame:
    """Return PEOPLE: per case hr_max and rest_hr to freeze, or the reason why there are none.

    `cases`: case, person, age, beta_blocker, rest_hr, hr_max and, where a case may rest on
    something else than heart rate, PRESCRIBED and any of OPTIONAL. A case may have several
    versions, with the same figures. Of `samples` only the rows are counted.
    """
    figures = frozen_figures(
        samples,
        kept_samples,
        typed(cases.unique("case", keep="first", maintain_order=True), KEYS | ABOUT),
        hr_max_bpm=formula_hr_max(
            intercept_bpm=conventions.hr_max_intercept_bpm,
            intercept_beta_blocker_bpm=conventions.hr_max_intercept_beta_blocker_bpm,
            fall_tenths_per_year=conventions.hr_max_fall_tenths_per_year,
        ),
        utc_offset_ms=conventions.utc_offset_min * MINUTE_MS,
        rest_least_minutes=conventions.rest_least_minutes,
        rest_percentile=conventions.rest_percentile,
    )
    tells_what_for = PRESCRIBED.keys() <= set(cases.collect_schema().names())
    return where_needed(figures, cases) if tells_what_for else figures


def usable(cases: pl.LazyFrame, figures: pl.LazyFrame) -> pl.LazyFrame:
    """Return the cases that can be judged, with their figures as `hr_max` and `rest_hr`.

    A case without figures that needs them has its row in PEOPLE, with the reason, and none in any
    other result. `cases` may be versions.
    """
    frozen = figures.filter(pl.col("reason").is_null()).select("case", "hr_max", "rest_hr")
    return cases.drop("hr_max", "rest_hr").join(frozen, on="case")


def days(
    held_time: pl.LazyFrame,
    step_rows: pl.LazyFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
) -> pl.LazyFrame:
    """Return DAY. `cases` has frozen hr_max and rest_hr; a case may have versions by local day."""
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
        conventions,
    )
    return days_of(zones, steps, valid_day_ms=conventions.valid_day_min * MINUTE_MS)


def chains(held_time: pl.LazyFrame, cases: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return CHAIN: every chain of effort (C11), qualifying or not."""
    utc_offset_ms = conventions.utc_offset_min * MINUTE_MS
    by_case = held_by_case(held_time, figured(cases), utc_offset_ms=utc_offset_ms)
    return bouts_stage.chains_of(
        bouts_stage.effort_stretches(
            by_case, longest_interruption_ms=conventions.longest_interruption_s * SECOND_MS
        ),
        utc_offset_ms=utc_offset_ms,
        least_effort_ms=conventions.least_bout_effort_s * SECOND_MS,
        window_ms=conventions.bout_window_s * SECOND_MS,
        window_effort_ms=conventions.bout_window_effort_s * SECOND_MS,
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


def minutes(
    held_time: pl.LazyFrame,
    effort_chains: pl.LazyFrame,
    cases: pl.LazyFrame,
    spans: pl.LazyFrame,
    seen: pl.LazyFrame,
    conventions: Conventions,
) -> pl.LazyFrame:
    """Return MINUTE for every clock minute of `spans`; see `adherence.minutes`."""
    return minutes_of(
        held_time,
        effort_chains,
        figured(cases),
        spans,
        seen,
        utc_offset_ms=conventions.utc_offset_min * MINUTE_MS,
    )


def weeks(
    day_rows: pl.LazyFrame,
    bout_rows: pl.LazyFrame,
    cases: pl.LazyFrame,
    spans: pl.LazyFrame,
    conventions: Conventions,
    log: pl.LazyFrame | None = None,
    components: Components | None = None,
) -> pl.LazyFrame:
    """Return WEEK for every week that `spans` (case, first_day, last_day) touches.

    `day_rows` and `bout_rows` may come from `days` and `bouts` or out of a store: of a day are
    needed case, date, valid_day, wear_ms, credit_ms, above_ms, moderate_ms, vigorous_ms and
    near_max_ms, of a bout case, date, credit_ms, effort_ms and complete. Where `cases` says
    steps_per_day, days need their steps too. `log` is LOG, `components` the numbers of section 13.
    """
    numbers = components or load_components()
    names = cases.collect_schema()
    versions = figured(cases)
    targets = targets_of(versions, spans)
    logged = judged_log(
        no_log(names["case"]) if log is None else log,
        versions,
        logged_from_pct=numbers.logged_from_pct,
    )
    key = ["case", "week"]
    done = done_in_weeks(
        targets,
        day_rows,
        bout_rows,
        sessions_of(bout_rows, logged),
        valid_week_days=conventions.valid_week_days,
        complete_from_pct=conventions.complete_from_pct,
        vigorous_weight=conventions.vigorous_weight,
    )
    stepped = targets.select(*key, steps_days=pl.lit(None, pl.Int64))
    if "steps_per_day" in names:
        stepped = days_with_steps(day_rows, targets)
    return weeks_of(
        done.join(logged_days(logged, targets), on=key, how="left").join(
            stepped, on=key, how="left"
        ),
        adherent_from_pct=conventions.adherent_from_pct,
        steps_days_per_week=numbers.steps_days_per_week,
    )


def log_facts(cases: pl.LazyFrame, spans: pl.LazyFrame, log: pl.LazyFrame) -> pl.LazyFrame:
    """Return case, week, log_excuse and log_observed for the weeks of `spans`.

    `cases` is one row per version, `log` is LOG. See `adherence.components` for what they say, and
    `states` for what they are for.
    """
    return log_facts_of(targets_of(completed(cases), spans), log)


def states(week_rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return weeks with `state` and `reason`; see `adherence.states`."""
    return states_of(week_rows)


def rest_days(kept_samples: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return person, date, rest_bpm: the resting heart rate of every day long enough for one (C7).

    `kept_samples` is as `kept` gives it.
    """
    return rest_days_of(
        kept_samples,
        utc_offset_ms=conventions.utc_offset_min * MINUTE_MS,
        least_minutes=conventions.rest_least_minutes,
        percentile=conventions.rest_percentile,
    )


def held_bpm(held_time: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return person, date, bpm_sum, bpm_n, held_ms: how long each day held each heart rate."""
    return bpm_days(held_time, utc_offset_ms=conventions.utc_offset_min * MINUTE_MS)


def rest_drift(rest_by_day: pl.LazyFrame, listed: pl.LazyFrame, side: SideFigures) -> pl.LazyFrame:
    """Return `listed` (with person and week) and each week's drift of the resting heart rate.

    Added are rest_days, rest_bpm, rest_base_days, rest_base_bpm and rest_drift_bpm; see
    `adherence.side`. `rest_by_day` is as `rest_days` gives it, and may reach further back.
    """
    return rest_drift_of(
        rest_by_day,
        listed,
        baseline_weeks=side.baseline_weeks,
        baseline_least_days=side.baseline_least_days,
    )


def side_weeks(
    day_rows: pl.LazyFrame,
    bpm_rows: pl.LazyFrame,
    rest_by_day: pl.LazyFrame,
    week_rows: pl.LazyFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
    side: SideFigures,
) -> pl.LazyFrame:
    """Return SIDE for every row of `week_rows` (case, version, person, week): `adherence.side`.

    `day_rows` is DAY, `bpm_rows` as `held_bpm` and `rest_by_day` as `rest_days` give them. `cases`
    has frozen figures as for `days`, and may say sex (`M`, `F`) and ceiling_bpm.
    """
    about = asked_about(cases)
    listed = week_rows.select("case", "version", "person", "week")
    return side_weeks_of(
        zone_weeks(day_rows, vigorous_weight=conventions.vigorous_weight),
        loads_of(bpm_rows, about, side),
        rest_drift(rest_by_day, listed, side),
        about,
    )

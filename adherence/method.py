"""The core's facade: the whole method on lazy frames, each result by name.

Several results rest on the same stage, so a caller collects stage by stage: `kept`, then `held` and
`people`, then `days` and `chains`, then `bouts`, then `weeks` and `states`; `adherence.whole` does
all of it for a block of people. Stages over samples, held time and step rows take what they are
given into memory when they are called (`adherence.stages`), the others are plans. Inputs are sets:
order and repeated rows change nothing. What the columns are stands in `adherence.schema`.
"""

import polars as pl

from adherence import stages
from adherence.clock import MINUTE_MS
from adherence.components import (
    days_with_steps,
    judged_log,
    log_facts_of,
    logged_days,
    no_log,
)
from adherence.minutes import minutes_of
from adherence.prescription import where_needed
from adherence.schema import ABOUT, KEYS, PRESCRIBED, SAMPLES, STEP_ROWS, completed, figured, typed
from adherence.side import (
    asked_about,
    day_loads_of,
    loads_of,
    rest_drift_of,
    side_weeks_of,
    zone_weeks,
)
from adherence.states import states_of
from adherence.steps import step_minutes
from adherence.weeks import done_in_weeks, sessions_of, targets_of, weeks_of
from config.components import Components, load_components
from config.conventions import Conventions
from config.side_figures import SideFigures


def kept(samples: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return the samples that count (C2-C4): person, ts, bpm_sum, bpm_n; sorted."""
    return stages.kept(typed(samples, SAMPLES).collect(), conventions).lazy()


def held(kept_samples: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return HELD (C5): each kept sample and the time it stands for."""
    return stages.held(kept_samples.collect(), conventions).lazy()


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
    kept_now = kept_samples.collect()
    figures = stages.people(
        samples.select("person").collect(),
        kept_now,
        stages.rest_days(kept_now, conventions),
        figures_asked(cases),
        conventions,
    )
    return judged_people(figures, cases)


def figures_asked(cases: pl.LazyFrame) -> pl.LazyFrame:
    """Return case, person and what figures are made from, once per case."""
    return typed(cases.unique("case", keep="first", maintain_order=True), KEYS | ABOUT)


def judged_people(figures: pl.LazyFrame, cases: pl.LazyFrame) -> pl.LazyFrame:
    """Return `figures` without the reason where `cases` say that a case needs no heart rate."""
    tells_what_for = PRESCRIBED.keys() <= set(cases.collect_schema().names())
    return where_needed(figures, cases) if tells_what_for else figures


def usable(cases: pl.LazyFrame, figures: pl.LazyFrame) -> pl.LazyFrame:
    """Return the cases that can be judged, with their figures as `hr_max` and `rest_hr`.

    A case without figures that needs them has its row in PEOPLE, with the reason, and none in any
    other result. `cases` may be versions.
    """
    frozen = figures.filter(pl.col("reason").is_null()).select("case", "hr_max", "rest_hr")
    return cases.drop("hr_max", "rest_hr").join(frozen, on="case", maintain_order="left")


def days(
    held_time: pl.LazyFrame,
    step_rows: pl.LazyFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
) -> pl.LazyFrame:
    """Return DAY. `cases` has frozen hr_max and rest_hr; a case may have versions by local day."""
    held_now, versions = held_time.collect(), figured(cases)
    return stages.days(
        stages.bpm_days(held_now, conventions),
        held_now,
        stages.effort(held_now, versions, conventions),
        step_minutes(typed(step_rows, STEP_ROWS)).collect(),
        versions,
        conventions,
    )


def chains(held_time: pl.LazyFrame, cases: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return CHAIN: every chain of effort (C11), qualifying or not."""
    versions = figured(cases)
    effort = stages.effort(held_time.collect(), versions, conventions)
    return stages.chains(effort, versions, conventions)


def bouts(
    effort_chains: pl.LazyFrame, step_rows: pl.LazyFrame, conventions: Conventions
) -> pl.LazyFrame:
    """Return BOUT: the qualifying ones of `chains`, with the steps in them (C16)."""
    minutes_now = step_minutes(typed(step_rows, STEP_ROWS)).collect()
    return stages.bouts(effort_chains.collect(), minutes_now, conventions).lazy()


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
    return stages.rest_days(kept_samples.collect(), conventions).lazy()


def held_bpm(held_time: pl.LazyFrame, conventions: Conventions) -> pl.LazyFrame:
    """Return person, date, bpm_sum, bpm_n, held_ms: how long each day held each heart rate.

    A heart rate may have several rows in a day; see `adherence.bpm_days`.
    """
    return stages.bpm_days(held_time.collect(), conventions).lazy()


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


def day_loads(bpm_rows: pl.LazyFrame, cases: pl.LazyFrame, side: SideFigures) -> pl.LazyFrame:
    """Return DAY_LOAD: each day's training impulse and time at the ceiling (`adherence.side`).

    `bpm_rows` is as `held_bpm` gives it; `cases` has frozen figures as for `days`, and may say sex
    (`M`, `F`) and ceiling_bpm.
    """
    return day_loads_of(bpm_rows, asked_about(cases), side)


def side_weeks(
    day_rows: pl.LazyFrame,
    load_rows: pl.LazyFrame,
    rest_by_day: pl.LazyFrame,
    week_rows: pl.LazyFrame,
    cases: pl.LazyFrame,
    conventions: Conventions,
    side: SideFigures,
) -> pl.LazyFrame:
    """Return SIDE for every row of `week_rows` (case, version, person, week): `adherence.side`.

    `day_rows` is DAY, `load_rows` as `day_loads` and `rest_by_day` as `rest_days` give them, or out
    of a store. `cases` is as for `day_loads`.
    """
    listed = week_rows.select("case", "version", "person", "week")
    return side_weeks_of(
        zone_weeks(day_rows, vigorous_weight=conventions.vigorous_weight),
        loads_of(load_rows),
        rest_drift(rest_by_day, listed, side),
        asked_about(cases),
    )

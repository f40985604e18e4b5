"""Beyond one zone: the core against the plain implementation of the method's section 13."""

from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from adherence import method
from adherence.prescription import in_phases
from adherence.schema import OPTIONAL, PRESCRIBED
from adherence.states import EXCUSES, HINDRANCES, MODES
from tests.property.adherence.examples import examples
from tests.property.adherence.prescriptions import (
    MONDAY,
    judged,
    logs,
    phases,
    prescriptions,
    versions,
)
from tests.property.adherence.recordings import exercise_weeks, one_person
from tests.reference import (
    core,
    plain_components,
    plain_method,
    plain_numbers,
    plain_prescription,
)


def assert_agree(found: dict[str, pl.DataFrame], plain: tuple[list, ...]) -> None:
    theirs = dict(zip(core.RESULTS, plain, strict=True))
    differences = {name: core.differences(found[name], theirs[name]) for name in found}
    assert not any(differences.values()), differences


@examples(45)
@given(everything=judged())
def test_kinds_versions_components_and_the_log_are_as_in_the_plain_method(everything):
    hr, steps, rows, log = everything
    samples, step_rows, cases = core.frames(hr, steps, rows)

    found = core.score(samples, step_rows, cases, core.log_frame(log, cases))

    assert_agree(found, plain_method.score(hr, steps, rows, log))


@st.composite
def frozen(draw: st.DrawFn) -> tuple:
    """A recording, and versions whose figures were frozen at different times."""
    hr, steps, _ = draw(st.one_of(exercise_weeks(), one_person()))
    return hr, steps, draw(versions(draw(prescriptions("c", "a")), own_figures=True))


@examples(30)
@given(recording=frozen())
def test_each_version_judges_its_own_days_by_its_own_figures(recording):
    hr, steps, rows = recording

    found = core.score_frozen(*core.frames(hr, steps, rows))

    kept = plain_method.without_spikes(plain_method.samples_of([row[1:] for row in hr]))
    versions_ = [plain_prescription.Version(row, *own_figures(row)) for row in rows]
    plain = plain_method.results_of(versions_, kept, [row[1:] for row in steps], [])
    assert_agree(found, ([], *plain))


def own_figures(row: dict[str, Any]) -> tuple:
    return tuple(plain_numbers.given(row, name) for name in ("rest_hr", "hr_max"))


@st.composite
def phased(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A case that starts some day, with phases, within bounds of its own or not."""
    case = draw(prescriptions("c", "a"))
    days = st.integers(-10, 20).map(lambda days: MONDAY + timedelta(days=days))
    bounds = {name: draw(st.one_of(st.none(), days)) for name in ("from_day", "until_day")}
    return case | bounds | {"start_day": draw(days)}, draw(phases(case))


def expanded(case: dict[str, Any], its_phases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The versions that the core makes of a case with phases."""
    types = core.CASE_TYPES | {name: dtype for name, (dtype, _) in OPTIONAL.items()}
    cases = pl.LazyFrame(
        [case], schema={"case": pl.String, "person": pl.String, "start_day": pl.Date, **types}
    )
    listed = pl.LazyFrame(
        its_phases, schema={"case": pl.String, "from_week": pl.Int64, **PRESCRIBED}
    )
    return in_phases(cases, listed).collect().to_dicts()


@examples(60)
@given(case=phased())
def test_on_every_day_the_phase_in_force_is_the_plain_methods(case):
    ours = [plain_prescription.Version(row, None, None) for row in expanded(*case)]

    plain = [
        plain_prescription.Version(row, None, None) for row in plain_prescription.in_phases(*case)
    ]
    for day in (MONDAY + timedelta(days=number) for number in range(-30, 70)):
        asked = [
            [
                {name: version.row.get(name) for name in PRESCRIBED}
                for version in rows
                if version.holds_on(day)
            ]
            for rows in (ours, plain)
        ]
        assert len(asked[0]) <= 1
        assert asked[0] == asked[1]


@examples(25)
@given(recording=one_person(), case=phased(), log=logs("c"))
def test_a_case_in_phases_is_judged_as_in_the_plain_method(recording, case, log):
    hr, steps, _ = recording
    rows = expanded(*case)
    samples, step_rows, cases = core.frames(hr, steps, rows)

    found = core.score(samples, step_rows, cases, core.log_frame(log, cases))

    assert_agree(found, plain_method.score(hr, steps, plain_prescription.in_phases(*case), log))


facts = st.fixed_dictionaries(
    {
        "mode": st.sampled_from((None, *MODES)),
        "site_observed": st.sampled_from((None, False, True)),
        "excuse": st.sampled_from((None, None, *EXCUSES)),
        "hindrance": st.sampled_from((None, *HINDRANCES)),
    }
)


@examples(25)
@given(everything=judged(), known=facts)
def test_the_state_of_a_week_and_its_reason_are_the_plain_methods(everything, known):
    hr, steps, rows, log = everything
    samples, step_rows, cases = core.frames(hr, steps, rows)
    sessions = core.log_frame(log, cases)
    weeks = core.score(samples, step_rows, cases, sessions)["weeks"].lazy()
    spans = weeks.select("case", first_day="week", last_day="week")
    told = {name: value for name, value in known.items() if value is not None}

    by_log = method.log_facts(cases, spans, sessions)
    states = method.states(
        weeks.join(by_log, on=["case", "week"], how="left").with_columns(
            **{name: pl.lit(value) for name, value in told.items() if name != "excuse"},
            excuse=pl.coalesce(pl.lit(known["excuse"], pl.String), "log_excuse"),
        )
    )

    found = states.collect().to_dicts()
    for week in found:
        by_log_alone = week_facts(rows, log, week)
        expected = plain_components.state_of(
            week, known | by_log_alone | {"excuse": known["excuse"] or by_log_alone["excuse"]}
        )
        assert (week["state"], week["reason"]) == expected


def week_facts(rows: list[dict], log: list[dict], week: dict[str, Any]) -> dict[str, Any]:
    its_rows = [row for row in rows if row["case"] == week["case"]]
    asked = plain_prescription.in_force_for_week(
        [plain_prescription.Version(row, None, None) for row in its_rows], week["week"]
    )
    sunday = week["week"] + timedelta(days=6)
    its_log = [
        row for row in log if row["case"] == week["case"] and week["week"] <= row["date"] <= sunday
    ]
    return plain_components.log_facts(asked, its_log)


@examples(20)
@given(everything=judged(), seed=st.randoms(use_true_random=False))
def test_the_log_is_a_set_and_cases_have_no_order(everything, seed):
    hr, steps, rows, log = everything
    samples, step_rows, cases = core.frames(hr, steps, rows)
    expected = core.score(samples, step_rows, cases, core.log_frame(log, cases))
    again_rows, again_log = rows[:], log + log[::2]
    seed.shuffle(again_rows)
    seed.shuffle(again_log)

    samples, step_rows, cases = core.frames(hr, steps, again_rows)
    again = core.score(samples, step_rows, cases, core.log_frame(again_log, cases))

    for name in core.RESULTS:
        assert_frame_equal(again[name], expected[name], check_exact=True)


@examples(20)
@given(everything=judged(), more=logs("c"))
def test_a_session_logged_more_never_lowers_a_weeks_adherence(everything, more):
    hr, steps, rows, log = everything
    samples, step_rows, cases = core.frames(hr, steps, rows)

    before, after = (
        core.score(samples, step_rows, cases, core.log_frame(known, cases))["weeks"]
        for known in (log, log + more)
    )

    both = before.join(after, on=["case", "week"], suffix="_after")
    assert both.height == before.height
    lower = pl.col("adherence_pct_after") < pl.col("adherence_pct")
    assert both.filter(lower | (pl.col("adherent") & ~pl.col("adherent_after"))).height == 0


@examples(20)
@given(recording=one_person())
def test_what_section_13_leaves_unsaid_is_one_zone_of_heart_rate_reserve_alone(recording):
    hr, steps, cases = recording
    unsaid = [case | dict.fromkeys(OPTIONAL) for case in cases]

    alone, found = (core.score(*core.frames(hr, steps, rows)) for rows in (cases, unsaid))

    for name in core.RESULTS:
        assert_frame_equal(found[name], alone[name], check_exact=True)
    weeks = found["weeks"]
    assert weeks["adherence_pct"].equals(weeks["aerobic_pct"], null_equal=True)
    assert weeks.select("resistance_pct", "balance_pct", "steps_pct").null_count().row(0) == (
        (weeks.height,) * 3
    )

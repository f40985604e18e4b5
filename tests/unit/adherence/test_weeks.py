"""Conventions C13 and C14 and the three states, worked by hand."""

from datetime import date

import polars as pl
import pytest

from adherence import method
from adherence.states import REASONS
from config.conventions import load_conventions
from tests.reference import core
from tests.unit.adherence.by_hand import CASE, at, blocks, only, scored

HARD, LOW, ABOVE = 110, 95, 125


def test_a_week_by_hand():
    # Monday: 12 min of credit in a bout of 14, the rest above. Tuesday: 10 min. Five loose minutes.
    hr = blocks((720, HARD), (120, ABOVE))
    hr += blocks((600, HARD), start="2026-05-05 07:00:00")
    hr += blocks((300, HARD), start="2026-05-05 12:00:00")

    week = only(scored(hr, sessions_per_week=2, weekly_min=40)["weeks"])

    expected = {
        "week": date(2026, 5, 4),
        "wear_min": 14 + 10 + 5 + 3,  # each closed by a minute at 95 bpm
        "valid_days": 0,
        "valid_week": False,
        "bouts": 2,
        "complete_sessions": 1,  # 12 of 15 min are 80 %, 10 are not
        "session_days": 1,
        "bout_credit_min": 22.0,
        "all_credit_min": 27.0,
        "above_min": 2.0,
        "mod_eq_min": 27 + 2 * 2,
        "attendance": 0.5,
        "rdi": 22 / 40,
        "volume": 22 / 40,
        "intensity": 22 / 24,
        "duration": (12 / 15 + 10 / 15) / 2,
        "adherent": False,
        "adherence_pct": 50.0,
        "aerobic_pct": 50.0,
        "resistance_pct": None,
        "balance_pct": None,
        "steps_pct": None,
    }
    assert {name: week[name] for name in expected} == pytest.approx(expected)


def test_a_week_without_bouts_has_no_intensity_and_no_duration():
    week = only(scored(at((0, LOW)))["weeks"])

    assert (week["bouts"], week["intensity"], week["duration"]) == (0, None, None)
    assert (week["attendance"], week["rdi"], week["adherence_pct"]) == (0, 0, 0)


def test_two_sessions_of_a_day_are_one_session_day():
    hr = blocks((720, HARD)) + blocks((720, HARD), start="2026-05-04 18:00:00")

    week = only(scored(hr, sessions_per_week=2)["weeks"])

    assert (week["complete_sessions"], week["session_days"], week["attendance"]) == (2, 1, 0.5)


@pytest.mark.parametrize(("adds_up", "session_days"), [(False, 0), (True, 1)])
def test_a_day_of_short_bouts_counts_where_the_contract_lets_it_add_up(adds_up, session_days):
    hr = blocks((600, HARD)) + blocks((600, HARD), start="2026-05-04 18:00:00")
    samples, steps, cases = core.frames(hr, [], [CASE | {"session_min": 25}])
    prescribed = cases.with_columns(day_adds_up=pl.lit(adds_up))

    week = only(core.score(samples, steps, prescribed)["weeks"])

    assert (week["session_days"], week["complete_sessions"]) == (session_days, 0)


@pytest.mark.parametrize(
    ("sessions_per_week", "weekly_min", "adherent"),
    [(1.25, 15, True), (1.26, 15, False), (1, 15.01, False), (1, 1, True)],
)
def test_adherent_from_80_percent_of_days_and_of_volume(sessions_per_week, weekly_min, adherent):
    hr = blocks((720, HARD))

    weeks = scored(hr, sessions_per_week=sessions_per_week, weekly_min=weekly_min)["weeks"]

    assert only(weeks)["adherent"] is adherent


def test_rdi_is_not_capped_and_volume_is():
    week = only(scored(blocks((1800, HARD)), weekly_min=15)["weeks"])

    assert (week["rdi"], week["volume"], week["adherence_pct"]) == (2.0, 1.0, 100.0)


def test_empty_weeks_between_are_listed():
    hr = at((0, LOW)) + at((0, LOW), start="2026-05-18 07:00:00")

    weeks = scored(hr)["weeks"]

    assert weeks.select("week", "wear_min").rows() == [
        (date(2026, 5, 4), 1.0),
        (date(2026, 5, 11), 0.0),
        (date(2026, 5, 18), 1.0),
    ]


def test_the_caller_says_which_weeks_are_listed_and_the_monday_says_by_which_targets():
    c = load_conventions()
    no_days = pl.LazyFrame(
        schema=dict.fromkeys(
            ("wear_ms", "credit_ms", "above_ms", "moderate_ms", "vigorous_ms", "near_max_ms"),
            pl.Int64,
        )
        | {"case": pl.String, "date": pl.Date, "valid_day": pl.Boolean}
    )
    no_bouts = pl.LazyFrame(
        schema={
            "case": pl.String,
            "date": pl.Date,
            "credit_ms": pl.Int64,
            "effort_ms": pl.Int64,
            "complete": pl.Boolean,
        }
    )
    versions = core.frames([], [], [CASE, CASE, CASE])[2].with_columns(
        version=pl.Series([1, 2, 3]),
        from_day=pl.Series([date(2026, 5, 6), date(2026, 5, 13), date(2026, 5, 20)]),
        until_day=pl.Series([date(2026, 5, 13), date(2026, 5, 20), date(2026, 5, 27)]),
    )
    spans = pl.LazyFrame(
        {"case": ["c"], "first_day": [date(2026, 5, 1)], "last_day": [date(2026, 6, 3)]}
    )

    weeks = method.weeks(no_days, no_bouts, versions, spans, c).collect()

    # The week of 27 April and that of 1 June are under no version at all.
    assert weeks.select("week", "version").rows() == [
        (date(2026, 5, 4), 1),
        (date(2026, 5, 11), 1),
        (date(2026, 5, 18), 2),
        (date(2026, 5, 25), 3),
    ]


MET, NOT_MET, CANNOT = "met", "not_met", "cannot_judge"


@pytest.mark.parametrize(
    ("adherent", "valid_week", "facts", "state", "reason"),
    [
        (True, False, {}, MET, None),
        (True, False, {"excuse": "paused", "mode": "site"}, MET, None),
        (False, True, {}, NOT_MET, None),
        (False, True, {"mode": None}, NOT_MET, None),
        (False, False, {}, CANNOT, "not_enough_wear"),
        (False, False, {"hindrance": "no_band"}, CANNOT, "no_band"),
        (False, True, {"hindrance": "no_band"}, NOT_MET, None),
        (False, True, {"excuse": "paused", "hindrance": "no_band"}, CANNOT, "paused"),
        (False, True, {"excuse": "week_not_over"}, CANNOT, "week_not_over"),
        (False, True, {"mode": "site"}, CANNOT, "gateway_outage"),
        (False, True, {"mode": "site", "site_observed": False}, CANNOT, "gateway_outage"),
        (False, False, {"mode": "site", "site_observed": True}, NOT_MET, None),
        (False, False, {"mode": "worn", "site_observed": True}, CANNOT, "not_enough_wear"),
        (False, False, {"log_observed": True}, NOT_MET, None),
        (False, False, {"log_observed": True, "mode": "site"}, NOT_MET, None),
        (False, False, {"log_observed": False}, CANNOT, "not_enough_wear"),
        (False, True, {"log_observed": None}, NOT_MET, None),
        (False, True, {"excuse": "rpe_without_log"}, CANNOT, "rpe_without_log"),
    ],
)
def test_the_state_of_a_week(adherent, valid_week, facts, state, reason):
    week = pl.LazyFrame({"adherent": [adherent], "valid_week": [valid_week]}).with_columns(
        pl.lit(value).alias(name) for name, value in facts.items()
    )

    judged = only(method.states(week).collect())

    assert (judged["state"], judged["reason"]) == (state, reason)
    assert reason is None or reason in REASONS


def test_weeks_keep_the_facts_they_came_with_and_gain_no_others():
    weeks = pl.LazyFrame({"adherent": [True], "valid_week": [True], "mode": [None]})

    assert method.states(weeks).collect().to_dicts() == [
        {
            "adherent": True,
            "valid_week": True,
            "mode": "worn",
            "state": "met",
            "reason": None,
        }
    ]

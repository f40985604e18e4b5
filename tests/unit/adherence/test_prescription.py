"""What a prescription may say beyond one zone of %HRR, worked by hand (method, section 13)."""

from datetime import date

import polars as pl
import pytest

from adherence import method
from adherence.prescription import in_phases
from config.conventions import load_conventions
from tests.reference import core
from tests.unit.adherence.by_hand import CASE, at, blocks, minutes, only, scored

NO_FIGURES = {"hr_max": None, "rest_hr": None, "age": None}
NO_AEROBIC = dict.fromkeys(("zone_lo", "zone_hi", "session_min", "sessions_per_week", "weekly_min"))
# A minute each at 111, 112, 127 and 128 bpm; the last one is held for a minute too.
FOUR_MINUTES = at((0, 111), (60, 112), (120, 127), (180, 128))


@pytest.mark.parametrize(
    ("kind", "zone_lo", "zone_hi", "credit_min", "above_min"),
    [
        (None, 52, 68, 2, 1),  # 52 % and 68 % of the 100 bpm from 60 to 160
        ("hrr", 52, 68, 2, 1),
        ("hr_max", 70, 80, 2, 1),  # 70 % and 80 % of 160 bpm
        ("bpm", 112, 128, 2, 1),
        ("bpm", 111.5, 127.5, 2, 1),
        ("bpm", 111, 112, 1, 3),
        ("rpe", 12, 14, 0, 0),
    ],
)
def test_a_zone_in_each_kind_of_intensity(kind, zone_lo, zone_hi, credit_min, above_min):
    day = only(scored(FOUR_MINUTES, intensity_kind=kind, zone_lo=zone_lo, zone_hi=zone_hi)["days"])

    assert (day["credit_ms"], day["above_ms"]) == (60_000 * credit_min, 60_000 * above_min)
    # 111, 112 are 51 and 52 %HRR, 127 and 128 are 67 and 68: the method's zones are of the reserve.
    assert (day["moderate_ms"], day["vigorous_ms"], day["wear_ms"]) == (120_000, 120_000, 240_000)


def test_a_heart_rate_on_the_edge_is_in_the_zone_where_figures_have_a_decimal():
    # 30 % of the way from 53.2 to 189.2 bpm are 53.2 + 0.3 * 136 = 94 bpm.
    figures = {"rest_hr": 53.2, "hr_max": 189.2, "zone_lo": 30, "zone_hi": 40}

    day = only(scored(at((0, 94)), **figures)["days"])

    assert (day["credit_ms"], day["light_ms"]) == (60_000, 60_000)


def test_a_still_minute_is_one_in_effort_of_the_prescribed_kind():
    hr, steps = blocks((600, 112)), minutes(*[0] * 10)

    still = [
        only(scored(hr, steps, intensity_kind="bpm", zone_lo=lo, zone_hi=130)["days"])["still_min"]
        for lo in (112, 113)
    ]

    assert still == [6, 0]  # minutes 5 to 10: each with the four before


def test_without_figures_no_zone_is_known_and_time_is_worn():
    rating = {"intensity_kind": "rpe", "zone_lo": 12, "zone_hi": 14}
    results = scored(blocks((600, 110)), minutes(*[0] * 10), **NO_FIGURES, **rating)

    person, day = only(results["people"]), only(results["days"])
    assert (person["hr_max"], person["rest_hr"], person["reason"]) == (None, None, None)
    assert day["wear_ms"] == 660_000
    assert sum(day[f"{zone}_ms"] for zone in ("very_light", "light", "moderate", "vigorous")) == 0
    assert (day["still_min"], day["shake_min"]) == (0, 0)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({}, "no_age"),
        ({"intensity_kind": "bpm", "zone_lo": 100, "zone_hi": 120}, "no_age"),
        ({"intensity_kind": "hr_max", "rest_hr": 60}, "no_age"),
        ({"intensity_kind": "rpe", "zone_lo": 12, "zone_hi": 14}, None),
        ({**NO_AEROBIC, "steps_per_day": 6000}, None),
    ],
)
def test_who_is_prescribed_no_heart_rate_needs_no_figures(case, reason):
    people = scored(at((0, 95)), **(NO_FIGURES | case))["people"]

    assert only(people)["reason"] == reason


def test_figures_are_known_both_or_not_at_all_where_nothing_rests_on_them():
    rating = {"intensity_kind": "rpe", "zone_lo": 12, "zone_hi": 14}

    found = [
        only(scored(at((0, 95)), **rating, rest_hr=rest, hr_max=160)["people"])
        for rest in (60, 160, None)
    ]

    figures = [(person["rest_hr"], person["hr_max"]) for person in found]
    assert figures == [(60, 160), (None, None), (None, None)]


@pytest.mark.parametrize(
    ("case", "ceiling_bpm", "reason"),
    [
        ({}, 100.1, None),  # 40 % of the reserve are 100 bpm
        ({}, 100, "ceiling_not_above_zone"),
        ({"intensity_kind": "hr_max", "zone_lo": 70, "zone_hi": 80}, 112, "ceiling_not_above_zone"),
        ({"intensity_kind": "hr_max", "zone_lo": 70, "zone_hi": 80}, 113, None),
        ({"intensity_kind": "bpm", "zone_lo": 110, "zone_hi": 120}, 110, "ceiling_not_above_zone"),
        ({"intensity_kind": "rpe", "zone_lo": 12, "zone_hi": 14}, 10, None),
        ({"rest_hr": None}, 50, "no_rest_day"),  # no figures, so nothing to compare with
    ],
)
def test_a_ceiling_that_the_zone_begins_at_or_above_leaves_no_figures(case, ceiling_bpm, reason):
    results = scored(at((0, 95)), **case, ceiling_bpm=ceiling_bpm)

    assert only(results["people"])["reason"] == reason
    assert results["days"].is_empty() == (reason is not None)


def test_one_version_with_too_low_a_ceiling_is_enough_and_the_case_is_told_once():
    samples, _, cases = core.frames(at((0, 95)), [], [CASE | {"ceiling_bpm": 115}] * 2)
    c = load_conventions()
    versions = cases.with_columns(zone_lo=pl.Series([40.0, 55.0]))  # 55 % are 115 bpm

    people = method.people(samples, method.kept(samples, c), versions, c).collect()

    assert only(people)["reason"] == "ceiling_not_above_zone"


def phased(*phases, **case):
    """Versions of CASE from Thursday, 7 May 2026 on, in order."""
    columns = ("case", "from_week", "zone_lo", "zone_hi", "session_min")
    frame = pl.LazyFrame(
        [dict.fromkeys(columns) | {"case": "c"} | phase for phase in phases],
        schema={"case": pl.String, "from_week": pl.Int64} | dict.fromkeys(columns[2:], pl.Float64),
    )
    cases = core.frames([], [], [CASE | case])[2].with_columns(start_day=date(2026, 5, 7))
    return in_phases(cases, frame).collect()


def test_phases_begin_on_mondays_counted_from_the_week_of_the_first_day():
    versions = phased({"from_week": 5, "zone_hi": 70}, {"from_week": 2, "zone_lo": 30})

    # Weeks 1, 2 and 5 begin on 4 and 11 May and on 1 June. What a phase leaves out is the case's.
    assert versions.select("from_day", "until_day", "zone_lo", "zone_hi", "session_min").rows() == [
        (None, date(2026, 5, 11), 40, 60, 15),
        (date(2026, 5, 11), date(2026, 6, 1), 30, 60, 15),
        (date(2026, 6, 1), None, 40, 70, 15),
    ]


def test_phases_stay_within_the_days_of_their_prescription():
    versions = phased(
        {"from_week": 1, "zone_lo": 30},
        {"from_week": 3, "zone_lo": 35},
        {"from_week": 9, "zone_lo": 45},
        from_day=date(2026, 5, 7),
        until_day=date(2026, 6, 3),
    )

    assert versions.select("from_day", "until_day", "zone_lo").rows() == [
        (date(2026, 5, 7), date(2026, 5, 18), 30),
        (date(2026, 5, 18), date(2026, 6, 3), 35),
    ]


def test_a_phase_from_the_first_day_on_leaves_the_case_no_days_of_its_own():
    first_day = date(2026, 5, 4)
    cases = core.frames([], [], [CASE])[2].with_columns(start_day=first_day, from_day=first_day)
    phases = pl.LazyFrame({"case": ["c"], "from_week": [1], "zone_hi": [50.0]})

    versions = in_phases(cases, phases).collect()

    assert versions.select("from_day", "zone_hi").rows() == [(first_day, 50)]


@pytest.mark.parametrize("version", [None, 3])
def test_phases_find_their_version_also_where_it_has_no_number(version):
    cases = core.frames([], [], [CASE | {"version": version}])[2]
    phases = pl.LazyFrame(
        {"case": ["c"], "version": [version], "from_week": [1], "zone_hi": [50.0]},
        schema_overrides={"version": pl.Int64},
    )

    versions = in_phases(cases.with_columns(start_day=date(2026, 5, 4)), phases).collect()

    assert versions["zone_hi"].to_list() == [60, 50]


def test_a_case_without_phases_is_one_version_as_it_is():
    cases = core.frames([], [], [CASE])[2].with_columns(start_day=date(2026, 5, 7))
    none = pl.LazyFrame(schema={"case": pl.String, "from_week": pl.Int64, "zone_lo": pl.Float64})

    versions = in_phases(cases, none).collect()

    assert versions.drop("from_day", "until_day").equals(cases.collect())
    assert versions.select("from_day", "until_day").rows() == [(None, None)]


def test_phases_of_one_version_leave_the_other_versions_of_the_case_alone():
    cases = core.frames([], [], [CASE | {"version": 1}, CASE | {"version": 2}])[2].with_columns(
        start_day=pl.lit(date(2026, 5, 4)),
        from_day=pl.Series([date(2026, 5, 4), date(2026, 5, 18)]),
        until_day=pl.Series([date(2026, 5, 18), None]),
    )
    phases = pl.LazyFrame({"case": ["c"], "version": [1], "from_week": [2], "zone_hi": [55.0]})

    versions = in_phases(cases, phases).collect()

    assert versions.select("version", "from_day", "zone_hi").rows() == [
        (1, date(2026, 5, 4), 60),
        (1, date(2026, 5, 11), 55),
        (2, date(2026, 5, 18), 60),
    ]


def test_zones_change_at_midnight_and_a_week_is_judged_by_its_monday():
    # Sunday 10 May 23:50 to Monday 00:10 at 110 bpm: in the zone before, above it after.
    hr = blocks((1200, 110), start="2026-05-10 23:50:00")
    samples, steps, cases = core.frames(hr, [], [CASE])
    phases = pl.LazyFrame(
        {"case": ["c"], "from_week": [2], "zone_hi": [45.0], "weekly_min": [20.0]}
    )
    versions = in_phases(cases.with_columns(start_day=date(2026, 5, 4)), phases)

    results = core.score(samples, steps, versions)

    assert results["days"].select("credit_ms", "above_ms").rows() == [(600_000, 0), (0, 600_000)]
    bout = only(results["bouts"])
    assert (bout["date"], bout["credit_ms"], bout["effort_ms"]) == (
        date(2026, 5, 10),
        600_000,
        1_200_000,
    )
    assert results["weeks"]["rdi"].to_list() == [10 / 15, 0]


def test_a_minute_under_a_rating_is_unjudged_not_below():
    c = load_conventions()
    rating = {"intensity_kind": "rpe", "zone_lo": 12, "zone_hi": 14}
    samples, _, cases = core.frames(at((0, 95)), [], [CASE | rating])
    held = method.held(method.kept(samples, c), c)
    start = at((0, 95))[0][1]
    spans = pl.LazyFrame({"case": ["c"], "person": ["a"], "from_ms": [start], "to_ms": [start + 1]})
    seen = pl.LazyFrame(
        schema={"person": pl.String, "minute": pl.Int64, "steps": pl.Int64, "unseen": pl.String}
    )

    minute = only(
        method.minutes(held, method.chains(held, cases, c), cases, spans, seen, c).collect()
    )

    assert (minute["reason"], minute["unjudged_ms"], minute["below_ms"]) == ("unjudged", 60_000, 0)

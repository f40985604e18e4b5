"""Conventions C6 and C7, and the order of the reasons, worked by hand."""

import pytest

from tests.unit.adherence.by_hand import at, only, scored


def figures(hr, **case):
    return only(scored(hr, **case)["people"])


@pytest.mark.parametrize(
    ("age", "beta_blocker", "hr_max"),
    [
        (40, None, 179),  # 207 - 28
        (40.9, False, 179),  # whole years
        (45, False, 176),  # 175.5, half up
        (41, False, 178),  # 178.3
        (45, True, 133),  # 132.5, half up
        (60, True, 122),
        (60, False, 165),
    ],
)
def test_a_missing_maximum_comes_from_the_age(age, beta_blocker, hr_max):
    person = figures(at((0, 95)), hr_max=None, age=age, beta_blocker=beta_blocker)

    assert person["hr_max"] == hr_max


def test_measured_figures_stand_as_given():
    person = figures(at((0, 95)), hr_max=171.5, age=40, rest_hr=58.5)

    assert (person["hr_max"], person["rest_hr"]) == (171.5, 58.5)


def minutes_at(*bpms, start="2026-05-04 07:00:00"):
    return at(*((60 * number, bpm) for number, bpm in enumerate(bpms)), start=start)


@pytest.mark.parametrize(("low_minutes", "rest"), [(29, 66), (30, 60), (31, 60)])
def test_rest_is_the_30th_smallest_of_600_minute_means(low_minutes, rest):
    day = minutes_at(*[60] * low_minutes, *[66] * (600 - low_minutes))

    assert figures(day, rest_hr=None)["rest_hr"] == rest


@pytest.mark.parametrize(("low_minutes", "rest"), [(30, 66), (31, 60)])
def test_the_rank_is_rounded_up(low_minutes, rest):
    # 5 % of 601 is 30.05: the 31st smallest.
    day = minutes_at(*[60] * low_minutes, *[66] * (601 - low_minutes))

    assert figures(day, rest_hr=None)["rest_hr"] == rest


def test_a_minute_with_twins_has_the_mean_of_their_mean():
    # 30 minutes of 50 and 60 at one time: 55 each, the lowest of 600.
    day = minutes_at(*[50] * 30, *[66] * 570) + minutes_at(*[60] * 30)

    assert figures(day, rest_hr=None)["rest_hr"] == 55


def test_a_day_of_599_minutes_gives_no_rest():
    person = figures(minutes_at(*[60] * 599), rest_hr=None)

    assert (person["rest_hr"], person["reason"]) == (None, "no_rest_day")


def test_a_minute_counts_by_its_samples_not_by_what_is_held():
    # 300 samples, each held through the next minute as well: 300 minutes with a timestamp.
    person = figures(at(*((120 * number, 60) for number in range(300))), rest_hr=None)

    assert person["reason"] == "no_rest_day"


def test_minute_means_weigh_samples_alike_however_long_they_stand():
    # 61 for one second, 64 for 59: the mean of the two samples is 62.5, rounded half up.
    day = at(*((60 * n + s, bpm) for n in range(600) for s, bpm in ((0, 61), (1, 64))))

    assert figures(day, rest_hr=None)["rest_hr"] == 63


def test_rest_is_the_median_of_the_days_rounded_half_up():
    days = minutes_at(*[61] * 600) + minutes_at(*[62] * 600, start="2026-05-06 07:00:00")

    assert figures(days, rest_hr=None)["rest_hr"] == 62


@pytest.mark.parametrize(
    ("hr", "case", "reason"),
    [
        ([], {"hr_max": None, "rest_hr": None}, "no_samples"),
        (at((0, 95)), {"hr_max": None, "rest_hr": None}, "no_age"),
        (at((0, 95)), {"rest_hr": None}, "no_rest_day"),
        (at((0, 95)), {"hr_max": 60.0}, "max_not_above_rest"),
        (at((0, 95)), {"hr_max": 60.5}, None),
        (at((0, 95)), {"hr_max": float("nan"), "age": 40}, None),
    ],
)
def test_without_figures_the_first_reason_stands(hr, case, reason):
    results = scored(hr, **case)

    assert results["people"]["reason"].to_list() == [reason]
    assert (results["days"].height == 0) is (reason is not None)

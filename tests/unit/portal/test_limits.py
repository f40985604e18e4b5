"""What a doctor's form lets through of the aerobic part."""

from dataclasses import replace

import pytest

from portal.limits import BAD_AMOUNT, Faulty, check_aerobic
from storage.people import Phase
from tests.prescriptions import AEROBIC


def test_seven_sessions_a_week_are_let_through():
    check_aerobic(replace(AEROBIC, sessions_per_week=7.0), AEROBIC)


@pytest.mark.parametrize(
    "asked",
    [
        {"sessions_per_week": 8.0},
        {"sessions_per_week": 7.5},
        {"phases": (Phase(from_week=3, phase="reach", sessions_per_week=10.0),)},
    ],
)
def test_more_sessions_than_days_of_a_week_are_not_as_one_a_day_counts(asked):
    with pytest.raises(Faulty) as caught:
        check_aerobic(replace(AEROBIC, **asked), AEROBIC)

    assert caught.value.words == BAD_AMOUNT


def test_what_was_left_as_it_is_may_stay():
    before = replace(AEROBIC, sessions_per_week=10.0)

    check_aerobic(replace(before, ceiling_bpm=150.0), before)

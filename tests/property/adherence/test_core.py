"""The core against the plain implementation of the method: conventions C1 to C16."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.property.adherence.examples import examples
from tests.property.adherence.recordings import (
    DAY,
    MINUTE,
    MONDAY,
    SECOND,
    broken_clocks,
    exercise_weeks,
    heart_rate_rows,
    long_recordings,
    recordings,
    training_weeks,
)
from tests.reference import core, plain_method


def assert_agree(hr: list[tuple], steps: list[tuple], cases: list[dict[str, Any]]) -> None:
    ours = core.score(*core.frames(hr, steps, cases))
    theirs = plain_method.score(hr, steps, cases)

    differences = {
        name: core.differences(ours[name], rows)
        for name, rows in zip(core.RESULTS, theirs, strict=True)
    }
    assert not any(differences.values()), differences


@examples(60)
@given(recording=st.one_of(recordings(), broken_clocks()))
def test_the_core_equals_the_plain_method(recording):
    assert_agree(*recording)


@examples(50)
@given(recording=st.one_of(training_weeks(), exercise_weeks()))
def test_the_core_equals_the_plain_method_over_weeks_of_training(recording):
    assert_agree(*recording)


@examples(10)
@given(recording=long_recordings())
def test_the_core_equals_the_plain_method_over_four_hundred_days(recording):
    assert_agree(*recording)


@examples(25)
@given(rows=heart_rate_rows("a"), bpm=st.sampled_from((40, 61, 61.5, 62, 75)), drift=st.booleans())
def test_the_core_equals_the_plain_method_where_rest_comes_from_the_recording(rows, bpm, drift):
    quiet = [
        ("a", MONDAY + day * DAY + minute * MINUTE + second * SECOND, bpm + drift * (minute % 3))
        for day in (0, 1, 2)
        for minute in range(598 + day)
        for second in ((0, 30) if day else (5,))
    ]
    case = {
        "case": "c",
        "person": "a",
        "age": 50,
        "beta_blocker": None,
        "rest_hr": None,
        "hr_max": None,
        "zone_lo": 40,
        "zone_hi": 60,
        "session_min": 10,
        "sessions_per_week": 2,
        "weekly_min": 20,
    }

    assert_agree(quiet + rows, [], [case])


@pytest.mark.parametrize("rows", [[], [("a", MONDAY, None)], [("a", MONDAY, 221.0)]])
def test_a_person_without_a_kept_sample_has_a_row_with_the_reason_and_no_other(rows):
    case = {"case": "c", "person": "a", "age": 40, "rest_hr": 60.0} | dict.fromkeys(
        ("zone_lo", "zone_hi", "session_min", "sessions_per_week", "weekly_min"), 50.0
    )

    scored = core.score(*core.frames(rows, [("a", MONDAY, 120)], [case]))

    assert scored["people"]["reason"].to_list() == ["no_samples"]
    assert [scored[name].height for name in core.RESULTS] == [1, 0, 0, 0]

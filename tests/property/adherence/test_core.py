"""The core against the plain implementation of the method, and what must change nothing."""

import random
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.property.adherence.recordings import (
    DAY,
    MINUTE,
    MONDAY,
    SECOND,
    heart_rate_rows,
    recordings,
    training_weeks,
)
from tests.reference import core, plain_method

thorough = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

brief = settings(thorough, max_examples=25)


def assert_agree(hr: list[tuple], steps: list[tuple], cases: list[dict[str, Any]]) -> None:
    ours = core.score(*core.frames(hr, steps, cases))
    theirs = plain_method.score(hr, steps, cases)

    differences = {
        name: core.differences(ours[name], rows)
        for name, rows in zip(core.RESULTS, theirs, strict=True)
    }
    assert not any(differences.values()), differences


def assert_same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> None:
    for name in core.RESULTS:
        assert_frame_equal(one[name], other[name])


@thorough
@given(recording=recordings())
def test_the_core_equals_the_plain_method(recording):
    assert_agree(*recording)


@thorough
@given(recording=training_weeks())
def test_the_core_equals_the_plain_method_over_weeks_of_training(recording):
    assert_agree(*recording)


@thorough
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


@brief
@given(recording=recordings(), seed=st.integers(0, 2**16))
def test_order_and_repeated_rows_change_nothing(recording, seed):
    hr, steps, cases = recording
    expected = core.score(*core.frames(hr, steps, cases))
    shuffle = random.Random(seed).shuffle
    again_hr, again_steps, again_cases = hr + hr[::3], steps + steps[::2], cases[:]
    shuffle(again_hr)
    shuffle(again_steps)
    shuffle(again_cases)

    again = core.score(*core.frames(again_hr, again_steps, again_cases))

    expected["people"] = expected["people"].drop("n_in")  # counts every row that came in
    again["people"] = again["people"].drop("n_in")
    assert_same(expected, again)


@brief
@given(recording=recordings())
def test_people_in_one_frame_do_not_touch_each_other(recording):
    hr, steps, cases = recording
    together = core.score(*core.frames(hr, steps, cases))

    alone = [
        core.score(
            *core.frames(
                [row for row in hr if row[0] == person],
                [row for row in steps if row[0] == person],
                [case for case in cases if case["person"] == person],
            )
        )
        for person in ("a", "b")
    ]

    apart = {
        name: pl.concat([one[name] for one in alone]).sort("case", maintain_order=True)
        for name in core.RESULTS
    }
    assert_same(together, apart)


@brief
@given(recording=recordings(people=(7, 12)))
def test_people_named_by_numbers_are_people_named_by_text(recording):
    hr, steps, cases = recording
    by_number = core.score(*core.frames(hr, steps, cases))

    by_text = core.score(
        *core.frames(
            [(str(person), *row) for person, *row in hr],
            [(str(person), *row) for person, *row in steps],
            [case | {"person": str(case["person"])} for case in cases],
        )
    )

    assert_same({n: f.cast({"person": pl.String}) for n, f in by_number.items()}, by_text)


@thorough
@given(recording=recordings(people=("a",)), more=st.data())
def test_more_effort_never_loses_credit_in_bouts(recording, more):
    hr, _, cases = recording
    case = cases[0] | {"rest_hr": 60, "hr_max": 160, "zone_lo": 40, "zone_hi": 140}
    # No spikes and no filters here: whole bpm at one level per time, every one below 90 or 120.
    calm = {at: (80 if bpm is None or not bpm >= 100 else 120) for _, at, bpm in hr}
    raised = more.draw(st.sets(st.sampled_from(sorted(calm)))) if calm else set()
    before = [("a", at, bpm) for at, bpm in calm.items()]
    after = [("a", at, 120 if at in raised else bpm) for at, bpm in calm.items()]

    credit = [_bout_credit_ms(rows, case) for rows in (before, after)]

    assert credit[0] <= credit[1]


def _bout_credit_ms(rows: list[tuple], case: dict[str, Any]) -> int:
    """Credit by the core, from samples spread so far apart that none can be a spike."""
    held = pl.LazyFrame(
        [(who, at, at + min(60_000, gap), float(bpm), 1) for (who, at, bpm), gap in _gaps(rows)],
        schema={
            "person": pl.String,
            "start_ms": pl.Int64,
            "end_ms": pl.Int64,
            "bpm_sum": pl.Float64,
            "bpm_n": pl.Int64,
        },
        orient="row",
    )
    return core.bout_credit_ms(held, case)


def _gaps(rows: list[tuple]) -> list[tuple[tuple, int]]:
    ordered = sorted(rows)
    following = [at for _, at, _ in ordered[1:]] + [ordered[-1][1] + 60_000] if ordered else []
    return [(row, after - row[1]) for row, after in zip(ordered, following, strict=True)]


@pytest.mark.parametrize("rows", [[], [("a", MONDAY, None)], [("a", MONDAY, 221.0)]])
def test_a_person_without_a_kept_sample_has_a_row_with_the_reason_and_no_other(rows):
    case = {"case": "c", "person": "a", "age": 40, "rest_hr": 60.0} | dict.fromkeys(
        ("zone_lo", "zone_hi", "session_min", "sessions_per_week", "weekly_min"), 50.0
    )

    scored = core.score(*core.frames(rows, [("a", MONDAY, 120)], [case]))

    assert scored["people"]["reason"].to_list() == ["no_samples"]
    assert [scored[name].height for name in core.RESULTS] == [1, 0, 0, 0]

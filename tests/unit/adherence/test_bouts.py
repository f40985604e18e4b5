"""Conventions C11, C12 and C16 (bouts), worked by hand."""

from datetime import date

import pytest

from tests.reference import core
from tests.unit.adherence.by_hand import CASE, at, blocks, minutes, ms, only, scored

HARD, LOW, ABOVE = 110, 95, 125


def bouts_of(hr, steps=(), **case):
    return scored(hr, list(steps), **case)["bouts"]


@pytest.mark.parametrize(("seconds", "bouts"), [(600, 1), (599, 0)])
def test_a_bout_has_600_s_of_effort(seconds, bouts):
    assert bouts_of(blocks((seconds, HARD))).height == bouts


@pytest.mark.parametrize(("pause", "bouts"), [(120, 1), (121, 2)])
def test_an_interruption_of_more_than_120_s_ends_a_bout(pause, bouts):
    assert bouts_of(blocks((700, HARD), (pause, LOW), (700, HARD))).height == bouts


@pytest.mark.parametrize(("hole", "bouts"), [(175, 1), (176, 2)])
def test_missing_data_interrupts_as_low_heart_rate_does(hole, bouts):
    # The last sample before the hole is 5 s old when the hole begins and stands for 60 s.
    assert bouts_of(blocks((700, HARD), (hole, None), (700, HARD))).height == bouts


@pytest.mark.parametrize(("low", "bouts"), [(65, 1), (66, 2)])
def test_low_heart_rate_and_missing_data_in_a_row_are_one_interruption(low, bouts):
    # The low block's last sample stands 60 s into the hole; what is left of it is missing.
    rows = blocks((700, HARD), (low, LOW), (55, None), (700, HARD))

    assert bouts_of(rows).height == bouts


def test_credit_is_the_creditable_time_without_interruptions_and_without_above():
    bout = only(bouts_of(blocks((600, HARD), (100, LOW), (200, ABOVE), (60, HARD))))

    assert (bout["span_ms"], bout["effort_ms"], bout["credit_ms"]) == (960_000, 860_000, 660_000)
    assert (bout["start_ms"], bout["end_ms"]) == (
        ms("2026-05-04 07:00:00"),
        ms("2026-05-04 07:16:00"),
    )


@pytest.mark.parametrize(
    ("lengths", "bouts"),
    [
        # 60 on, 60 off: 300 s of any 600.
        ([(60, HARD), (60, LOW)] * 12, 0),
        # 160 on, 40 off: three times 160 in 600 s is 480 exactly.
        ([(160, HARD), (40, LOW)] * 4, 1),
        # 159 on, 41 off: 477 s at most, wherever the window starts (ends fall on 159 + 41 = 200).
        ([(159, HARD), (41, LOW)] * 4, 0),
        # The window begins 2 s before the end of a thin stretch: 2 + 119 low + 478 + 1 low.
        ([(30, HARD), (119, LOW)] * 4 + [(478, HARD), (119, LOW), (30, HARD)], 1),
        # 200 on, 60 off: 200 + 200 + 80 in 600 s; 61 off: 78 instead of 80.
        ([(200, HARD), (60, LOW)] * 4, 1),
        ([(200, HARD), (61, LOW)] * 4, 0),
    ],
)
def test_some_ten_minutes_hold_eight_of_effort(lengths, bouts):
    assert bouts_of(blocks(*lengths)).height == bouts


def test_a_window_may_end_where_effort_ends():
    # The last 600 s are 100 low, 100, 20 low, 380: 480 of effort; then 479 with one second less.
    rows = blocks((180, HARD), (100, LOW), (100, HARD), (20, LOW), (380, HARD))

    assert bouts_of(rows).height == 1
    assert bouts_of(blocks((180, HARD), (100, LOW), (99, HARD), (21, LOW), (380, HARD))).height == 0


@pytest.mark.parametrize(("low", "sparse"), [(100, False), (101, True)])
def test_sparse_marks_effort_below_80_percent_of_the_span(low, sparse):
    # 800 s of effort in 1000 s, then in 1001 s.
    rows = blocks((500, HARD), (100, LOW), (290, HARD), (low, LOW), (10, HARD))

    assert only(bouts_of(rows))["sparse"] is sparse


@pytest.mark.parametrize(("session_min", "complete"), [(15, True), (15.01, False)])
def test_a_session_is_complete_from_80_percent_of_its_minutes(session_min, complete):
    # 12 minutes of credit are 80 % of 15.
    bout = only(bouts_of(blocks((720, HARD), (60, ABOVE)), session_min=session_min))

    assert bout["complete"] is complete


def test_a_bout_over_midnight_belongs_whole_to_the_day_and_week_it_starts_in():
    results = scored(blocks((1200, HARD), start="2026-05-03 23:55:00"))

    bout = only(results["bouts"])
    assert (bout["date"], bout["effort_ms"]) == (date(2026, 5, 3), 1_200_000)
    assert results["weeks"].select("week", "bouts", "bout_credit_min", "all_credit_min").rows() == [
        (date(2026, 4, 27), 1, 20.0, 5.0),
        (date(2026, 5, 4), 0, 0.0, 15.0),
    ]


def test_steps_in_a_bout_are_those_of_the_minutes_it_touches():
    # 07:00:30 to 07:11:00: it touches 07:00 to 07:10, and ends on the start of 07:11.
    rows = blocks((630, HARD), start="2026-05-04 07:00:30")
    counts = [70, 0, 59, 60, None, 0, 100, 100, 100, 100, 61, 0]

    bout = only(bouts_of(rows, minutes(*counts)))

    assert (bout["min_counted"], bout["min_zero"], bout["min_walk"]) == (10, 2, 7)


def test_steps_of_the_minute_before_are_not_in_a_bout():
    bout = only(bouts_of(blocks((600, HARD)), minutes(80, start="2026-05-04 06:59:00")))

    assert bout["min_counted"] == 0


def test_a_second_person_with_the_same_times_has_bouts_of_their_own():
    hr = blocks((600, HARD))
    other = [("b", at_ms, bpm) for _, at_ms, bpm in blocks((300, HARD))]
    frames = core.frames(hr + other, [], [CASE, CASE | {"case": "d", "person": "b"}])

    assert core.score(*frames)["bouts"]["case"].to_list() == ["c"]


def test_zone_hi_below_the_bout_makes_it_all_above():
    bout = only(bouts_of(at(*((5 * n, 125) for n in range(130)))))

    assert bout["credit_ms"] == 0
    assert bout["complete"] is False

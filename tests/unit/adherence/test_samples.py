"""Conventions C1-C5 and C10, worked by hand."""

from datetime import date
from itertools import permutations

import polars as pl
import pytest

from adherence import method
from config.conventions import load_conventions
from tests.reference import core
from tests.unit.adherence.by_hand import at, ms, only, scored


def kept(rows: list[tuple]) -> list[tuple[float, float]]:
    samples, _, _ = core.frames(rows, [], [])
    frame = method.kept(samples, load_conventions()).collect()
    return [
        ((ts - rows[0][1]) / 1000, total / number)
        for ts, total, number in frame.select("ts", "bpm_sum", "bpm_n").iter_rows()
    ]


def test_a_local_day_begins_at_16_utc_and_held_time_is_cut_there():
    days = scored(at((0, 95), start="2026-05-03 23:59:20"))["days"]

    assert days.select("date", "wear_ms").rows() == [
        (date(2026, 5, 3), 40_000),
        (date(2026, 5, 4), 20_000),
    ]


def test_a_week_begins_on_monday():
    weeks = scored(at((0, 95), start="2026-05-03 23:59:20"))["weeks"]

    assert weeks["week"].to_list() == [date(2026, 4, 27), date(2026, 5, 4)]


def test_a_hold_that_ends_at_midnight_leaves_the_next_day_unlisted():
    days = scored(at((0, 95), start="2026-05-03 23:59:00"))["days"]

    assert days["date"].to_list() == [date(2026, 5, 3)]


@pytest.mark.parametrize(
    ("bpm", "counts"),
    [(30, 1), (220, 1), (29.9, 0), (220.1, 0), (0, 0), (None, 0), (float("nan"), 0)],
)
def test_a_sample_counts_from_30_to_220_bpm(bpm, counts):
    person = only(scored(at((0, bpm)))["people"])

    assert (person["n_in"], person["n_kept"]) == (1, counts)


def test_twins_become_the_mean_of_their_distinct_values():
    assert kept(at((0, 100), (0, 120), (0, 100), (0, 29))) == [(0, 110)]


def test_twins_with_decimals_have_one_mean_to_the_last_bit_in_any_order():
    bpms = (100.1, 100.2, 100.7, 99.3, 98.6)

    assert len({tuple(kept(at(*((0, b) for b in order)))) for order in permutations(bpms)}) == 1


def test_the_mean_of_twins_is_not_rounded_at_the_edge_of_a_zone():
    # 107, 108, 110, 111, 112: mean 109.6, and 40 % of 60..184 begins at 109.6 exactly.
    twins = at((0, 107), (0, 108), (0, 110), (0, 111), (0, 112))

    day = only(scored(twins, hr_max=184.0)["days"])

    assert (day["moderate_ms"], day["light_ms"]) == (60_000, 0)


@pytest.mark.parametrize(("bpm", "stays"), [(110, True), (110.5, False), (50, True), (49, False)])
def test_a_spike_lies_more_than_30_bpm_from_the_median_about_it(bpm, stays):
    rows = at((0, 80), (5, 80), (10, bpm), (15, 80))

    assert ((10, bpm) in kept(rows)) is stays


@pytest.mark.parametrize(("second", "stays"), [(30, False), (30.001, True)])
def test_the_neighbourhood_of_a_sample_reaches_30_s_both_ends_included(second, stays):
    rows = at((0, 120), (-second, 80), (second, 80))

    assert ((0, 120) in kept(rows)) is stays


def test_two_samples_are_too_few_to_call_one_a_spike():
    assert kept(at((0, 80), (5, 180))) == [(0, 80), (5, 180)]


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two():
    # 80 90 100 125: median 95, and 125 lies 30 from it; 126 lies 31 from it.
    assert kept(at((0, 90), (5, 80), (10, 125), (15, 100))) == [
        (0, 90),
        (5, 80),
        (10, 125),
        (15, 100),
    ]
    assert kept(at((0, 90), (5, 80), (10, 126), (15, 100))) == [(0, 90), (5, 80), (15, 100)]


def test_every_spike_is_judged_by_the_series_before_any_is_dropped():
    # Seen from 0 s: 80 150 150, so 80 goes, though both 150 go too (seen among 80s).
    rows = at((0, 80), (20, 150), (25, 150), (45, 80), (50, 80), (52, 80))

    assert kept(rows) == [(45, 80), (50, 80), (52, 80)]


def test_the_median_of_thirds_is_not_rounded():
    # 212/3 lies exactly 30 from 122/3; as binary fractions the two lie a little further apart.
    rows = at((-5, 39), (-5, 41), (-5, 42), (5, 39), (5, 41), (5, 42))
    rows += at((0, 69), (0, 71), (0, 72))

    assert len(kept(rows)) == 3


@pytest.mark.parametrize(
    ("gap_s", "held_s"), [(5, 65), (60, 120), (60.001, 120), (3600, 120), (0.001, 60.001)]
)
def test_a_sample_stands_until_the_next_one_but_60_s_at_most(gap_s, held_s):
    day = only(scored(at((0, 95), (gap_s, 95)))["days"])

    assert day["wear_ms"] == round(1000 * held_s)


def test_a_dropped_sample_holds_nothing_and_its_neighbour_holds_on():
    conventions = load_conventions()
    samples, _, _ = core.frames(at((0, 80), (5, 80), (10, 200), (15, 80)), [], [])

    held = method.held(method.kept(samples, conventions), conventions).collect()

    lengths = held.select(pl.col("end_ms") - pl.col("start_ms")).to_series()
    assert lengths.to_list() == [5_000, 10_000, 60_000]


def test_the_last_sample_of_a_person_stands_60_s_whoever_comes_next():
    conventions = load_conventions()
    samples, _, _ = core.frames(
        [("a", ms("2026-05-04 07:00:00"), 80.0), ("b", ms("2026-05-04 07:00:05"), 80.0)], [], []
    )

    held = method.held(method.kept(samples, conventions), conventions).collect()

    assert held.select(pl.col("end_ms") - pl.col("start_ms")).to_series().to_list() == [60_000] * 2

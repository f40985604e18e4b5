"""Running totals as increments: one example for each rule and verdict."""

import polars as pl
import pytest

from adherence.counters import COUNTER_ROWS, counter_minutes, increments
from config.counters import load_counters

OFFSET = 8 * 3_600_000
DAY = 86_400_000
MIDNIGHT = 20_000 * DAY - OFFSET
ALWAYS = -(2**62)


def at(clock):
    hours, minutes, seconds = map(int, clock.split(":"))
    return MIDNIGHT + 1_000 * (3_600 * hours + 60 * minutes + seconds)


def ways(*rows, bits=None, since=ALWAYS):
    frame = pl.DataFrame(
        [(1, at(clock), value, since, bits) for clock, value in rows],
        schema=COUNTER_ROWS,
        orient="row",
    )
    return increments(frame, load_counters(), utc_offset_ms=OFFSET)


def said(*rows, **given):
    return ways(*rows, **given).select("steps", "verdict").rows()


def test_the_difference_was_walked_and_the_first_since_midnight():
    assert said(("08:00:00", 500), ("09:00:00", 700)) == [(500, "counted"), (200, "counted")]


def test_a_reading_twice_and_out_of_order_is_one():
    assert said(("09:00:00", 700), ("08:00:00", 500), ("09:00:00", 700)) == [
        (500, "counted"),
        (200, "counted"),
    ]


def test_midnight_begins_anew_and_what_was_unheard_before_it_stays_unknown():
    before, after = ("23:00:00", 9_000), ("24:10:00", 30)

    assert said(before, after) == [(9_000, "counted"), (30, "counted")]


@pytest.mark.parametrize("bits", [16, None])
def test_sixteen_bits_begin_anew_at_their_top(bits):
    assert said(("20:00:00", 65_500), ("20:10:00", 64), bits=bits)[1] == (100, "wrapped")


def test_a_wider_counter_does_not():
    assert said(("20:00:00", 65_500), ("20:10:00", 64), bits=32)[1] == (64, "restarted")


def test_far_from_its_top_or_long_after_it_is_a_band_started_again():
    assert said(("12:00:00", 30_000), ("12:10:00", 64), bits=16)[1] == (64, "restarted")
    assert said(("12:00:00", 60_000), ("14:10:00", 64), bits=16)[1] == (64, "restarted")


def test_nobody_walks_that_fast():
    rows = [("08:00:00", 500), ("08:10:00", 500 + 4_501), ("08:20:00", 5_100)]

    assert said(*rows) == [(500, "counted"), (None, "too_fast"), (99, "counted")]


def test_a_total_that_began_long_before_the_day_counts_from_its_first_reading():
    rows = [("00:10:00", 1_000_000), ("09:00:00", 1_002_000)]

    assert said(*rows) == [(None, "too_fast"), (2_000, "counted")]


def test_one_value_that_its_neighbours_contradict_is_left_out():
    rows = [("08:00:00", 500), ("08:00:02", 65_000), ("08:00:03", 65_000), ("08:00:04", 502)]
    down = [("08:00:00", 500), ("08:02:30", 0), ("08:04:00", 510)]

    assert said(*rows) == [(500, "counted"), (2, "counted")]
    assert said(*down) == [(500, "counted"), (10, "counted")]


def test_a_reading_overtaken_by_another_gateways_is_left_out():
    rows = [("08:00:00", 500), ("08:00:01", 520), ("08:00:09", 505), ("08:00:10", 509)]

    assert sum(steps for steps, _ in said(*rows, ("08:00:30", 540))) == 540


def test_a_clock_that_is_a_little_slow_or_fast_moves_its_own_midnight_only():
    slow = [("00:00:20", 40), ("00:00:50", 60), ("00:01:20", 0), ("00:05:00", 30)]
    fast = [("23:50:00", 9_000), ("23:58:30", 0), ("23:59:30", 20)]

    assert said(*slow)[:2] == [(None, "unknown_start"), (20, "counted")]
    assert said(*slow)[2:] == [(30, "restarted")]
    assert said(*fast)[1:] == [(None, "of_tomorrow"), (None, "of_tomorrow")]


def test_a_band_that_came_to_its_wearer_in_the_day_counts_from_there():
    rows = [("12:00:00", 4_000), ("13:00:00", 4_400)]

    assert said(*rows, since=at("11:59:00")) == [(None, "unknown_start"), (400, "counted")]


def test_zero_is_a_count_and_no_number_is_none():
    rows = [("08:00:00", 0), ("08:30:00", float("nan")), ("08:40:00", -1), ("09:00:00", 0)]

    assert said(*rows) == [(0, "counted"), (0, "counted")]


def test_only_minutes_covered_by_short_ways_have_a_count():
    rows = [(f"08:{n // 60:02}:{n % 60:02}", n) for n in range(30, 200, 20)]
    minutes = counter_minutes(ways(*rows, ("08:10:00", 900), ("08:11:00", 1_000)))

    first = at("08:00:00") // 60_000
    assert minutes.select(pl.col("minute") - first, "steps").rows() == [(1, 60), (2, 60), (10, 100)]

"""Conventions C8, C9, C13, C15 and C16 (days), worked by hand."""

from datetime import date

import polars as pl
import pytest

from adherence import method
from config.conventions import load_conventions
from tests.reference import core
from tests.unit.adherence.by_hand import CASE, at, minutes, ms, only, scored


def day_of(hr, steps=(), **case):
    return only(scored(hr, list(steps), **case)["days"])


@pytest.mark.parametrize(
    ("bpm", "zone"),
    [
        (30, "very_light"),
        (89.5, "very_light"),
        (90, "light"),
        (99.5, "light"),
        (100, "moderate"),
        (119.5, "moderate"),
        (120, "vigorous"),
        (149.5, "vigorous"),
        (150, "near_max"),
        (200, "near_max"),
    ],
)
def test_zones_are_half_open(bpm, zone):
    day = day_of(at((0, bpm)))

    held = {name: value for name, value in day.items() if value == 60_000 and name != "wear_ms"}
    assert f"{zone}_ms" in held
    assert (
        sum(
            day[f"{name}_ms"]
            for name in ("very_light", "light", "moderate", "vigorous", "near_max")
        )
        == 60_000
    )


@pytest.mark.parametrize(
    ("bpm", "credit_ms", "above_ms"),
    [(99.5, 0, 0), (100, 60_000, 0), (119.5, 60_000, 0), (120, 0, 60_000), (220, 0, 60_000)],
)
def test_credit_is_time_in_the_zone_and_above_is_never_credited(bpm, credit_ms, above_ms):
    day = day_of(at((0, bpm)))

    assert (day["credit_ms"], day["above_ms"]) == (credit_ms, above_ms)


@pytest.mark.parametrize(("last_s", "valid"), [(599 * 60, True), (599 * 60 - 0.001, False)])
def test_a_valid_day_has_600_minutes_of_held_time(last_s, valid):
    samples = at(*((60 * number, 95) for number in range(599)), (last_s, 95))

    assert day_of(samples)["valid_day"] is valid


def test_cadence_minutes_begin_at_100_and_130_steps():
    day = day_of(at((0, 95)), minutes(99, 100, 129, 130, 220, 221))

    assert (day["cad100_min"], day["cad130_min"], day["fast_min"]) == (5, 3, 1)
    assert day["steps"] == 99 + 100 + 129 + 130 + 220 + 221


@pytest.mark.parametrize(("held_s", "hrless"), [(30, 0), (29.999, 1)])
def test_a_minute_without_30_s_of_heart_rate_is_hr_less(held_s, hrless):
    # The sample stands 60 s from somewhere in the first minute; the second minute has the rest.
    day = day_of(at((held_s, 95)), minutes(None, 100))

    assert day["hrless_cad100_min"] == hrless


def test_of_a_minute_given_twice_the_larger_count_stands_and_bad_counts_are_none():
    day = day_of(
        at((0, 95)),
        [
            ("a", ms("2026-05-04 07:00:00"), 40.0),
            ("a", ms("2026-05-04 07:00:59.999"), 110.0),
            ("a", ms("2026-05-04 07:01:00"), None),
            ("a", ms("2026-05-04 07:02:00"), -5.0),
        ],
    )

    assert (day["steps"], day["cad100_min"]) == (110, 1)


def test_a_day_with_nothing_but_a_zero_step_count_is_listed():
    results = scored(at((0, 95)), minutes(0, start="2026-05-12 07:00:00"))

    assert results["days"]["date"].to_list() == [date(2026, 5, 4), date(2026, 5, 12)]
    assert results["days"]["wear_ms"].to_list() == [60_000, 0]
    assert results["weeks"]["week"].to_list() == [date(2026, 5, 4)]


@pytest.mark.parametrize(
    ("counts", "still"),
    [
        ((0, 0, 0, 0, 0), 1),
        ((0, 0, 0, 0, 0, 0), 2),
        ((0, 0, 0, 0), 0),
        ((0, None, 0, 0, 0), 0),
        ((0, 0, 1, 0, 0), 0),
        ((0, 0, 0, 0, 1), 0),
    ],
)
def test_still_is_effort_after_five_minutes_of_counted_zeros(counts, still):
    effort = at(*((60 * number, 100) for number in range(6)))

    assert day_of(effort, minutes(*counts))["still_min"] == still


def test_still_needs_the_mean_of_the_minute_in_effort():
    # 20 s of 94 and 40 s of 103: mean exactly 100, the lower end of the zone.
    in_effort = at((240, 94), (260, 103))
    below = at((240, 94), (260.001, 103))

    assert day_of(in_effort, minutes(0, 0, 0, 0, 0))["still_min"] == 1
    assert day_of(below, minutes(0, 0, 0, 0, 0))["still_min"] == 0


@pytest.mark.parametrize(
    ("bpm", "count", "lock"),
    [(103, 100, 1), (97, 100, 1), (103.5, 100, 0), (96, 100, 0), (99, 99, 0), (120, 120, 1)],
)
def test_lock_is_a_pulse_next_to_the_cadence(bpm, count, lock):
    assert day_of(at((0, bpm)), minutes(count))["lock_min"] == lock


@pytest.mark.parametrize(("bpm", "count", "shake"), [(79.5, 100, 1), (80, 100, 0), (79, 99, 0)])
def test_shake_is_steps_without_a_pulse_response(bpm, count, shake):
    assert day_of(at((0, bpm)), minutes(count))["shake_min"] == shake


def test_a_prescription_changes_at_local_midnight():
    rows = at((0, 110), start="2026-05-03 23:59:30")
    samples, steps, cases = core.frames(rows, [], [CASE, CASE | {"zone_lo": 55.0}])
    versions = cases.with_columns(
        version=pl.Series([1, 2]),
        from_day=pl.Series([None, date(2026, 5, 4)]),
        until_day=pl.Series([date(2026, 5, 4), None]),
    )
    c = load_conventions()

    days = method.days(method.held(method.kept(samples, c), c), steps, versions, c).collect()

    assert days.select("version", "date", "credit_ms", "wear_ms").rows() == [
        (1, date(2026, 5, 3), 30_000, 30_000),
        (2, date(2026, 5, 4), 0, 30_000),
    ]

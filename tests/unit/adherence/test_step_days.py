"""Steps of a day out of running totals, spans and minutes: what tells of the same time is one."""

import polars as pl
import pytest

from adherence.counters import COUNTER_ROWS, increments
from adherence.step_days import STEP_SPANS, day_totals
from config.counters import load_counters

OFFSET = 8 * 3_600_000
DAY, HOUR, QUARTER, MINUTE = 86_400_000, 3_600_000, 900_000, 60_000
MIDNIGHT = 20_000 * DAY - OFFSET
ALWAYS = -(2**62)


def totals(spans=(), counters=(), people=((1, 7),)):
    """Days as (person, steps), of (band, hour, length, steps) and of (band, hour, total)."""
    found = increments(
        pl.DataFrame(
            [
                (band, MIDNIGHT + round(hour * HOUR), total, ALWAYS, None)
                for band, hour, total in counters
            ],
            schema=COUNTER_ROWS,
            orient="row",
        ),
        load_counters(),
        utc_offset_ms=OFFSET,
    )
    told = pl.LazyFrame(
        [
            (band, MIDNIGHT + round(hour * HOUR), length, steps)
            for band, hour, length, steps in spans
        ],
        schema=STEP_SPANS,
        orient="row",
    )
    bands = pl.LazyFrame(people, schema={"band": pl.Int64, "person": pl.Int64}, orient="row")
    days = day_totals(told, found.lazy(), bands, utc_offset_ms=OFFSET).collect()
    return days.select("person", "steps").rows()


def test_minutes_alone_are_no_business_of_it():
    assert totals([(1, 8, MINUTE, 100)]) == []


def test_spans_of_a_band_add_up_and_a_repeated_one_does_not():
    assert totals([(1, 8, QUARTER, 100), (1, 8.25, QUARTER, 50), (1, 8, QUARTER, 100)]) == [
        (7, 150)
    ]


def test_spans_that_overlap_are_one():
    assert totals([(1, 8, HOUR, 700), (1, 8.5, HOUR, 900), (1, 9.5, HOUR, 10)]) == [(7, 910)]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([(1, 9, HOUR, 2_000)], 3_000),  # the total has them already
        ([(1, 12, HOUR, 400)], 3_400),  # after the last total
        ([(1, 11.75, HOUR, 400)], 3_000),  # some of it before: it may have them
        ([(1, 2, HOUR, 3_500)], 3_500),  # memory knows more
    ],
)
def test_a_total_and_the_memory_beside_it_are_never_added(told, expected):
    assert totals(told, [(1, 8, 500), (1, 12, 3_000)]) == [(7, expected)]


def test_two_bands_at_once_are_one_and_one_after_the_other_two():
    counters = [(1, 8, 500), (1, 12, 3_000), (2, 11, 2_900), (2, 13, 3_100)]
    spans = [(1, 8, HOUR, 500), (2, 12, HOUR, 300)]

    assert totals((), counters, ((1, 7), (2, 7))) == [(7, 3_100)]
    assert totals(spans, (), ((1, 7), (2, 7))) == [(7, 800)]
    assert totals((), counters, ((1, 7), (2, 8))) == [(7, 3_000), (8, 3_100)]


def test_a_total_of_zero_is_a_day_with_no_step_and_an_unknown_one_is_no_day():
    assert totals((), [(1, 8, 0)]) == [(7, 0)]
    assert totals((), [(1, 0.1, 10**9)]) == []


def test_no_count_is_none():
    assert totals([(1, 8, HOUR, float("nan")), (1, 9, HOUR, -4), (1, 10, HOUR, 0)]) == [(7, 0)]

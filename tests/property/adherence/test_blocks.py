"""Many people in one block: each as alone, whatever parts of the block are computed at a time."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.property.adherence.examples import examples
from tests.property.adherence.recordings import (
    DAY,
    MINUTE,
    MONDAY,
    SECOND,
    exercise_weeks,
    recordings,
)
from tests.reference import core, plain_method

CASE = {
    "age": 50,
    "rest_hr": 60,
    "hr_max": 180,
    "zone_lo": 40,
    "zone_hi": 60,
    "session_min": 12.5,
    "sessions_per_week": 2,
    "weekly_min": 25,
}


@st.composite
def blocks(draw: st.DrawFn) -> tuple:
    """A block of people: each with a recording of any kind, and cases of its own."""
    hr: list[tuple] = []
    steps: list[tuple] = []
    cases: list[dict[str, Any]] = []
    kinds = st.one_of(recordings(), exercise_weeks())
    for number, found in enumerate(draw(st.lists(kinds, min_size=8, max_size=12))):
        hr += [(f"{number:02}{person}", at, bpm) for person, at, bpm in found[0]]
        steps += [(f"{number:02}{person}", at, count) for person, at, count in found[1]]
        cases += [
            case | {"case": f"{number:02}{case['case']}", "person": f"{number:02}{case['person']}"}
            for case in found[2]
        ]
    return hr, steps, cases


@examples(6)
@given(block=blocks())
def test_a_block_of_many_people_equals_the_plain_method(block):
    hr, steps, cases = block

    ours = core.score(*core.frames(hr, steps, cases))

    for name, theirs in zip(core.RESULTS, plain_method.score(hr, steps, cases), strict=True):
        assert core.differences(ours[name], theirs) == []


def lived(person: str, days: int, pace_s: int, rows_a_day: int, seed: int) -> pl.DataFrame:
    """Heart rate at random about two levels, in effort for long, with twins and spikes.

    One reading a minute has neither.
    """
    chance = np.random.default_rng(seed)
    at = np.concatenate(
        [
            MONDAY + day * DAY + 8 * 60 * MINUTE + np.arange(rows_a_day) * pace_s * SECOND
            for day in range(days)
        ]
    )
    level = np.where(np.arange(len(at)) // 700 % 2, 125.0, 70.0)
    bpm = level + chance.integers(-12, 13, len(at)) + 60.0 * (chance.random(len(at)) < 0.02)
    again = chance.integers(0, len(at), len(at) // 50 if pace_s < 60 else 0)
    return pl.DataFrame(
        {
            "person": person,
            "ts": np.concatenate([at, at[again]]),
            "hr": np.concatenate([bpm, bpm[again] + 1]),
        }
    ).sort("ts", maintain_order=True)


def walked(heart_rate: pl.DataFrame) -> pl.DataFrame:
    return (
        heart_rate.select("person", ts=pl.col("ts") // MINUTE * MINUTE)
        .unique(maintain_order=True)
        .with_columns(steps=(pl.col("ts") // MINUTE * 37 % 240).cast(pl.Float64))
    )


@pytest.fixture(scope="module")
def town() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Forty people, some 280,000 rows: two alone have more than fits a part, others a few each."""
    plans = [(48, 60, 1_400), (1, 1, 66_000)]
    plans += [(60 + n % 7, 50 - n % 3 * 20, 40 + n) for n in range(38)]
    hr = pl.concat(
        lived(f"p{number:02}", days, pace_s, rows, seed=number)
        for number, (days, pace_s, rows) in enumerate(plans)
    )
    people = hr["person"].unique().sort()
    cases = [CASE | {"case": f"c{person}", "person": person} for person in people]
    for long in cases[:2]:
        long["rest_hr"] = None
    return hr, walked(hr), core.frames([], [], cases)[2].collect()


def score(hr: pl.DataFrame, steps: pl.DataFrame, cases: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return core.score(hr.lazy(), steps.lazy(), cases.lazy())


def test_everybody_in_a_large_block_is_as_alone(town):
    together = score(*town)

    alone = [
        score(*(frame.filter(pl.col("person") == person) for frame in town))
        for person in town[2]["person"]
    ]

    for name in core.RESULTS:
        apart = pl.concat(one[name] for one in alone)
        assert_frame_equal(together[name], apart, check_exact=True)
    assert together["bouts"]["person"].n_unique() > 10
    assert together["people"].filter(pl.col("n_kept") < pl.col("n_in")).height == 39


def test_a_large_block_in_any_order_is_the_same(town):
    hr, steps, cases = town

    shuffled = score(
        hr.sample(fraction=1, shuffle=True, seed=5),
        steps.sample(fraction=1, shuffle=True, seed=6),
        cases.reverse(),
    )

    for name, frame in score(*town).items():
        assert_frame_equal(shuffled[name], frame, check_exact=True)


def with_last_reversed(rows: pl.DataFrame) -> pl.DataFrame:
    is_last = rows["person"] == rows["person"].last()
    return pl.concat([rows.filter(~is_last), rows.filter(is_last).reverse()])


def test_a_large_block_with_one_person_out_of_order_is_the_same(town):
    hr, steps, cases = town

    found = score(with_last_reversed(hr), with_last_reversed(steps), cases)

    for name, frame in score(*town).items():
        assert_frame_equal(found[name], frame, check_exact=True)


def test_a_pulse_that_jumps_every_second_loses_what_the_plain_method_drops():
    """Half of every window is far away: each sample must be looked at by the rule itself."""
    at = MONDAY + np.arange(36_000) * SECOND
    bpm = np.where(np.random.default_rng(3).random(len(at)) < 0.5, 60.0, 150.0)
    rows = [("a", *row) for row in zip(at.tolist(), bpm.tolist(), strict=True)]

    kept = core.kept(rows)

    plain = plain_method.without_spikes(plain_method.samples_of([row[1:] for row in rows]))
    assert 0 < len(plain) < len(rows)
    assert kept["ts"].to_list() == [moment for moment, _ in plain]

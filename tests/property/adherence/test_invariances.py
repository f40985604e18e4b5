"""What must change nothing: order, batches, rows sent again, company, names, whole weeks."""

import io
import random
from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.property.adherence.examples import examples
from tests.property.adherence.recordings import (
    DAY,
    MINUTE,
    exercise_weeks,
    one_person,
    recordings,
    training_weeks,
)
from tests.reference import core

WEEK = 7 * DAY
either = st.one_of(recordings(), training_weeks(), exercise_weeks())


def assert_same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> None:
    for name in core.RESULTS:
        assert_frame_equal(one[name], other[name], check_exact=True)


@examples(25)
@given(recording=either, seed=st.integers(0, 2**16))
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


@examples(15)
@given(recording=either, pieces=st.integers(2, 7))
def test_rows_that_come_in_many_batches_are_the_rows_that_come_in_one(recording, pieces):
    samples, steps, cases = core.frames(*recording)
    expected = core.score(samples, steps, cases)

    batched = core.score(in_pieces(samples, pieces), in_pieces(steps, pieces), cases)

    assert_same(expected, batched)


def in_pieces(rows: pl.LazyFrame, pieces: int) -> pl.LazyFrame:
    """Every so-manieth row in a chunk of its own."""
    whole = rows.collect()
    return pl.concat([whole.gather_every(pieces, n) for n in range(pieces)], rechunk=False).lazy()


@examples(15)
@given(recording=either, rows_in_group=st.integers(1, 40))
def test_the_row_groups_of_a_file_change_nothing(recording, rows_in_group):
    samples, steps, cases = core.frames(*recording)
    expected = core.score(samples, steps, cases)

    from_file = core.score(
        through_parquet(samples, rows_in_group), through_parquet(steps, rows_in_group), cases
    )

    assert_same(expected, from_file)


def through_parquet(rows: pl.LazyFrame, rows_in_group: int) -> pl.LazyFrame:
    file = io.BytesIO()
    rows.collect().write_parquet(file, row_group_size=rows_in_group)
    file.seek(0)
    return pl.scan_parquet(file)


@examples(20)
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


@examples(15)
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


@examples(20)
@given(recording=either, weeks=st.integers(-70, 70))
def test_whole_weeks_later_the_result_is_the_same_so_much_later(recording, weeks):
    hr, steps, cases = recording
    expected = core.score(*core.frames(hr, steps, cases))
    by_ms = weeks * WEEK

    moved = core.score(
        *core.frames(
            [(person, at + by_ms, bpm) for person, at, bpm in hr],
            [(person, at + by_ms, count) for person, at, count in steps],
            cases,
        )
    )

    assert_same({name: later(frame, weeks) for name, frame in expected.items()}, moved)


def later(frame: pl.DataFrame, weeks: int) -> pl.DataFrame:
    return frame.with_columns(
        *(
            pl.col(name) + timedelta(weeks=weeks)
            for name in ("date", "week")
            if name in frame.columns
        ),
        *(pl.col(name) + weeks * WEEK for name in ("start_ms", "end_ms") if name in frame.columns),
    )


BELOW, INSIDE, ABOVE = 80, 120, 150
EFFORT = {"rest_hr": 60, "hr_max": 160, "zone_lo": 40, "zone_hi": 80}


@examples(60)
@given(recording=one_person(), more=st.data())
def test_more_time_in_the_zone_never_loses_credit_in_bouts(recording, more):
    hr, _, cases = recording
    case = cases[0] | EFFORT
    before = {at: level_of(bpm) for _, at, bpm in hr}
    low = sorted(at for at, bpm in before.items() if bpm == BELOW)
    raised = more.draw(st.one_of(st.just(low), st.sets(st.sampled_from(low)))) if low else []

    after = before | dict.fromkeys(raised, INSIDE)

    assert bout_credit_ms(before, case) <= bout_credit_ms(after, case)


def level_of(bpm: float | None) -> int:
    if bpm is None or not bpm >= 100:
        return BELOW
    return INSIDE if bpm < 140 else ABOVE


def bout_credit_ms(levels: dict[int, int], case: dict[str, Any]) -> int:
    """Credit by the core, from held time itself: a raised sample is no spike here."""
    times = sorted(levels)
    following = [*times[1:], times[-1] + MINUTE] if times else []
    held = pl.LazyFrame(
        [
            ("a", at, min(at + MINUTE, after), float(levels[at]), 1)
            for at, after in zip(times, following, strict=True)
        ],
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

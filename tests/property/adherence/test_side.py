"""The side figures against plain loops, over recordings that seek the edges."""

import math
from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from adherence import method
from adherence.side import SIDE
from adherence.weeks import recorded_spans
from config.conventions import load_conventions
from config.side_figures import load_side_figures
from tests.property.adherence.examples import examples
from tests.property.adherence.recordings import heart_rate_rows
from tests.reference import core, plain_side
from tests.unit.adherence.by_hand import CASE

WEEK = date(2026, 5, 4)
C, NUMBERS = load_conventions(), load_side_figures()


def side_of(rows, cases, mixed=None):
    """Kept, held and SIDE; with `mixed` days and heart rates come in any order."""
    samples, steps, _ = core.frames(rows, [], [CASE])
    kept = method.kept(samples, C).collect()
    held = method.held(kept.lazy(), C).collect()
    days = method.days(held.lazy(), steps, cases, C).collect().lazy()
    bouts = method.bouts(method.chains(held.lazy(), cases, C), steps, C).collect().lazy()
    weeks = method.weeks(days, bouts, cases, recorded_spans(days), C).collect().lazy()
    rests = method.rest_days(kept.lazy(), C)
    by_bpm = method.held_bpm(held.lazy(), C)
    if mixed is not None:
        days, by_bpm = (
            frame.collect().sample(fraction=1, shuffle=True, seed=mixed.randrange(1000)).lazy()
            for frame in (days, by_bpm)
        )
    loads = method.day_loads(by_bpm, cases, NUMBERS)
    found = method.side_weeks(days, loads, rests, weeks, cases, C, NUMBERS).collect()
    return kept, held, found


def same(ours, theirs):
    if isinstance(theirs, float):
        return ours is not None and math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-7)
    return ours == theirs


@examples(30)
@given(
    rows=heart_rate_rows("a"),
    sex=st.sampled_from(["M", "F", None]),
    hr_max=st.sampled_from([160.0, 184.0]),
    ceiling=st.sampled_from([None, 110.0, 149.5]),
    order=st.randoms(use_true_random=False),
)
def test_side_figures_equal_plain_loops_in_any_order_of_the_rows(rows, sex, hr_max, ceiling, order):
    case = CASE | {"sex": sex, "hr_max": hr_max, "ceiling_bpm": ceiling}
    types = {
        "case": pl.String,
        "person": pl.String,
        **core.CASE_TYPES,
        "sex": pl.String,
        "ceiling_bpm": pl.Float64,
    }
    cases = pl.LazyFrame([case], schema=types)

    kept, held, found = side_of(rows, cases)
    shuffled = list(rows)
    order.shuffle(shuffled)
    _kept, _held, again = side_of(shuffled, cases)

    assert again.equals(found)
    assert side_of(rows, cases, mixed=order)[2].equals(found)
    assert tuple(found.columns) == SIDE
    bpm = pl.col("bpm_sum") / pl.col("bpm_n")
    spans = held.select("start_ms", "end_ms", bpm).rows()
    rests = plain_side.rest_by_day(kept.select("ts", bpm).rows())
    for week in found.to_dicts():
        plain = plain_side.side_week(
            week["week"], spans, rests, sex=sex, rest=60.0, hr_max=hr_max, ceiling=ceiling
        )
        assert [name for name, value in plain.items() if not same(week[name], value)] == []


rest_days = st.dictionaries(
    st.integers(-40, 13), st.integers(40, 90).map(lambda bpm: bpm / 2 + 30), max_size=40
)


@settings(deadline=None)
@given(mine=rest_days, others=rest_days)
def test_the_drift_equals_a_plain_loop_and_is_ones_own(mine, others):
    frame = pl.LazyFrame(
        [
            (who, WEEK + timedelta(days=number), bpm)
            for who, days in (("a", mine), ("b", others))
            for number, bpm in days.items()
        ],
        schema={"person": pl.String, "date": pl.Date, "rest_bpm": pl.Float64},
        orient="row",
    )
    listed = pl.LazyFrame({"person": ["a", "b"], "week": [WEEK, WEEK]})

    found = method.rest_drift(frame, listed, NUMBERS).sort("person").collect()

    names = ("rest_days", "rest_bpm", "rest_base_days", "rest_base_bpm", "rest_drift_bpm")
    for who, days in (("a", mine), ("b", others)):
        plain = plain_side.drift({WEEK + timedelta(days=n): bpm for n, bpm in days.items()}, WEEK)
        assert found.filter(pl.col("person") == who).select(names).row(0) == plain

"""The kernels over whole columns: what they check, and that their sizes decide nothing."""

import random

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from adherence import method, stages
from adherence.rows import NEVER_MS, Runs, least_step, repeated
from adherence.schema import figured
from config.conventions import load_conventions
from tests.reference import core, plain_method
from tests.unit.adherence.by_hand import CASE, at, blocks, minutes, ms

C = load_conventions()


def people_of(seed):
    """A few people with twins, fractions, spikes and holes, sampled every 1 to 90 s."""
    chance = random.Random(seed)
    hr, steps = [], []
    for person in ("a", "b", "c"):
        second = 0.0
        for _ in range(chance.choice((5, 400, 900))):
            second += chance.choice((1, 5, 5, 5, 29.5, 30, 60, 60, 90))
            for _ in range(chance.choice((1,) * 20 + (2, 3))):
                bpm = chance.choice((70, 95, 100.5, 109, 110, 110, 125, 141, 160))
                hr += [(person, *sample[1:]) for sample in at((second, bpm))]
        counted = minutes(*(chance.choice((0, 0, 0, 55, 101, 130)) for _ in range(60)))
        steps += [(person, *count[1:]) for count in counted]
    return hr, steps


@pytest.mark.parametrize("seed", range(12))
def test_spikes_are_those_of_the_plain_method_at_every_pace(seed):
    chance = random.Random(seed)
    pace = chance.choice((0.05, 1, 5, 12, 29))
    bpms = [chance.choice((60, 61, 75, 90, 90.5, 91, 105, 120, 121)) for _ in range(500)]
    hr = at(*((pace * number, bpm) for number, bpm in enumerate(bpms)))
    hr += at(*((pace * chance.randrange(500), chance.choice((62, 91))) for _ in range(40)))

    kept = method.kept(core.frames(hr, [], [])[0], C).collect()

    plain = plain_method.without_spikes(plain_method.samples_of([row[1:] for row in hr]))
    assert kept.select("ts", pl.col("bpm_sum") / pl.col("bpm_n")).rows() == [
        (at_ms, float(bpm)) for at_ms, bpm in plain
    ]


@pytest.mark.parametrize("seed", range(60))
def test_spikes_at_steps_of_the_pulse_are_those_of_the_plain_method(seed):
    """High and low for some samples each: windows whose one half lies in the next block, or two."""
    chance = random.Random(seed)
    hr, second, high = [], 0, False
    while len(hr) < chance.choice((9, 20, 60, 400)):
        pace = chance.choice((0.2, 1, 1, 2, 5, 10))
        for _ in range(chance.choice((1, 3, 5, 7, 8, 8, 8, 9, 15, 16, 17, 24, 40))):
            hr += at((second, 120 if high else 70))
            second += pace
        high = not high
        second += chance.choice((0, 0, 29, 30, 31, 100))

    kept = method.kept(core.frames(hr, [], [])[0], C).collect()

    plain = plain_method.without_spikes(plain_method.samples_of([row[1:] for row in hr]))
    assert kept["ts"].to_list() == [at_ms for at_ms, _ in plain]


@pytest.mark.parametrize(
    ("rows_in", "least"),
    [
        ([("a", 0), ("a", 5), ("a", 7), ("b", 0)], 2),
        ([("a", 0), ("a", 0)], 0),
        ([("a", 5), ("a", 0)], -5),
        ([("b", 0), ("a", 5)], -1),
        ([("a", 0), ("b", 5), ("a", 9)], -1),
        ([("a", 0)], NEVER_MS),
        ([], NEVER_MS),
    ],
)
@pytest.mark.parametrize("names", [{"a": "a", "b": "b"}, {"a": 1, "b": 2}])
def test_that_rows_are_sorted_is_looked_at(rows_in, least, names):
    named = [(names[who], at_ms) for who, at_ms in rows_in]
    person = pl.Series(
        [who for who, _ in named], dtype=pl.String if names["a"] == "a" else pl.Int32
    )
    ts = np.array([at_ms for _, at_ms in named], np.int64)

    assert least_step(Runs.of(person, is_sorted=False), ts) == least


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dtype", [pl.Int32, pl.Int64, pl.String])
def test_runs_of_sorted_rows_are_found_by_leaps(seed, dtype):
    chance = random.Random(seed)
    lengths = [chance.choice((1, 1, 2, 3, 7, 8, 9, 500)) for _ in range(chance.randrange(30))]
    person = pl.Series([who + 100 for who, rows in enumerate(lengths) for _ in range(rows)])
    person = person.cast(dtype)

    runs, looked_at = Runs.of(person), Runs.of(person, is_sorted=False)

    assert np.diff(runs.bounds).tolist() == lengths
    assert looked_at.bounds.tolist() == runs.bounds.tolist()
    assert looked_at.heads.to_list() == runs.heads.to_list()
    assert repeated(runs.heads, np.array(lengths, np.int64)).to_list() == person.to_list()


def test_a_run_that_another_interrupts_is_seen_though_its_ends_are_alike():
    person = pl.Series([1, 1, 2, 1, 1, 1, 3, 1], dtype=pl.Int32)
    rows = pl.DataFrame({"person": person, "ts": [n * 1000 for n in range(8)], "hr": 70.0})

    kept = method.kept(rows.lazy(), C).collect()

    assert kept["person"].to_list() == [1, 1, 1, 1, 1, 1, 2, 3]


@pytest.mark.parametrize("seed", range(3))
def test_people_with_numbers_may_come_mixed_as_those_with_names(seed):
    hr, steps = people_of(seed)
    samples, step_rows, cases = core.frames(
        hr, steps, [CASE | {"case": who, "person": who} for who in "abc"]
    )
    expected = core.score(samples, step_rows, cases)
    number = pl.col("person").replace_strict({"a": 1, "b": 2, "c": 3}, return_dtype=pl.Int32)

    mixed = [rows.collect().sample(fraction=1.0, shuffle=True, seed=seed).lazy()
             for rows in (samples, step_rows)]  # fmt: skip
    found = core.score(*(rows.with_columns(person=number) for rows in (*mixed, cases)))

    for result in core.RESULTS:
        columns = pl.exclude("person") if "person" in expected[result].columns else pl.all()
        assert_frame_equal(
            found[result].select(columns), expected[result].select(columns), check_exact=True
        )


def test_people_without_rows_are_found_to_have_none():
    runs = Runs.of(pl.Series(["a", "a", "c"]))

    first, behind = runs.found(pl.Series(["c", "b", "a"]))

    assert (first.tolist(), behind.tolist()) == ([2, 0, 0], [3, 0, 2])


def test_whole_numbers_are_taken_as_they_are():
    hr, steps = people_of(7)
    hr = [(who, at_ms, bpm) for who, at_ms, bpm in hr if bpm != 100.5]
    samples, step_rows, cases = core.frames(hr, steps, [CASE | {"person": "b"}])

    whole = samples.with_columns(pl.col("hr").cast(pl.Int16)), step_rows.cast({"steps": pl.Int32})

    found, expected = (core.score(*frames, cases) for frames in (whole, (samples, step_rows)))
    for result in core.RESULTS:
        assert_frame_equal(found[result], expected[result], check_exact=True)


def test_a_day_is_counted_by_beats_and_fractions_and_what_lies_past_midnight_stand_apart():
    hr = at((0, 95), (10, 100.5), (20, 95), (40, 96), start="2026-05-03 23:59:00")
    held = method.held(method.kept(core.frames(hr, [], [])[0], C), C)

    found = method.held_bpm(held, C).collect().sort("date", "bpm_sum")

    assert found.select("bpm_sum", "held_ms").rows() == [
        (95.0, 30_000),
        (96.0, 20_000),
        (100.5, 10_000),
        (96.0, 40_000),
    ]


def test_a_fraction_that_is_held_past_midnight_has_its_part_of_each_day():
    hr = at((0, 95), (30, 100.5), (80, 96.5), (100, 97), start="2026-05-03 23:59:00")
    held = method.held(method.kept(core.frames(hr, [], [])[0], C), C)

    found = method.held_bpm(held, C).collect().sort("date", "bpm_sum")

    assert found.select(pl.col("date").dt.day(), "bpm_sum", "held_ms").rows() == [
        (3, 95.0, 30_000),
        (3, 100.5, 30_000),
        (4, 96.5, 20_000),
        (4, 97.0, 60_000),
        (4, 100.5, 20_000),
    ]


def test_effort_is_joined_where_no_case_can_tell_it_apart():
    # 40-60 % is 100-120 bpm; 45-60 % is 105-120: so 110 is alike to both, and 102 is not.
    hr = blocks((60, 110), (60, 115), (60, 102), (60, 125), (30, 90))
    held = method.held(method.kept(core.frames(hr, [], [])[0], C), C).collect()
    cases = core.frames([], [], [CASE, CASE | {"case": "d", "zone_lo": 45.0}])[2]

    effort = stages.effort(held, figured(cases), C)

    start = ms("2026-05-04 07:00:00")
    assert [
        ((first - start) // 1000, (behind - start) // 1000)
        for first, behind in effort.select("start_ms", "end_ms").rows()
    ] == [(0, 120), (120, 180), (180, 240)]

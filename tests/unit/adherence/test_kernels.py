"""The kernels over whole columns: what they check, and that their sizes decide nothing."""

import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from adherence import bpm_days, method, rows, spikes, stages
from adherence.rows import Line, Runs, smallest_gaps
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


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("module", "name", "size"),
    [
        (rows, "PART_ROWS", 1),
        (rows, "PART_ROWS", 700),
        (bpm_days, "DAYS_AT_ONCE", 1),
        (spikes, "MOST_CELLS", 1),
    ],
)
def test_how_much_is_looked_at_in_one_go_decides_nothing(monkeypatch, seed, module, name, size):
    hr, steps = people_of(seed)
    frames = core.frames(hr, steps, [CASE | {"case": who, "person": who} for who in "abc"])
    expected = core.score(*frames)
    monkeypatch.setattr(module, name, size)

    found = core.score(*frames)

    for result in core.RESULTS:
        assert_frame_equal(found[result], expected[result], check_exact=True)


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


@pytest.mark.parametrize(
    ("rows_in", "closest"),
    [
        ([("a", 0), ("a", 5), ("a", 7), ("b", 0)], 2),
        ([("a", 0), ("a", 0)], 0),
        ([("a", 5), ("a", 0)], -5),
        ([("b", 0), ("a", 5)], -1),
        ([("a", 0), ("b", 5), ("a", 9)], -1),
        ([("a", 0)], rows.DAY_MS),
    ],
)
def test_that_rows_are_sorted_is_looked_at(rows_in, closest):
    frame = pl.DataFrame(rows_in, schema={"person": pl.String, "ts": pl.Int64}, orient="row")

    assert smallest_gaps(Runs.of(frame["person"]), frame["ts"].to_numpy()).tolist() == [closest]


def test_whole_numbers_are_taken_as_they_are():
    hr, steps = people_of(7)
    hr = [(who, at_ms, bpm) for who, at_ms, bpm in hr if bpm != 100.5]
    samples, step_rows, cases = core.frames(hr, steps, [CASE | {"person": "b"}])

    whole = samples.with_columns(pl.col("hr").cast(pl.Int16)), step_rows.cast({"steps": pl.Int32})

    found, expected = (core.score(*frames, cases) for frames in (whole, (samples, step_rows)))
    for result in core.RESULTS:
        assert_frame_equal(found[result], expected[result], check_exact=True)


def test_people_lie_on_the_line_a_day_apart_however_their_times_overlap():
    frame = pl.DataFrame({"person": ["a", "a", "b", "b"], "ts": [100, 900, -50, 120]})
    runs = Runs.of(frame["person"])

    placed = Line.through(runs.ends(frame["ts"].to_numpy())).place(runs, frame["ts"].to_numpy())

    assert (placed[1:] - placed[:-1]).tolist() == [800, rows.DAY_MS, 170]


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

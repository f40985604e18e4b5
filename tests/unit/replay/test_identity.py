"""Identities follow from what a recording says, not from how it was written down."""

import polars as pl
import pytest

from scripts.replay.recording import one_centre, recording_of

HR = [("ann", 1_000, 70.0), ("ann", 2_000, 71.0), ("ann", 2_000, 69.0), ("bob", 5_000, 80.0)]
STEPS = [("ann", 60_000, 12.0), ("bob", 0, 0.0)]
CASES = [("a", "ann", 60.0), ("a2", "ann", 60.0), ("b", "bob", 70.0)]


def recording(hr=HR, steps=STEPS, cases=CASES):
    return recording_of(
        pl.DataFrame(hr, schema=["person", "ts", "hr"], orient="row"),
        pl.DataFrame(steps, schema=["person", "ts", "steps"], orient="row"),
        pl.DataFrame(cases, schema=["case", "person", "age"], orient="row"),
        one_centre(["ann", "bob"]),
    )


def test_the_order_of_rows_changes_nothing():
    shuffled = recording(HR[::-1], STEPS[::-1], CASES[::-1])

    assert shuffled.identities == recording().identities


@pytest.mark.parametrize(
    "other",
    [
        {"hr": [("ann", 1_000, 70.5), *HR[1:]]},
        {"hr": [*HR, HR[0]]},
        {"steps": [("ann", 60_001, 12.0), STEPS[1]]},
        {"steps": STEPS[:1]},
        {"cases": [("a", "ann", 61.0), *CASES[1:]]},
    ],
)
def test_any_other_content_is_another_recording(other):
    assert recording(**other).identities != recording().identities


def test_a_missing_value_is_no_reading_and_a_wild_one_is():
    gaps = [*HR, ("ann", 9_000, None), ("ann", 9_500, float("nan")), ("bob", 9_000, 65_535.0)]

    tracks = {track.person: track for track in recording(gaps).tracks}

    assert tracks["ann"].hr_at_ms.tolist() == [1_000, 2_000, 2_000]
    assert tracks["bob"].hr_bpm.tolist() == [80.0, 65_535.0]


def test_a_person_without_readings_still_has_a_track():
    silent = recording(cases=[*CASES, ("c", "cyd", 50.0)])

    assert [len(track) for track in silent.tracks if track.person == "cyd"] == [0]


def test_names_differ_by_person_and_fit_a_topic():
    names = recording().identities

    assert names.gateway("ann") != names.gateway("bob")
    assert names.device_key("ann") != names.device_key("bob")
    assert names.boot("ann") != names.boot("bob")
    assert len(names.boot("ann")) == 16
    assert names.centre("wenchang").startswith("wenchang-")

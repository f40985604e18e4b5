"""Recorded people: `adhere score` on the files equals the plain method, second by second."""

from datetime import UTC, datetime
from fractions import Fraction

import polars as pl
import pytest

from tests.recordings import RECORDED, adhere, four_people, look_alike
from tests.reference import core, plain_method

SHANGHAI_MS = 8 * 3_600_000
CASE = {
    "age": 52.0,
    "beta_blocker": None,
    "rest_hr": None,
    "hr_max": None,
    "zone_lo": 40.0,
    "zone_hi": 90.0,
    "session_min": 20.0,
    "sessions_per_week": 3.0,
    "weekly_min": 60.0,
}


def say_if_absent(pytestconfig, is_recorded):
    if not is_recorded:
        pytestconfig.pluginmanager.get_plugin("terminalreporter").write_line(
            "recorded data is absent (ADHERE_TEST_DATA): a generated look-alike stands for it"
        )


def as_published(row):
    """A row of the plain method with the columns of the files: seconds, and times as UTC."""
    published = {}
    for name, value in row.items():
        if name in ("start_ms", "end_ms"):
            seconds, ms = divmod(value, 1000)
            when = datetime.fromtimestamp(seconds, UTC).replace(microsecond=1000 * ms)
            published[name.removesuffix("_ms")] = when
        elif name.endswith("_ms"):
            published[f"{name.removesuffix('_ms')}_s"] = Fraction(value, 1000)
        else:
            published[name] = value
    return published


def local_rows(path, value):
    """The rows of a file with naive local times, as the plain method takes them."""
    frame = pl.read_parquet(path, columns=["person", "ts", value])
    return frame.select(
        "person", pl.col("ts").dt.epoch("ms") - SHANGHAI_MS, pl.col(value).cast(pl.Float64)
    ).rows()


@pytest.fixture(scope="module")
def files(tmp_path_factory, pytestconfig):
    found = four_people(tmp_path_factory.mktemp("recording"))
    say_if_absent(pytestconfig, found.is_recorded)
    return found


@pytest.fixture(scope="module")
def scored(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("scored")
    adhere("score", *files.options(), "--out", out, "--json")
    return out


@pytest.fixture(scope="module")
def plain(files):
    cases = pl.read_csv(files.cases, schema_overrides={"person": pl.String}).to_dicts()
    return plain_method.score(local_rows(files.hr, "hr"), local_rows(files.steps, "steps"), cases)


@pytest.mark.parametrize("name", core.RESULTS)
def test_score_equals_the_plain_method(scored, plain, name):
    theirs = [as_published(row) for row in plain[core.RESULTS.index(name)]]

    assert theirs
    assert core.differences(pl.read_parquet(scored / f"{name}.parquet"), theirs) == []


def test_the_recording_puts_every_rule_to_work(plain):
    """Else the test above would say little."""
    people, days, bouts, weeks = plain

    assert {person["reason"] for person in people} >= {None, "no_samples"}
    assert any(0 < person["n_kept"] < person["n_in"] for person in people)
    flags = ("still_min", "lock_min", "shake_min", "hrless_cad100_min", "cad130_min", "above_ms")
    assert [flag for flag in flags if not any(day[flag] for day in days)] == []
    assert {bout["complete"] for bout in bouts} == {True, False}
    assert any(bout["min_walk"] for bout in bouts)
    assert any(week["valid_week"] for week in weeks)


def test_people_sampled_every_five_minutes_or_every_second_agree_too(tmp_path, pytestconfig):
    found = RECORDED / "uom_5min.parquet", RECORDED / "fit_workout_records.parquet"
    is_recorded = all(path.exists() for path in found)
    say_if_absent(pytestconfig, is_recorded)
    if is_recorded:
        slow = pl.read_parquet(found[0]).select("person", "ts", "hr")
        quick = pl.read_parquet(found[1]).select("person", "ts_utc", "hr").rename({"ts_utc": "ts"})
        rows = pl.concat([slow, quick], how="vertical_relaxed")
    else:
        rows = pl.read_parquet(look_alike(tmp_path, weeks=2, every_s=1)[0])
    rows = rows.with_columns(pl.col("ts").dt.epoch("ms"), pl.col("hr").cast(pl.Float64))
    people = rows["person"].unique().sort().to_list()
    cases = [CASE | {"case": person, "person": person} for person in people]

    ours = core.score(*core.frames(rows.rows(), [], cases))

    theirs = plain_method.score(rows.rows(), [], cases)
    for name, plain_rows in zip(core.RESULTS, theirs, strict=True):
        assert core.differences(ours[name], plain_rows) == []


def test_scoring_again_writes_the_same_bytes(files, scored, tmp_path):
    adhere("score", *files.options(), "--out", tmp_path, "--json")

    for name in core.RESULTS:
        file = f"{name}.parquet"
        assert (tmp_path / file).read_bytes() == (scored / file).read_bytes()

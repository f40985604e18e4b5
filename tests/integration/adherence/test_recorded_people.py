"""Recorded people: `adhere score` on the files equals the plain method, second by second."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import polars as pl
import pytest

from tests.recordings import RECORDED, adhere, four_people, look_alike
from tests.reference import core, plain_method, plain_prescription

pytestmark = pytest.mark.timeout(900)  # a minute, where nothing else runs

SHANGHAI_MS = 8 * 3_600_000
DAY_MS = 86_400_000
LABORATORY_MS = 1_464_537_600_000 + 9 * 3_600_000  # a Monday, 9:00 at UTC+8
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
ASKED = CASE | {
    "rest_hr": 62.5,
    "resistance_per_week": 2.0,
    "rest_days": 1,
    "balance_per_week": 3.0,
    "balance_min": 20.0,
    "steps_per_day": 2000.0,
    "day_adds_up": True,
}
BEYOND = (
    ASKED | {"zone_lo": 37.5, "zone_hi": 62.3, "hr_max": 189.2},
    ASKED | {"intensity_kind": "hr_max", "zone_lo": 57.5, "zone_hi": 95.0},
    ASKED | {"intensity_kind": "bpm", "zone_lo": 100.0, "zone_hi": 150.5},
    ASKED | {"intensity_kind": "rpe", "zone_lo": 11.0, "zone_hi": 14.0},
)
LOG = [
    {"date": timedelta(days=day), "component": component, "minutes": minutes, "rpe": rpe}
    for day, component, minutes, rpe in (
        (0, "resistance", None, None),
        (1, "resistance", 30.0, None),
        (2, "balance", 15.9, None),
        (3, "balance", 16.0, None),
        (3, "aerobic", 40.0, 12.0),
        (4, "aerobic", 40.0, 15.0),
        (9, "aerobic", 12.0, 11.0),
    )
]
PARTS = ("aerobic_pct", "resistance_pct", "balance_pct", "steps_pct")


def say_if_absent(pytestconfig, is_recorded):
    if not is_recorded:
        pytestconfig.pluginmanager.get_plugin("terminalreporter").write_line(
            "recorded data is absent (ADHERE_TEST_DATA): a generated look-alike stands for it"
        )


NOT_PUBLISHED = ("version", "aerobic_pct", "resistance_pct", "balance_pct", "steps_pct")
"""In the files these stand only where prescriptions go beyond one zone."""


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
        elif name not in NOT_PUBLISHED:
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
    adhere("score", *files.options(), "--out", out, "--json", expect=3)  # `nobody` is refused
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


def sampled_otherwise(folder):
    """People sampled every five minutes, every second and every minute in a laboratory, and steps.

    Where the recordings are absent, a look-alike sampled every second.
    """
    slow, quick, lab = (
        RECORDED / f"{name}.parquet"
        for name in ("uom_5min", "fit_workout_records", "awfb_lab_minutes")
    )
    if not all(path.exists() for path in (slow, quick, lab)):
        hr, steps = (
            pl.read_parquet(path).with_columns(pl.col("ts").dt.epoch("ms"))
            for path in look_alike(folder, weeks=2, every_s=1)
        )
        return as_rows(hr, "hr"), as_rows(steps, "steps"), False
    minutes = in_laboratory(lab)
    hr = pl.concat(
        [
            pl.read_parquet(slow).select("person", pl.col("ts").dt.epoch("ms"), "hr"),
            pl.read_parquet(quick).select(
                "person", pl.col("ts_utc").dt.epoch("ms").alias("ts"), "hr"
            ),
            minutes.select("person", "ts", hr="heart_rate"),
        ],
        how="vertical_relaxed",
    )
    return as_rows(hr, "hr"), as_rows(minutes, "steps"), True


def in_laboratory(path):
    """The half of the laboratory set with a true pulse, a row a minute from a Monday on."""
    wrist = pl.read_parquet(path).filter(pl.col("device") == "apple watch")
    minute = pl.int_range(pl.len()).over("person", order_by="row")
    return wrist.with_columns(ts=minute * 60_000 + LABORATORY_MS)


def as_rows(frame, value):
    return frame.select("person", "ts", pl.col(value).cast(pl.Float64)).rows()


@pytest.fixture(scope="module")
def otherwise(tmp_path_factory, pytestconfig):
    hr, steps, is_recorded = sampled_otherwise(tmp_path_factory.mktemp("otherwise"))
    say_if_absent(pytestconfig, is_recorded)
    return hr, steps


def assert_agree(ours, theirs):
    for name, plain_rows in zip(core.RESULTS, theirs, strict=True):
        assert core.differences(ours[name], plain_rows) == [], name


def test_people_sampled_every_five_minutes_every_minute_or_every_second_agree_too(otherwise):
    hr, steps = otherwise
    # Five minutes apart are enough for a resting heart rate (C7), a workout or a test is not.
    cases = [
        CASE
        | {"case": person, "person": person}
        | ({} if person.startswith("UoM") else {"rest_hr": 61.3})
        for person in sorted({row[0] for row in hr})
    ]

    ours = core.score(*core.frames(hr, steps, cases))

    theirs = plain_method.score(hr, steps, cases)
    assert len(theirs[0]) == len(cases)
    assert any(bout["complete"] for bout in theirs[2])
    assert_agree(ours, theirs)


def test_prescriptions_beyond_one_zone_agree_too(otherwise):
    """Each kind of zone, phases, components and a log, over everybody sampled every second."""
    hr, steps = otherwise
    first_day, people = {}, []
    for person, at, bpm in hr:
        if bpm:
            first_day[person] = min(at, first_day.get(person, at))
    people = sorted(person for person in first_day if not person.startswith("UoM"))
    cases, log = [], []
    for number, person in enumerate(people):
        start = date(1970, 1, 1) + timedelta(days=(first_day[person] + SHANGHAI_MS) // DAY_MS)
        case = BEYOND[number % len(BEYOND)] | {"case": person, "person": person}
        later = [{"case": person, "from_week": 2, "zone_lo": case["zone_lo"], "session_min": 15.0}]
        cases += plain_prescription.in_phases(case | {"start_day": start}, later)
        log += [logged | {"case": person, "date": start + logged["date"]} for logged in LOG]
    samples, step_rows, frame = core.frames(hr, steps, cases)

    ours = core.score(samples, step_rows, frame, core.log_frame(log, frame))

    theirs = plain_method.score(hr, steps, cases, log)
    told = {name for name in PARTS if any(week[name] for week in theirs[3])}
    assert told == set(PARTS)
    assert_agree(ours, theirs)


def test_scoring_again_writes_the_same_bytes(files, scored, tmp_path):
    adhere("score", *files.options(), "--out", tmp_path, "--json", expect=3)

    for name in core.RESULTS:
        file = f"{name}.parquet"
        assert (tmp_path / file).read_bytes() == (scored / file).read_bytes()

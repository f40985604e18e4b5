"""The main job: recorded people through the whole chain come out as `adhere score` has them."""

import hashlib
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from psycopg import sql

from storage import results
from storage.database import connect
from tests.postgres import new_database
from tests.recordings import adhere, four_people, say

pytestmark = pytest.mark.timeout(900)  # a minute, where nothing else runs

TABLES = (
    *("day", "bout", "week", "batch", "batch_payload", "heart_rate", "steps", "nightly_run"),
    *("patient", "enrolment", "prescription", "device", "device_assignment", "gateway"),
    *("touched", "changed", "dead_letter", "quarantined_reading"),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory, pytestconfig):
    found = four_people(tmp_path_factory.mktemp("recording"))
    if not found.is_recorded:
        say(
            pytestconfig,
            "recorded data is absent (ADHERE_TEST_DATA): a generated look-alike stands for it",
        )
    return found


@pytest.fixture(scope="module")
def dsn(postgres, template):
    with new_database(postgres.dsn, template=template) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("state")


def replay(files, dsn, folder, reports, *more):
    return adhere(
        *("replay", "--json", "--data", folder, "--report-dir", reports),
        *files.options(),
        *more,
        dsn=dsn,
    )


@pytest.fixture(scope="module")
def replayed(files, dsn, state):
    return replay(files, dsn, state / "first", state / "reports", "--check")


@pytest.fixture(scope="module")
def scored(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("scored")
    adhere("score", *files.options(), "--out", out, expect=3)  # `nobody` is refused
    return {name: pl.read_parquet(out / f"{name}.parquet") for name in ("days", "bouts", "weeks")}


def stored(dsn, name):
    """A result table as stored; the case as the file calls it."""
    with connect(dsn) as conn:
        frame = getattr(results, name)(conn)
    return frame.with_columns(case=pl.col("case_label").str.split("@").list.first())


def assert_same(scored, stored, key, columns):
    """Every row and every figure; times and counts exactly, ratios to 1e-6."""
    scored = scored.select(*key, *columns).sort(key)
    stored = stored.select(*key, *columns).cast(dict(scored.schema)).sort(key)
    assert_frame_equal(scored, stored, check_exact=False, abs_tol=1e-6, rel_tol=0)


def in_seconds(frame):
    return frame.with_columns(
        (pl.col(name) / 1000).alias(f"{name.removesuffix('_ms')}_s")
        for name in frame.columns
        if name.endswith("_ms")
    )


def test_readings_in_are_committed_and_counted(replayed):
    assert replayed["readings"] > 100_000
    assert replayed["committed"] == replayed["counted"] == replayed["readings"]
    assert replayed["quarantined"] == 0
    assert replayed["hub"]["readings"] == replayed["readings"]


def test_the_replay_itself_finds_the_results_the_same(replayed):
    assert {table: one["same"] for table, one in replayed["same_as_score"].items()} == {
        "day": True,
        "bout": True,
        "week": True,
    }
    assert all(one["rows"] for one in replayed["same_as_score"].values())


@pytest.mark.usefixtures("replayed")
def test_days_in_the_database_are_those_of_score_to_the_second(scored, dsn):
    columns = [name for name in scored["days"].columns if name not in {"case", "person", "date"}]

    assert_same(scored["days"], in_seconds(stored(dsn, "days")), ["case", "date"], columns)


@pytest.mark.usefixtures("replayed")
def test_bouts_in_the_database_are_those_of_score_to_the_second(scored, dsn):
    bouts = in_seconds(stored(dsn, "bouts")).rename({"start_at": "start", "end_at": "end"})
    columns = [name for name in scored["bouts"].columns if name not in {"case", "person", "start"}]

    assert_same(scored["bouts"], bouts, ["case", "start"], columns)


@pytest.mark.usefixtures("replayed")
def test_weeks_in_the_database_are_those_of_score(scored, dsn):
    weeks = stored(dsn, "weeks").join(scored["weeks"].select("case").unique(), on="case")
    columns = [name for name in scored["weeks"].columns if name not in {"case", "person", "week"}]

    assert_same(scored["weeks"], weeks, ["case", "week"], columns)


def test_who_has_no_figures_still_has_weeks_that_say_so(replayed):
    silent = [week for week in replayed["weeks"] if week["case"] == "nobody"]

    assert silent
    assert {week["state"] for week in silent} == {"cannot_judge"}


def everything(dsn, reports):
    """Counts and hashes of all tables, and of every workbook."""
    found = {}
    with connect(dsn) as conn:
        for table in TABLES:
            found[table] = conn.execute(
                sql.SQL(
                    "SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {} t"
                ).format(sql.Identifier(table))
            ).fetchone()
    for path in sorted(Path(reports).iterdir()):
        found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.mark.parametrize("folder", ["first", "an-empty-one"])
def test_a_second_replay_changes_nothing(replayed, files, dsn, state, folder):
    before = everything(dsn, state / "reports")

    again = replay(files, dsn, state / folder, state / "reports")

    assert everything(dsn, state / "reports") == before
    assert again["hub"]["stored"] == 0
    assert again["hub"]["duplicate"] == (0 if folder == "first" else replayed["batches"])
    assert again["weeks"] == replayed["weeks"]
    assert again["workbook"] == replayed["workbook"]

"""`adhere score` by blocks of people: whatever the files look like, the results are the same."""

import subprocess
import sys

import polars as pl
import pytest

from config.conventions import load_conventions
from scripts.bench.made_recording import make
from scripts.score.inputs import Files
from scripts.score.parts import Parts
from scripts.score.run import run

TABLES = ("people", "days", "bouts", "weeks")
PEOPLE = 7
START = pl.datetime(2026, 5, 4, 6)


@pytest.fixture(scope="module")
def recording():
    """Seven people, ten seconds apart, a session each; more rows for some than for others."""
    beats, walked = [], []
    for person in range(PEOPLE):
        rows = 300 + 100 * person
        at = pl.int_range(rows).alias("n")
        in_session = pl.col("n").is_between(60, 60 + 80 + 10 * person)
        beats.append(
            pl.select(at).select(
                person=pl.lit(f"p{person}"),
                ts=START + pl.duration(seconds=10 * pl.col("n"), days=person),
                hr=pl.when(in_session).then(110 + pl.col("n") % 7).otherwise(70),
            )
        )
        walked.append(
            pl.select(pl.int_range(rows // 6).alias("n")).select(
                person=pl.lit(f"p{person}"),
                ts=START + pl.duration(minutes=pl.col("n"), days=person),
                steps=pl.col("n") % 130,
            )
        )
    cases = pl.DataFrame(
        {"case": [f"{'zyxwvut'[n]}{n}" for n in range(PEOPLE)] + ["a-second", "nobody"]}
    ).with_columns(
        person=pl.Series([f"p{n}" for n in range(PEOPLE)] + ["p2", "p-unknown"]),
        age=60,
        sex=pl.lit("F"),
        beta_blocker=pl.lit(False),  # noqa: FBT003 - a value, no argument
        rest_hr=60,
        hr_max=160,
        zone_lo=40,
        zone_hi=pl.when(pl.col("case") == "a-second").then(50).otherwise(60),
        session_min=15,
        sessions_per_week=1,
        weekly_min=15,
    )
    return pl.concat(beats), pl.concat(walked), cases


def scored(folder, beats, walked, cases, *, block_rows, as_csv=False):
    """Write the files as they are given, score them, return what was written."""
    folder.mkdir(exist_ok=True)
    paths = [folder / name for name in ("hr", "steps", "cases")]
    for path, frame in zip(paths, (beats, walked, cases), strict=True):
        if isinstance(frame, list):
            path.mkdir()
            for number, part in enumerate(frame):
                part.write_parquet(path / f"{number}.parquet", row_group_size=500)
        elif as_csv:
            frame.write_csv(path)
        else:
            frame.write_parquet(path, row_group_size=500)
    outcome = run(
        Files(*paths),
        folder / "out",
        zone="Asia/Shanghai",
        conventions=load_conventions(),
        block_rows=block_rows,
    )
    return outcome, {name: pl.read_parquet(folder / f"out/{name}.parquet") for name in TABLES}


@pytest.fixture(scope="module")
def at_once(recording, tmp_path_factory):
    """All people in one block, out of sorted files."""
    _, tables = scored(tmp_path_factory.mktemp("once") / "in", *recording, block_rows=10**9)
    assert tables["weeks"].height == PEOPLE + 1
    assert tables["bouts"].height == PEOPLE + 1
    return tables


def shuffled(frame):
    return frame.sample(fraction=1, shuffle=True, seed=3)


def as_it_is(frame):
    return frame


def others_first(frame):
    """People whole, but in another order, and each one's rows backwards."""
    return frame.reverse()


def in_files(frame):
    """A folder of files, with one person in two of them."""
    return [frame.head(900), frame.slice(900, 1000), frame.slice(1900)]


def by_person(frame):
    """A folder with a file for each person."""
    return frame.partition_by("person")


@pytest.mark.parametrize("block_rows", [1, 700, 10**9])
@pytest.mark.parametrize("lie", [as_it_is, others_first, shuffled, in_files, by_person])
def test_how_rows_lie_and_how_many_people_make_a_block_changes_nothing(
    recording, at_once, tmp_path, lie, block_rows
):
    beats, walked, cases = recording

    outcome, tables = scored(tmp_path / "in", lie(beats), lie(walked), cases, block_rows=block_rows)

    for name in TABLES:
        assert tables[name].equals(at_once[name]), name
    assert outcome.found.unknown["case"].to_list() == ["nobody"]


@pytest.mark.parametrize("lie", [as_it_is, shuffled])
def test_text_is_read_as_typed_columns_are(recording, at_once, tmp_path, lie):
    beats, walked, cases = recording

    _, tables = scored(tmp_path / "in", lie(beats), lie(walked), cases, block_rows=700, as_csv=True)

    for name in TABLES:
        assert tables[name].equals(at_once[name]), name


def test_rows_of_people_without_a_case_change_nothing(recording, at_once, tmp_path):
    beats, walked, cases = recording
    between = beats.filter(pl.col("person") == "p3").with_columns(person=pl.lit("p3-b"))
    more = pl.concat([beats, between]).sort("person", "ts")

    outcome, tables = scored(tmp_path / "in", more, walked, cases, block_rows=700)

    assert all(tables[name].equals(at_once[name]) for name in TABLES)
    assert outcome.found.failures.is_empty()
    assert outcome.refused["case"].to_list() == ["nobody"]


def test_bad_rows_among_a_persons_own_are_left_out_wherever_they_lie(recording, at_once, tmp_path):
    beats, walked, cases = recording
    bad = pl.DataFrame(
        {"person": ["p1", None, " ", "p6"], "ts": [None, None, None, None], "hr": [80] * 4},
        schema=beats.schema,
    ).with_columns(ts=pl.when(pl.col("person") == " ").then(START))
    beats = pl.concat([beats.head(350), bad, beats.slice(350)])

    outcome, tables = scored(tmp_path / "in", beats, walked, cases, block_rows=700)

    assert all(tables[name].equals(at_once[name]) for name in TABLES)
    assert outcome.found.failures.drop("file").rows() == [
        ("hr", "no_person", 2, [352, 353]),
        ("hr", "no_time", 3, [351, 352, 354]),
    ]
    assert not outcome.is_all


def test_the_same_files_give_the_same_bytes(recording, tmp_path):
    for name in ("one", "two"):
        scored(tmp_path / name, *recording, block_rows=700)

    for table in (*TABLES, "refused", "failures"):
        one, two = (tmp_path / name / "out" / f"{table}.parquet" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes(), table


def test_whole_numbers_stay_numbers_where_all_files_write_them_so(recording, tmp_path):
    beats, walked, cases = (
        frame.with_columns(person=pl.col("person").str.slice(1).cast(pl.Int64, strict=False))
        for frame in recording
    )
    cases = cases.drop_nulls("person")

    _, tables = scored(tmp_path / "a", beats, walked, cases, block_rows=700)
    _, mixed = scored(
        tmp_path / "b", beats, walked.cast({"person": pl.String}), cases, block_rows=700
    )

    assert tables["weeks"]["person"].dtype == pl.Int64
    assert mixed["weeks"]["person"].dtype == pl.String
    assert mixed["days"].equals(tables["days"].cast({"person": pl.String}))


def test_who_watches_is_told_of_all_rows(recording, tmp_path):
    beats, walked, cases = recording
    scored(tmp_path / "in", beats, walked, cases, block_rows=700)
    told = []

    run(
        Files(*(tmp_path / "in" / name for name in ("hr", "steps", "cases"))),
        tmp_path / "out",
        zone="Asia/Shanghai",
        conventions=load_conventions(),
        watch=lambda done, rows: told.append((done, rows)),
        block_rows=700,
    )

    rows = beats.height + walked.height
    assert told[0] == (0, rows)
    assert told[-1] == (rows, rows)
    assert len(told) > PEOPLE // 2
    assert told == sorted(told)


@pytest.mark.parametrize("range_rows", [1, 3, 10**6])
def test_results_of_blocks_come_out_by_case_whatever_is_in_memory_at_once(tmp_path, range_rows):
    parts = Parts(tmp_path / "spool", range_rows=range_rows)
    parts.add({"t": pl.DataFrame({"case": [2, 2, 9], "at": [1, 5, 0]})})
    parts.add({"t": pl.DataFrame({"case": [1, 3, 3], "at": [7, 4, 6]})})
    parts.add({"t": pl.DataFrame({"case": [], "at": []}, schema={"case": int, "at": int})})

    cases = pl.Series("case", [9, 1, 2, 3, 4])
    parts.write(cases, tmp_path / "out", {"adhere.x": "y"})

    written = tmp_path / "out" / "t.parquet"
    assert pl.read_parquet(written).rows() == [(1, 7), (2, 1), (2, 5), (3, 4), (3, 6), (9, 0)]
    assert pl.read_parquet_metadata(written)["adhere.x"] == "y"


PEAK = """
import sys
from pathlib import Path
from config.conventions import load_conventions
from scripts.bench.contenders import peak_rss_mb
from scripts.score.inputs import Files
from scripts.score.run import run
folder = Path(sys.argv[1])
files = Files(folder / "hr", folder / "steps", folder / "cases.parquet")
conventions = load_conventions()
run(files, folder / "out", zone="Asia/Shanghai", conventions=conventions, block_rows=200_000)
print(peak_rss_mb())
"""


def test_memory_follows_the_block_and_not_the_number_of_people(tmp_path):
    peak_mb = []
    for samples in (1_000_000, 6_000_000):
        folder = tmp_path / str(samples)
        folder.mkdir()
        make(folder, samples)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, folder], capture_output=True, text=True, check=True
        )
        peak_mb.append(float(done.stdout))

    # Held at once, the other five millions' times and values alone are 80 MB, their steps 40 more.
    assert peak_mb[1] < peak_mb[0] + 50, peak_mb

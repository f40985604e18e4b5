"""A file of readings: read in place or parsed, what breaks a rule, where people's rows lie."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from config.conventions import load_conventions
from config.errors import Misconfigured, Unavailable
from scripts.score import rows as rows_module
from scripts.score.looked import look
from scripts.score.people import recorded
from scripts.score.rows import failures_of, open_rows, people_of, spooled
from scripts.score.rules import FAILURES, HEART_RATE, STEPS

NOON = datetime(2026, 5, 4, 12)  # noqa: DTZ001 - the site's wall clock
NOON_MS = 1_777_867_200_000
TYPED = pl.DataFrame(
    {"person": ["b", "b", "a"], "ts": [NOON] * 3, "hr": [70, 71, 72], "row": [9, 9, 9]},
    schema_overrides={"ts": pl.Datetime("ms"), "hr": pl.Int16},
)


def looked(path, shape=HEART_RATE, *, spool, zone="Asia/Shanghai"):
    return look(path, shape, zone=zone, conventions=load_conventions(), spool=spool)


def opened(path, *, spool, zone="Asia/Shanghai"):
    return open_rows(path, HEART_RATE, zone=zone, conventions=load_conventions(), spool=spool)


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def written(tmp_path, frame, name="hr.parquet"):
    frame.write_parquet(tmp_path / name)
    return tmp_path / name


def test_typed_columns_are_read_where_they_lie(tmp_path, spool):
    found = looked(written(tmp_path, TYPED), spool=spool)

    assert found.good().rows() == [("b", NOON_MS, 70.0), ("b", NOON_MS, 71.0), ("a", NOON_MS, 72.0)]
    assert found.where.drop("part").rows() == [("b", 0, 1, 2), ("a", 2, 2, 1)]
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("column", ["ts", "hr"])
def test_text_is_parsed_once_into_a_file_for_a_while(tmp_path, spool, column):
    frame = TYPED.with_columns(pl.col(column).cast(pl.String))

    found = looked(written(tmp_path, frame), spool=spool)

    assert found.good().equals(looked(written(tmp_path, TYPED), spool=spool).good())
    assert len(list(spool.iterdir())) == 1


def test_every_kind_of_name_and_number_comes_out_alike(tmp_path, spool):
    kinds = {
        "person": [pl.Int8, pl.UInt64, pl.Float64, pl.Int64],
        "hr": [pl.UInt8, pl.Float32, pl.Decimal(10, 2), pl.Int64],
    }
    frame = TYPED.with_columns(person=pl.Series([7, 7, 12]))
    expected = looked(written(tmp_path, frame), spool=spool).good()
    for column, dtypes in kinds.items():
        for dtype in dtypes:
            path = written(tmp_path, frame.with_columns(pl.col(column).cast(dtype)))
            assert looked(path, spool=spool).good().equals(expected), (column, dtype)


def test_a_column_of_missing_numbers_alone_is_one_of_numbers(tmp_path, spool):
    path = written(tmp_path, TYPED.with_columns(hr=pl.lit(None)))

    found = looked(path, spool=spool)

    assert found.good()["hr"].to_list() == [None] * 3
    assert found.failures.is_empty()


def test_failures_say_the_first_rows_of_each_rule_as_an_editor_counts(tmp_path, spool):
    lines = ["person,ts,hr", *["7,2026-05-04 12:00,x"] * 7, ",noon,80"]
    (tmp_path / "hr.csv").write_text("\n".join(lines))

    found = looked(tmp_path / "hr.csv", spool=spool)

    assert found.failures.rows() == [
        ("hr", "hr.csv", "no_person", 1, [9]),
        ("hr", "hr.csv", "no_time", 1, [9]),
        ("hr", "hr.csv", "no_number", 7, [2, 3, 4, 5, 6]),
    ]
    assert found.failures.schema == FAILURES
    assert found.told[2].endswith(
        "column hr, line 2, 3, 4, 5, 6, ... (7 in all): "
        "is not a number: correct it or leave it empty"
    )
    assert found.good().is_empty()


def test_an_hour_that_the_sites_clocks_skipped_is_no_time(tmp_path, spool):
    skipped = datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001 - the site's wall clock
    frame = TYPED.with_columns(ts=pl.Series([NOON, skipped, NOON], dtype=pl.Datetime("ms")))
    path = written(tmp_path, frame)

    assert looked(path, spool=spool, zone="Europe/Paris").failures["first_rows"].to_list() == [[2]]
    assert looked(path, spool=spool).failures.is_empty()


FAR = {
    "far in the future": 2**63 - 1,
    "before all time": -(2**63) + 1,
    "the year 9999": 253_402_300_799_000,
    "a clock that was never set": 0,
    "the last second of 1989": 631_151_999_000,
    "the first of 2101": 4_133_980_800_000,
}
NEAR = {"the first second of 1990": 631_152_000_000, "the last of 2100": 4_133_980_799_000}


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Paris"])
@pytest.mark.parametrize("time_zone", [None, "UTC"])
@pytest.mark.parametrize("at", FAR)
def test_a_time_of_a_year_that_no_recording_is_of_is_left_out(tmp_path, spool, at, time_zone, zone):
    ts = pl.Series([FAR[at], *NEAR.values(), None]).cast(pl.Datetime("ms", time_zone))
    path = written(tmp_path, pl.DataFrame({"person": ["a"] * 4, "ts": ts, "hr": [70] * 4}))

    found = looked(path, spool=spool, zone=zone)

    assert found.failures.select("rule", "first_rows").rows() == [
        ("no_time", [4]),
        ("far_time", [1]),
    ]
    assert found.good().height == 2


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_the_unit_of_a_time_changes_no_year(tmp_path, spool, unit):
    ts = pl.Series([*NEAR.values(), 0, FAR["the first of 2101"]]).cast(pl.Datetime("ms"))
    frame = pl.DataFrame({"person": ["a"] * 4, "ts": ts.cast(pl.Datetime(unit)), "hr": [70] * 4})

    found = looked(written(tmp_path, frame), spool=spool)

    assert found.failures.select("rule", "first_rows").rows() == [("far_time", [3, 4])]


def test_a_text_of_such_a_year_is_left_out_and_one_of_two_digits_is_no_time(tmp_path, spool):
    times = ["9999-12-31 07:00", "0026-05-04T07:00:00Z", "5/4/26 7:00", "2026/5/4 7:00", "9999-99"]
    (tmp_path / "hr.csv").write_text("\n".join(["person,ts,hr", *(f"a,{at},70" for at in times)]))

    found = looked(tmp_path / "hr.csv", spool=spool)

    assert found.failures.select("rule", "first_rows").rows() == [
        ("no_time", [4, 6]),
        ("far_time", [2, 3]),
    ]
    assert found.told[1].endswith(
        "lies in a year that no recording is of: the clock or the unit is wrong"
    )
    assert found.good().height == 1


def test_blanks_around_a_name_are_the_csvs_and_a_blank_name_is_nobody(tmp_path, spool):
    (tmp_path / "hr.csv").write_text(
        "person,ts,hr\n 7,2026-05-04 12:00,80\n7 ,2026-05-04 12:01,80\n  ,2026-05-04 12:01,80\n"
    )

    found = looked(tmp_path / "hr.csv", spool=spool)

    assert found.where.select("person", "rows").rows() == [(7, 2)]
    assert found.failures["rule"].to_list() == ["no_person"]


@pytest.mark.parametrize("most_runs", [1, 2, 1_000_000])
def test_where_people_lie_is_the_same_however_mixed_they_are(
    tmp_path, spool, monkeypatch, most_runs
):
    monkeypatch.setattr(rows_module, "MOST_RUNS", most_runs)
    people = ["a", "a", None, "b", "a", "", "c", "c"]
    frame = pl.DataFrame({"person": people, "ts": [NOON] * 8, "hr": range(8)})
    (rows,) = opened(written(tmp_path, frame), spool=spool)

    found = people_of(rows)

    assert found.rows() == [("a", 0, 4, 3), (None, 2, 5, 2), ("b", 3, 3, 1), ("c", 6, 7, 2)]
    assert failures_of(rows, found)["first_rows"].to_list() == [[3, 6]]


def test_a_persons_rows_are_read_from_all_files_they_lie_in(tmp_path, spool):
    folder = tmp_path / "hr"
    folder.mkdir()
    for number in (0, 1):
        written(folder, TYPED.with_columns(pl.col("hr") + 10 * number), f"{number}.parquet")
    found = looked(folder, spool=spool)

    rows = recorded(HEART_RATE, found.parts, found.where, spool, block_rows=2)
    codes = pl.DataFrame({"person": ["b"], "code": [5]}, schema_overrides={"code": pl.Int32})

    assert sorted(rows.read(codes).rows()) == [(5, NOON_MS, hr) for hr in (70, 71, 80, 81)]


def test_people_that_are_not_asked_for_are_read_over(tmp_path, spool):
    frame = pl.concat([TYPED.with_columns(person=pl.lit(name)) for name in "abcd"])
    found = looked(written(tmp_path, frame), spool=spool)
    rows = recorded(HEART_RATE, found.parts, found.where, spool, block_rows=100)
    asked = pl.DataFrame(
        {"person": ["d", "b"], "code": [0, 1]}, schema_overrides={"code": pl.Int32}
    )

    assert rows.read(asked)["person"].to_list() == [1, 1, 1, 0, 0, 0]
    assert rows.read(asked.head(0)).is_empty()


def test_no_steps_are_none_of_anybody(spool):
    found = looked(None, STEPS, spool=spool)

    rows = recorded(STEPS, found.parts, found.where, spool, block_rows=1)

    assert rows.read(pl.DataFrame({"person": [1], "code": [0]})).columns == [
        "person",
        "ts",
        "steps",
    ]


def test_an_empty_folder_is_named(tmp_path, spool):
    with pytest.raises(Misconfigured, match="holds no Parquet file"):
        looked(tmp_path, spool=spool)


def test_a_folder_for_temporary_files_that_is_gone_is_named(tmp_path):
    with pytest.raises(Unavailable, match="set TMPDIR"):
        spooled(TYPED.lazy(), tmp_path / "gone" / "x.parquet", Path("hr.csv"))


def test_people_of_whom_every_row_breaks_a_rule_have_none_however_mixed_they_are(tmp_path, spool):
    far = datetime(9999, 1, 1)  # noqa: DTZ001 - the site's wall clock
    frame = pl.DataFrame({"person": ["a", "b", "a"], "ts": [far] * 3, "hr": [70] * 3})
    found = looked(written(tmp_path, frame), spool=spool)

    rows = recorded(HEART_RATE, found.parts, found.where, spool, block_rows=2)

    codes = pl.DataFrame({"person": ["a"], "code": [0]}, schema_overrides={"code": pl.Int32})
    assert rows.where.is_empty()
    assert rows.read(codes).is_empty()

"""A session log of `adhere score`: what of it counts, and which rows are faulty by which rule."""

from datetime import date, datetime

import polars as pl
import pytest

from adherence.schema import LOG
from config.components import load_components
from config.errors import Misconfigured
from scripts.score.sessions import RULES, SENTENCES, read_sessions

CASES = pl.Series(["c", "d", None])
GOOD = {
    "case": "c",
    "date": "2026-05-04",
    "component": "aerobic",
    "minutes": "30",
    "rpe": "13",
    "supervised_by": "Li",
}


def read(tmp_path, *rows, cases=CASES, columns=tuple(GOOD)):
    """What is read of a CSV with these rows."""
    path = tmp_path / "sessions.csv"
    pl.DataFrame([GOOD | row for row in rows]).select(columns).write_csv(path)
    return read_sessions(path, cases)


def test_a_row_as_the_core_takes_it(tmp_path):
    sessions = read(tmp_path, {}, {"case": " d ", "date": "2026/5/4", "component": "Balance"})

    assert sessions.log.schema == {name: dtype or pl.String for name, dtype in LOG.items()}
    assert sessions.log.rows() == [
        ("c", date(2026, 5, 4), "aerobic", 30, 13, "Li"),
        ("d", date(2026, 5, 4), "balance", 30, 13, "Li"),
    ]


@pytest.mark.parametrize("missing", ["", "nan", "null"])
def test_minutes_rating_and_name_may_be_missing(tmp_path, missing):
    sessions = read(tmp_path, {"minutes": missing, "rpe": missing, "supervised_by": " "})

    assert sessions.log.row(0)[3:] == (None, None, None)


def test_columns_that_may_be_missing_are_empty_then(tmp_path):
    sessions = read(tmp_path, {}, columns=("case", "date", "component"))

    assert sessions.log.row(0)[3:] == (None, None, None)


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"case": "e"}, "no_case"),
        ({"case": ""}, "no_case"),
        ({"date": "4 May"}, "no_day"),
        ({"date": "26-05-04"}, "no_day"),
        ({"date": "0026-05-04"}, "no_day"),
        ({"date": "9999-12-31"}, "no_day"),
        ({"date": ""}, "no_day"),
        ({"component": "steps"}, "no_component"),
        ({"component": ""}, "no_component"),
        ({"minutes": "0"}, "no_minutes"),
        ({"minutes": "-30"}, "no_minutes"),
        ({"minutes": "inf"}, "no_minutes"),
        ({"minutes": "long"}, "no_minutes"),
        ({"rpe": "5.9"}, "no_rating"),
        ({"rpe": "20.1"}, "no_rating"),
        ({"rpe": "hard"}, "no_rating"),
    ],
)
def test_a_faulty_row_is_left_out_and_found_by_its_rule(tmp_path, row, rule):
    sessions = read(tmp_path, {}, row)

    assert sessions.log.height == 1
    broken = {name: where.to_list() for name, where in sessions.faulty.items()}
    assert broken == {name: [False, name == rule] for name in RULES}


def test_a_row_may_break_several_rules(tmp_path):
    sessions = read(tmp_path, {"case": "e", "rpe": "5", "minutes": ""})

    assert [name for name, where in sessions.faulty.items() if where[0]] == ["no_case", "no_rating"]


def test_names_are_compared_as_the_cases_write_them(tmp_path):
    rows = ({"case": "7"}, {"case": "8"}, {"case": "c"})

    numbered = read(tmp_path, *rows, cases=pl.Series([7]))
    named = read(tmp_path, *rows[:2], cases=pl.Series(["7", "c"]))

    assert (numbered.log["case"].to_list(), named.log["case"].to_list()) == ([7], ["7"])


def test_a_parquet_log_keeps_its_types(tmp_path):
    path = tmp_path / "sessions.parquet"
    columns = {"case": [7], "date": [date(2026, 5, 4)], "component": ["resistance"]}
    pl.DataFrame(columns | {"minutes": [20], "rpe": [float("nan")]}).write_parquet(path)

    sessions = read_sessions(path, pl.Series([7]))

    assert sessions.log.rows() == [(7, date(2026, 5, 4), "resistance", 20, None, None)]


def test_a_log_without_a_column_it_needs_is_none(tmp_path):
    with pytest.raises(Misconfigured, match="no column component"):
        read(tmp_path, {}, columns=("case", "date"))


def test_every_rule_has_its_sentence_and_the_scale_stands_in_it():
    scale = load_components()

    assert set(SENTENCES) == set(RULES)
    assert f"from {scale.rpe_lowest} to {scale.rpe_highest}" in SENTENCES["no_rating"]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "UTC"])
def test_the_day_of_a_zoned_time_is_the_local_one(tmp_path, zone):
    midnight = pl.Series([datetime(2026, 5, 3, 16)]).dt.replace_time_zone("UTC")  # noqa: DTZ001 - zoned here
    row = pl.DataFrame([GOOD | {"minutes": 30.0, "rpe": 13.0}])
    path = tmp_path / "sessions.parquet"
    row.with_columns(date=midnight.dt.convert_time_zone(zone)).write_parquet(path)

    assert read_sessions(path, CASES).log["date"].to_list() == [date(2026, 5, 4)]

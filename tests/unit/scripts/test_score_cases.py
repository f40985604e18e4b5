"""The prescriptions of a file: what is refused, and in which words."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from scripts.score.cases import check_cases
from scripts.score.table import Table

GOOD = {
    "case": "c",
    "person": "a",
    "age": "40",
    "sex": "M",
    "beta_blocker": "",
    "rest_hr": "",
    "hr_max": "",
    "zone_lo": "40",
    "zone_hi": "60",
    "session_min": "30",
    "sessions_per_week": "5",
    "weekly_min": "150",
}
LIKE = "must read like 2026-05-01/2026-05-07, several separated by ;"
ONLY = "is not supported yet: only one zone in % of heart-rate reserve"


def checked(*cases, is_csv=True):
    frame = pl.DataFrame([GOOD | case for case in cases])
    return check_cases(Table(Path("cases"), frame, is_csv=is_csv))


@pytest.mark.parametrize("column", ["zone_lo", "zone_hi", "session_min", "weekly_min"])
@pytest.mark.parametrize("value", ["", "0", "-5", "nan", "inf", "null"])
def test_zone_session_and_weekly_numbers_must_be_given_and_above_0(column, value):
    good, refused = checked({column: value}, {"case": "d"})

    assert good["case"].to_list() == ["d"]
    assert refused["reason"].str.contains(f"{column} must be a number above 0").to_list() == [True]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"age": "forty"}, "age is not a number: correct it or leave it empty"),
        ({"hr_max": "0"}, "hr_max must be a number above 0"),
        ({"sex": "X"}, "sex must be M, F or empty"),
        ({"beta_blocker": "perhaps"}, "beta_blocker must be true, false or empty"),
        ({"zone_lo": "60", "zone_hi": "60"}, "zone_hi must be above zone_lo"),
        ({"case": " "}, "has no name: give case and person"),
        ({"person": None}, "has no name: give case and person"),
        ({"mode": "home"}, "mode must be worn, site or empty"),
        ({"pauses": "next week"}, f"pauses {LIKE}"),
        ({"pauses": "2026-05-09/2026-05-07"}, f"pauses {LIKE}"),
        ({"intensity_kind": "rpe"}, f"intensity_kind {ONLY}"),
        ({"phases": "adapt"}, f"phases {ONLY}"),
    ],
)
def test_a_faulty_case_is_refused_in_words(fault, said):
    good, refused = checked(fault)

    assert good.height == 0
    assert refused["reason"].to_list() == [said]


def test_every_fault_of_a_case_is_told_at_once_with_its_row():
    _, refused = checked({}, {"case": "d", "age": "old", "sex": "?", "weekly_min": ""})

    assert refused["row"].to_list() == [3]
    assert len(refused["reason"][0].split("; ")) == 3


def test_all_rows_of_a_case_given_twice_are_refused_and_no_other():
    good, refused = checked({}, {"case": "d"}, {"case": "d"})

    assert (good["case"].to_list(), refused["case"].to_list()) == (["c"], ["d", "d"])


@pytest.mark.parametrize(
    ("words", "blocker"),
    [("true", True), ("1", True), ("Yes", True), ("FALSE", False), ("0", False), ("", None)],
)
def test_a_beta_blocker_may_be_written_in_several_ways(words, blocker):
    good, _ = checked({"beta_blocker": words})

    assert good["beta_blocker"].to_list() == [blocker]


def test_cases_from_parquet_keep_their_types():
    typed = {
        "age": 40.9,
        "beta_blocker": 1.0,
        "rest_hr": float("nan"),
        "hr_max": 171.5,
        "case": 3,
        "person": 7,
    }

    good, _ = checked(typed, is_csv=False)

    row = good.row(0, named=True)
    assert {name: row[name] for name in typed} == typed | {"beta_blocker": True, "rest_hr": None}


def test_pauses_are_days_both_included():
    good, _ = checked({"pauses": "2026-05-01/2026-05-07; 2026-06-01/2026-06-01"})

    assert good["pauses"].to_list() == [
        [
            {"first_day": date(2026, 5, 1), "last_day": date(2026, 5, 7)},
            {"first_day": date(2026, 6, 1), "last_day": date(2026, 6, 1)},
        ]
    ]

"""The prescriptions of a file: what is refused, and in which words."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from scripts.score.cases import check_cases
from scripts.score.phases import versions_of
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
NO_START = "start_day must be a day like 2026-05-04"
OFTENER = "sessions_per_week must be 7 or less: one session a day counts"
IN_ORDER = "phases must begin in week 1 to 520, each after the one before"
OUT_OF_ORDER = (
    "adapt@0",
    "adapt@-9000000000000000000000",
    "adapt@3; progress@3",
    "adapt@5; progress@3",
    "adapt@521",
    "adapt@613566757",
    "adapt@1; progress@9000000000000000000",
    "adapt@1; progress@90000000000000000000000",
)
ONE_PHASE = "phases must read like adapt@1 zone_hi=50 session_min=20; progress@5 zone_lo=50"
NO_AEROBIC = dict.fromkeys(
    ("zone_lo", "zone_hi", "session_min", "sessions_per_week", "weekly_min"), ""
)
ROOM = [(7, "0"), (4, "1"), (3, "2"), (2, "3"), (2, "5"), (1, "6")]
"""The most sessions in the seven days from Monday on, and the whole days between them."""
START = {"start_day": "2026-05-07"}
RATED = {"intensity_kind": "rpe", "zone_lo": "12", "zone_hi": "14"}
CEILING = "ceiling_bpm must be above the heart rate at which the zone begins"


def checked(*cases, is_csv=True):
    columns = {name: None for case in cases for name in GOOD | case}
    frame = pl.DataFrame([columns | GOOD | case for case in cases])
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
        ({"pauses": "2026-05-01"}, f"pauses {LIKE}"),
        ({"age": "0.9"}, "age must be from 1 to 120 years or empty"),
        ({"age": "121"}, "age must be from 1 to 120 years or empty"),
        ({"intensity_kind": "mets"}, "intensity_kind must be hrr, hr_max, bpm, rpe or empty"),
        ({"intensity_kind": "rpe"}, "zone_lo and zone_hi must be ratings from 6 to 20"),
        ({"ceiling_bpm": "high"}, "ceiling_bpm must be a number above 0"),
        ({"steps_per_day": "0"}, "steps_per_day must be a number above 0"),
        ({"balance_per_week": "0"}, "balance_per_week must be a number above 0"),
        ({"balance_per_week": "8"}, "balance_per_week must be 7 or less: one session a day counts"),
        (
            {"resistance_per_week": "8", "rest_days": "0"},
            "resistance_per_week must be 7 or less: one session a day counts",
        ),
        ({"rest_days": "1"}, "rest_days says nothing without resistance_per_week"),
        ({"resistance_min": "20"}, "resistance_min says nothing without resistance_per_week"),
        ({"balance_min": "20"}, "balance_min says nothing without balance_per_week"),
        (
            {"resistance_per_week": "2", "rest_days": "1.5"},
            "rest_days must be a whole number of days from 0 to 6",
        ),
        (
            {"resistance_per_week": "1", "rest_days": "7"},
            "rest_days must be a whole number of days from 0 to 6",
        ),
        (
            {"resistance_per_week": "3", "rest_days": "3"},
            "rest_days leaves no room for so many sessions of resistance in a week",
        ),
        (
            {"resistance_per_week": "4.5", "rest_days": "1"},
            "rest_days leaves no room for so many sessions of resistance in a week",
        ),
        (
            NO_AEROBIC | {"balance_per_week": "3", "day_adds_up": "yes"},
            "day_adds_up says nothing without sessions_per_week",
        ),
        ({"start_day": "soon"}, "start_day must be a day like 2026-05-04"),
        ({"phases": "adapt@1"}, "phases need start_day, the first day of the prescription"),
        (START | {"phases": "adapt"}, ONE_PHASE),
        (START | {"phases": "warm@1"}, ONE_PHASE),
        (START | {"phases": "adapt@one"}, ONE_PHASE),
        (START | {"phases": "adapt@1 zone_hi"}, ONE_PHASE),
        (START | {"phases": "adapt@1 zone_hi=high"}, ONE_PHASE),
        (START | {"phases": "adapt@1 zone_hi=-50"}, ONE_PHASE),
        (START | {"phases": "adapt@1 zone_hi=nan"}, ONE_PHASE),
        (START | {"phases": "adapt@1 zone_hi=0"}, ONE_PHASE),
        (START | {"phases": "adapt@1 zone_hi=50=60"}, ONE_PHASE),
        (START | {"phases": "adapt@1 ceiling_bpm=120"}, ONE_PHASE),
        *[(START | {"phases": written}, IN_ORDER) for written in OUT_OF_ORDER],
        ({"sessions_per_week": "8"}, OFTENER),
        ({"sessions_per_week": "7.5"}, OFTENER),
        (START | {"phases": "adapt@1 sessions_per_week=10"}, f"in a phase, {OFTENER}"),
        ({"start_day": "26-05-04"}, NO_START),
        ({"start_day": "5/4/26"}, NO_START),
        ({"start_day": "0026-05-04"}, NO_START),
        ({"start_day": "9999-12-31"}, NO_START),
        ({"pauses": "0026-05-01/2026-05-07"}, f"pauses {LIKE}"),
        ({"pauses": "2026-05-01/9999-12-31"}, f"pauses {LIKE}"),
        (
            NO_AEROBIC | START | {"balance_per_week": "3", "phases": "adapt@1"},
            "phases change aerobic work, and the case prescribes none",
        ),
        (
            START | {"phases": "adapt@1 zone_hi=50; hold@2 zone_lo=60"},
            "in a phase, zone_hi must be above zone_lo",
        ),
        (
            START | RATED | {"phases": "adapt@1 zone_hi=21"},
            "in a phase, zone_lo and zone_hi must be ratings from 6 to 20",
        ),
    ],
)
def test_a_faulty_case_is_refused_in_words(fault, said):
    good, refused = checked(fault)

    assert good.height == 0
    assert refused["reason"].to_list() == [said]


def test_phases_may_go_on_for_ten_years_and_sessions_may_be_one_a_day():
    good, refused = checked(
        START | {"phases": "adapt@1; progress@520", "sessions_per_week": "7"},
    )

    assert refused.is_empty()
    assert versions_of(good)["from_day"].to_list()[-1] == date(2036, 4, 14)


MIDNIGHT = datetime(2026, 5, 4, tzinfo=ZoneInfo("Asia/Shanghai"))


def test_the_day_of_a_zoned_time_is_the_local_one():
    later = datetime(2026, 5, 10, 23, 59, tzinfo=ZoneInfo("Asia/Shanghai"))
    pauses = pl.Series([[{"first_day": MIDNIGHT, "last_day": later}]])
    frame = pl.DataFrame([GOOD]).with_columns(pauses=pauses, start_day=MIDNIGHT)

    for zone in ("Asia/Shanghai", "UTC", "America/New_York"):
        moved = frame.with_columns(pl.col("start_day").dt.convert_time_zone(zone))
        good, _ = check_cases(Table(Path("cases"), moved, is_csv=False))

        assert good["start_day"].to_list() == [date(2026, 5, 4)]
        assert good["pauses"].to_list() == [
            [{"first_day": date(2026, 5, 4), "last_day": date(2026, 5, 10)}]
        ]


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


def test_a_list_of_structs_says_pauses_and_phases_as_text_does():
    text = START | {
        "pauses": "2026-05-01/2026-05-07",
        "phases": "Adapt@1 zone_hi=50 session_min=20; hold@5 weekly_min=0.5",
    }
    lists = {
        "start_day": datetime.fromisoformat("2026-05-07"),
        "pauses": [
            {"first_day": date(2026, 5, 1), "last_day": datetime.fromisoformat("2026-05-07")}
        ],
        "phases": [
            {"phase": "adapt", "from_week": 1, "zone_hi": 50, "session_min": 20.0},
            {"phase": "hold", "from_week": 5, "weekly_min": 0.5},
        ],
    }

    (of_text, _), (of_lists, _) = checked(text), checked(lists, is_csv=False)

    assert of_text.select(*lists).equals(of_lists.select(*lists))
    assert of_text["phases"][0].struct.field("weekly_min").to_list() == [None, 0.5]


@pytest.mark.parametrize(
    "wrong",
    [
        {"pauses": [{"from": date(2026, 5, 1)}]},
        {"pauses": [{"first_day": "soon", "last_day": "later"}]},
        {"pauses": 5},
        {"phases": [{"phase": "adapt"}]},
        {"phases": [5]},
        {"phases": 5},
        {"start_day": 5},
    ],
)
def test_a_list_of_something_else_is_refused(wrong):
    good, refused = checked(START | wrong, is_csv=False)

    assert (good.height, refused["row"].to_list()) == (0, [1])


@pytest.mark.parametrize(
    ("asked", "refused_for"),
    [
        ({"intensity_kind": "bpm", "zone_lo": "100", "zone_hi": "120"}, CEILING),
        ({"rest_hr": "60", "hr_max": "160"}, CEILING),  # 40 % are 100 bpm
        ({"rest_hr": "59", "hr_max": "160"}, None),
        ({"hr_max": "160"}, None),  # not known yet: the core compares when it is
        ({"intensity_kind": "hr_max", "zone_lo": "50", "zone_hi": "60", "hr_max": "200"}, CEILING),
        (RATED, None),
        (
            START | {"rest_hr": "59", "hr_max": "160", "phases": "adapt@1 zone_lo=41"},
            f"in a phase, {CEILING}",
        ),
    ],
)
def test_a_ceiling_at_or_below_the_beginning_of_the_zone_is_refused_once_it_is_known(
    asked, refused_for
):
    _, refused = checked(asked | {"ceiling_bpm": "100"})

    assert refused["reason"].to_list() == ([refused_for] if refused_for else [])


@pytest.mark.parametrize("target", ["resistance_per_week", "balance_per_week", "steps_per_day"])
def test_aerobic_work_may_be_left_out_where_something_else_is_prescribed(target):
    good, refused = checked(
        NO_AEROBIC | {target: "3"}, NO_AEROBIC | {"case": "d"}, {"case": "e", "zone_lo": ""}
    )

    assert good["case"].to_list() == ["c"]
    assert refused["reason"].str.count_matches("must be a number above 0").to_list() == [5, 1]


@pytest.mark.parametrize("age", ["1", "120", "120.9", ""])
def test_an_age_of_whole_years_from_1_to_120_may_be_given(age):
    good, _ = checked({"age": age})

    assert good.height == 1


def test_a_rating_may_span_its_whole_scale():
    good, _ = checked({"intensity_kind": "RPE", "zone_lo": "6", "zone_hi": "20"})

    assert good["intensity_kind"].to_list() == ["rpe"]


def test_aerobic_work_is_not_left_out_in_part():
    _, refused = checked(NO_AEROBIC | {"steps_per_day": "3", "zone_lo": "40"})

    assert refused["reason"].str.count_matches("must be a number above 0").to_list() == [4]


def test_as_many_sessions_as_the_rest_between_leaves_room_for_are_asked_for():
    room = [{"resistance_per_week": str(n), "rest_days": rest} for n, rest in ROOM]

    good, _ = checked(*({"case": str(n)} | case for n, case in enumerate(room)))

    assert good.height == len(ROOM)


def test_a_case_is_in_force_from_its_first_day_on_phase_by_phase():
    good, _ = checked(START | {"phases": "adapt@1 zone_hi=50; hold@3 zone_lo=45"})

    versions = versions_of(good)

    assert versions.select("from_day", "until_day", "zone_lo", "zone_hi").rows() == [
        (date(2026, 5, 7), date(2026, 5, 18), 40, 50),
        (date(2026, 5, 18), None, 45, 60),
    ]
    assert not {"phases", "start_day"} & set(versions.columns)


@pytest.mark.parametrize("more", [{}, {"phases": ""}, {"start_day": ""}])
def test_a_case_that_says_nothing_of_time_is_always_in_force(more):
    good, _ = checked(more)

    versions = versions_of(good)

    bounds = versions.select(pl.col("^(from|until)_day$"))
    assert versions.drop(bounds.columns).equals(good.drop("phases", "start_day", strict=False))
    assert not bounds.to_dicts() or set(bounds.to_dicts()[0].values()) == {None}

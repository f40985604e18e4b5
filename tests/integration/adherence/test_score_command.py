"""`adhere score` as a person or a program runs it: results, refusals, clear faults."""

import contextlib
import json
import os
import pty
import subprocess
import sys
from datetime import datetime

import polars as pl
import pytest

from config.components import load_components
from config.conventions import load_conventions
from reports.nightly.evidence import conventions_sha256, sha256_of_facts
from tests.recordings import adhere

CASE = "{case},{person},40,M,false,60,160,40,60,15,1,15"
HEADING = (
    "case,person,age,sex,beta_blocker,rest_hr,hr_max,"
    "zone_lo,zone_hi,session_min,sessions_per_week,weekly_min"
)
COLUMNS = {
    "people": "case person hr_max rest_hr n_in n_kept reason",
    "days": "case person date valid_day very_light_s light_s moderate_s vigorous_s near_max_s "
    "credit_s above_s wear_s steps cad100_min cad130_min hrless_cad100_min still_min lock_min "
    "shake_min fast_min",
    "bouts": "case person date start end span_s effort_s credit_s sparse min_counted min_zero "
    "min_walk complete",
    "weeks": "case person week wear_min valid_days valid_week bouts complete_sessions "
    "session_days bout_credit_min all_credit_min above_min mod_eq_min attendance rdi volume "
    "intensity duration adherent adherence_pct",
}

DAY = datetime(2026, 5, 4)  # noqa: DTZ001 - the site's wall clock
NO_TIME = "is not a time like 2026-05-01 07:30:00 or 2026-05-01T07:30:00+08:00"


@pytest.fixture
def folder(tmp_path):
    """Twelve minutes of a session every ten seconds, and its minutes' steps."""
    hr = [f"7,2026-05-04 07:{n // 6:02}:{n % 6}0,110" for n in range(72)]
    (tmp_path / "hr.csv").write_text("\n".join(["person,ts,hr", *hr, "7,2026-05-04 07:12:00,95"]))
    steps = [f"7,2026-05-04 07:{n:02}:00,105" for n in range(12)]
    (tmp_path / "steps.csv").write_text("\n".join(["person,ts,steps", *steps]))
    write_cases(tmp_path, CASE.format(case="c", person=7))
    return tmp_path


def write_cases(folder, *rows, heading=HEADING):
    (folder / "cases.csv").write_text("\n".join([heading, *rows]), "utf-8")


def score(folder, *more, expect=0):
    return adhere(
        *("score", "--hr", folder / "hr.csv", "--steps", folder / "steps.csv"),
        *("--cases", folder / "cases.csv", "--out", folder / "out", *more),
        expect=expect,
    )


def command(folder, *more):
    return [
        *(sys.executable, "-m", "scripts.main", "score", "--hr", folder / "hr.csv"),
        *("--cases", folder / "cases.csv", "--out", folder / "out", *more),
    ]


def run_why(folder, case):
    """Ask why of a case's week; return what it said on both channels, and how it ended."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "scripts.main", "why", "--hr", folder / "hr.csv"),
            *("--cases", folder / "cases.csv", "--case", case, "--week", "2026-05-04"),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"ADHERE_LANGUAGE": "en"},
        check=False,
    )


def run_score(folder, *more):
    """Run it as `score` does; return what it said on both channels, and how it ended."""
    return subprocess.run(
        command(folder, *more),
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"ADHERE_LANGUAGE": "en"},
        check=False,
    )


def result(folder, name):
    return pl.read_parquet(folder / "out" / f"{name}.parquet")


@pytest.mark.parametrize("name", [*COLUMNS, "side", "refused", "failures"])
def test_each_result_has_its_columns_and_says_what_it_was_made_of(folder, name):
    summary = score(folder, "--json")

    table = result(folder, name)
    assert table.columns == COLUMNS.get(name, " ".join(table.columns)).split()
    instants = {dtype for dtype in table.schema.dtypes() if isinstance(dtype, pl.Datetime)}
    assert instants <= {pl.Datetime("ms", "UTC")}
    metadata = pl.read_parquet_metadata(folder / "out" / f"{name}.parquet")
    assert metadata["adhere.method_version"] == "c1"
    assert metadata["adhere.input_sha256"] == summary["input_sha256"]
    assert metadata["adhere.conventions_sha256"] == conventions_sha256(load_conventions()).hex()
    assert metadata["adhere.components_version"] == summary["components_version"] == "c1"
    assert metadata["adhere.components_sha256"] == summary["components_sha256"]
    numbers = load_components().model_dump(mode="json", exclude={"sources"})
    assert summary["components_sha256"] == sha256_of_facts(numbers).hex()
    assert metadata["adhere.side_version"] == summary["side_version"] == "s1"


def test_a_session_from_csv_to_week(folder):
    summary = score(folder, "--json")

    tables = ("people", "days", "bouts", "weeks", "side")
    assert summary["rows"] == dict.fromkeys(tables, 1) | {"refused": 0}
    week = result(folder, "weeks").row(0, named=True)
    assert (week["person"], week["bout_credit_min"], week["adherent"]) == (7, 12.0, True)
    bout = result(folder, "bouts").row(0, named=True)
    assert (str(bout["start"]), bout["min_walk"]) == ("2026-05-03 23:00:00+00:00", 12)


def test_steps_may_be_left_out(folder):
    adhere(
        *("score", "--hr", folder / "hr.csv", "--cases", folder / "cases.csv"),
        *("--out", folder / "out"),
    )

    assert result(folder, "days")["steps"].to_list() == [0]


def test_parquet_csv_and_zoned_times_are_the_same_input(folder):
    score(folder)
    expected = result(folder, "bouts")
    local = pl.read_csv(folder / "hr.csv", try_parse_dates=True)
    zoned = local.with_columns(pl.col("ts").dt.replace_time_zone("Asia/Shanghai"))
    zoned = zoned.with_columns(pl.col("ts").dt.convert_time_zone("America/New_York"))

    for frame in (local, zoned, zoned.with_columns(pl.col("ts").dt.cast_time_unit("ns"))):
        frame.write_parquet(folder / "hr.csv")  # what it is decides, not what it is called
        score(folder)
        assert result(folder, "bouts").equals(expected)


def test_a_refused_case_does_not_stop_the_others(folder):
    write_cases(
        folder,
        CASE.format(case="good", person=7),
        CASE.format(case="no-zone", person=7).replace(",40,60,", ",,60,"),
        CASE.format(case="twice", person=7),
        CASE.format(case="twice", person=7),
    )

    said = score(folder, expect=3)

    assert result(folder, "people")["case"].to_list() == ["good"]
    refused = result(folder, "refused")
    assert refused.select("case", "row").rows() == [("no-zone", 3), ("twice", 4), ("twice", 5)]
    assert (
        f"{folder / 'cases.csv'}: case no-zone (row 3) was refused: "
        "zone_lo must be a number above 0"
    ) in said


def test_a_person_without_figures_is_named_with_the_reason(folder):
    write_cases(folder, CASE.format(case="c", person=7).replace(",40,M,false,60,160,", ",,M,,60,,"))

    summary = score(folder, "--json")

    assert summary["without_figures"] == {"no_age": 1}
    assert result(folder, "weeks").height == 0


LATE = {
    # Rest 60, and by the formula a maximum of 179 at 40 years: 80 % of the reserve is 155.2.
    "low-ceiling": (",,80,90,15,1,15,150,,", "the ceiling is not above the heart rate"),
    "at-the-zone": (",,80,90,15,1,15,155.2,,", "the ceiling is not above the heart rate"),
    "in-a-phase": (
        ",,40,90,15,1,15,150,adapt@1; progress@2 zone_lo=80,2026-05-04",
        "the ceiling is not above the heart rate",
    ),
    "rest-is-high": (",50,40,60,15,1,15,,,", "the maximum is not above the resting heart rate"),
}


@pytest.mark.parametrize("name", LATE)
def test_what_contradicts_itself_once_figures_are_known_is_refused_with_its_row(folder, name):
    written, reason = LATE[name]
    write_cases(
        folder,
        f"{name},7,40,M,false,60{written}",
        "above,7,40,M,false,60,,80,90,15,1,15,155.3,,",
        heading=HEADING + ",ceiling_bpm,phases,start_day",
    )

    said = score(folder, expect=3)

    assert f"{folder / 'cases.csv'}: case {name} (row 2) was refused: {reason}" in said
    assert "has no figures" not in said
    [refused] = result(folder, "refused").to_dicts()
    assert (refused["case"], refused["person"], refused["row"]) == (name, 7, 2)
    assert refused["reason"].startswith(reason)
    assert set(result(folder, "weeks")["case"]) == {"above"}
    why = run_why(folder, name)
    assert why.returncode == 3
    assert f"case {name} (row 2) was refused: {reason}" in why.stderr


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (",60,60,15,1,15", "zone_hi must be above zone_lo"),
        (",70,60,15,1,15", "zone_hi must be above zone_lo"),
        (",40,60,15,0,15", "sessions_per_week must be a number above 0"),
    ],
)
def test_a_contradictory_prescription_is_refused_with_its_row(folder, written, reason):
    bad = CASE.format(case="bad", person=7).replace(",40,60,15,1,15", written)
    write_cases(folder, CASE.format(case="good", person=7), bad)

    assert f"case bad (row 3) was refused: {reason}" in score(folder, expect=3)
    assert result(folder, "weeks")["case"].to_list() == ["good"]
    assert f"case bad (row 3) was refused: {reason}" in run_why(folder, "bad").stderr


@pytest.mark.parametrize("age", ["0", "0.9", "-3", "121", "inf"])
def test_an_age_nobody_has_is_refused_with_its_row_and_one_reason(folder, age):
    bad = CASE.format(case="bad", person=7).replace("bad,7,40,", f"bad,7,{age},")
    write_cases(folder, bad, CASE.format(case="good", person=7))

    sentence = "case bad (row 2) was refused: age must be from 1 to 120 years or empty"
    assert score(folder, expect=3).strip().endswith(sentence)
    assert result(folder, "weeks")["case"].to_list() == ["good"]


def test_cases_in_any_order_give_the_same_bytes_but_for_the_hash_of_the_file(folder):
    cases = [CASE.format(case=name, person=7) for name in ("b", "a", "c")]
    write_cases(folder, *cases)
    score(folder)
    first = {name: result(folder, name) for name in COLUMNS}

    write_cases(folder, *sorted(cases))
    score(folder)

    assert first["weeks"]["case"].to_list() == ["a", "b", "c"]
    assert all(result(folder, name).equals(first[name]) for name in COLUMNS)


def test_rows_that_break_a_rule_are_left_out_counted_and_told(folder):
    score(folder)
    without = {name: result(folder, name) for name in COLUMNS}
    with (folder / "hr.csv").open("a") as file:
        file.write("\n7,2026-05-04 07:13:00,fast\n,yesterday,80\n ,2026-05-04 07:13:00,80")
    with (folder / "steps.csv").open("a") as file:
        file.write("\n7,2026-05-04 07:13:00,many")

    said = score(folder, expect=3).splitlines()

    hr, steps = f"left out: {folder / 'hr.csv'}", f"left out: {folder / 'steps.csv'}"
    assert said == [
        f"{hr}: column person, line 76, 77 (2 in all): names nobody: give text or a whole number",
        f"{hr}: column ts, line 76 (1 in all): {NO_TIME}",
        f"{hr}: column hr, line 75 (1 in all): is not a number: correct it or leave it empty",
        f"{steps}: column steps, line 14 (1 in all): is not a number: correct it or leave it empty",
    ]
    assert result(folder, "failures").rows() == [
        ("hr", "hr.csv", "no_person", 2, [76, 77]),
        ("hr", "hr.csv", "no_time", 1, [76]),
        ("hr", "hr.csv", "no_number", 1, [75]),
        ("steps", "steps.csv", "no_number", 1, [14]),
    ]
    assert all(result(folder, name).equals(without[name]) for name in COLUMNS)


def test_a_program_is_told_of_rows_left_out(folder):
    pl.DataFrame(
        {"person": ["7", None, "7", "7"], "ts": [None, *[DAY] * 3], "hr": [70, 70, None, 400]},
        schema_overrides={"ts": pl.Datetime("ms")},
    ).write_parquet(folder / "hr.csv")

    done = run_score(folder, "--json")

    assert done.returncode == 3
    assert json.loads(done.stdout)["failures"] == [
        {"table": "hr", "file": "hr.csv", "rule": "no_person", "rows": 1, "first_rows": [2]},
        {"table": "hr", "file": "hr.csv", "rule": "no_time", "rows": 1, "first_rows": [1]},
    ]
    assert result(folder, "people")["n_in"].to_list() == [2]  # what no wrist shows is no failure


def test_a_clock_that_broke_is_left_out_and_the_rest_scored(folder):
    whole = pl.read_csv(folder / "hr.csv").with_columns(pl.col("ts").str.to_datetime())
    odd = pl.DataFrame({"person": [7, 7], "ts": [2**63 - 1, 253_402_300_799_000], "hr": [110, 110]})
    odd = odd.with_columns(pl.col("ts").cast(pl.Datetime("ms")))
    pl.concat([whole.cast({"ts": pl.Datetime("ms")}), odd]).write_parquet(folder / "hr.csv")

    done = run_score(folder, "--json")

    assert done.returncode == 3
    assert json.loads(done.stdout)["failures"] == [
        {"table": "hr", "file": "hr.csv", "rule": "far_time", "rows": 2, "first_rows": [74, 75]}
    ]
    assert result(folder, "weeks")["bout_credit_min"].to_list() == [12.0]


def test_a_case_without_a_week_is_told_with_its_row(folder):
    write_cases(
        folder,
        CASE.format(case="now", person=7) + ",2026-05-04",
        CASE.format(case="later", person=7) + ",2026-06-01",
        CASE.format(case="unknown", person=8) + ",2026-05-04",
        heading=HEADING + ",start_day",
    )

    done = run_score(folder, "--json")
    assert done.returncode == 3  # of the unknown person alone
    assert json.loads(done.stdout)["without_weeks"] == [{"case": "later", "person": 7, "row": 3}]
    told = run_score(folder).stderr
    assert "case later (row 3) has no week: nothing was recorded on a day on which it is" in told
    assert told.count("has no week") == 1
    why = run_why(folder, "later")
    assert why.returncode == 2
    assert "case later (row 3) has no week" in why.stderr
    assert "None" not in why.stderr


def test_why_tells_of_the_ceiling_that_credit_ends_at(folder):
    write_cases(
        folder,
        CASE.format(case="c", person=7) + ",105,",
        CASE.format(case="rated", person=7).replace("40,60", "11,14") + ",105,rpe",
        heading=HEADING + ",ceiling_bpm,intensity_kind",
    )

    why = run_why(folder, "c")
    assert (why.returncode, why.stderr) == (0, "")
    assert "  ceiling: 105 bpm; nothing is credited from there on\n" in why.stdout
    assert "above the zone" in why.stdout
    assert "0 min credited" in why.stdout
    assert "ceiling" not in run_why(folder, "rated").stdout


def test_without_a_bad_row_the_table_of_failures_is_empty(folder):
    summary = score(folder, "--json")

    assert summary["failures"] == []
    assert result(folder, "failures").columns == ["table", "file", "rule", "rows", "first_rows"]


@pytest.mark.parametrize("column", ["ts", "hr", "person"])
def test_a_column_that_cannot_hold_what_it_is_for_is_named(folder, column):
    good = {"person": ["7"], "ts": [datetime(2026, 5, 4)], "hr": [70.0]}  # noqa: DTZ001
    pl.DataFrame(good | {column: [True]}).write_parquet(folder / "hr.csv")

    said = score(folder, expect=2)

    assert said.startswith(f"adhere: {folder / 'hr.csv'}: column {column}, every row: ")
    assert not (folder / "out").exists()


def test_no_value_of_a_person_stands_in_a_message(folder):
    (folder / "hr.csv").write_text("person,ts,hr\n7,2026-05-04 07:00:00,one-hundred-and-ten")

    assert "one-hundred-and-ten" not in score(folder, expect=3)


def test_a_line_that_is_too_long_is_left_out_and_told_and_the_rest_scored(folder):
    score(folder)
    without = {name: result(folder, name) for name in COLUMNS}
    with (folder / "hr.csv").open("a") as file:
        file.write("\n7,2026-05-04 07:20:00,150,1\n7,2026-05-04 07:21:00,15,1,what,comes")
    with (folder / "steps.csv").open("a") as file:
        file.write("\n7,2026-05-04 07:20:00,1,050")
    with (folder / "cases.csv").open("a") as file:
        file.write("\n" + CASE.format(case="d", person=7) + ",surplus")

    said = score(folder, expect=3).splitlines()

    too_long = "the line has more fields than the heading: a comma too many, or quotes missing"
    assert said == [
        f"left out: {folder / 'hr.csv'}: line 75, 76 (2 in all): {too_long}",
        f"left out: {folder / 'steps.csv'}: line 14 (1 in all): {too_long}",
        f"{folder / 'cases.csv'}: case d (row 3) was refused: {too_long}",
    ]
    assert result(folder, "failures").select("table", "rule", "rows", "first_rows").rows() == [
        ("hr", "ragged", 2, [75, 76]),
        ("steps", "ragged", 1, [14]),
    ]
    assert all(result(folder, name).equals(without[name]) for name in COLUMNS)


def test_an_unknown_person_of_the_cases_is_named_with_the_row(folder):
    write_cases(folder, CASE.format(case="c", person=7), CASE.format(case="d", person=8))

    done = run_score(folder)

    assert done.returncode == 3
    assert done.stderr == (
        f"{folder / 'cases.csv'}: case d (row 3) was refused: nobody in the file of heart rate is "
        "this person: write person alike in both files\n"
    )
    summary = json.loads(run_score(folder, "--json").stdout)
    assert summary["unknown"] == [{"case": "d", "person": 8, "row": 3}]
    assert result(folder, "refused").select("case", "person", "row").rows() == [("d", 8, 3)]
    assert set(result(folder, "weeks")["case"]) == {"c"}
    assert result(folder, "people")["reason"].to_list() == [None, "no_samples"]


def test_a_missing_column_is_named(folder):
    (folder / "hr.csv").write_text("person,ts\n7,2026-05-04 07:00:00")

    assert "hr.csv has no column hr; it needs person, ts, hr" in score(folder, expect=2)


@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1 and nothing more", b"\xff\xfe\x00person", b'person,ts,hr\n1,2,"3\n3,4,5\n'],
)
def test_an_unreadable_file_is_named(folder, content):
    (folder / "hr.csv").write_bytes(content)

    said = score(folder, expect=2)

    assert said.startswith(f"adhere: {folder / 'hr.csv'} ")
    assert len(said.splitlines()) == 1


def test_weeks_get_a_state_where_the_cases_speak_of_mode_or_pauses(folder):
    write_cases(
        folder,
        CASE.format(case="met", person=7) + ",worn,",
        CASE.format(case="paused", person=7).replace(",1,15", ",5,15") + ",,2026-05-10/2026-05-20",
        CASE.format(case="site", person=7).replace(",1,15", ",5,15") + ",site,",
        CASE.format(case="worn", person=7).replace(",1,15", ",5,15") + ",,2026-05-11/2026-05-20",
        heading=HEADING + ",mode,pauses",
    )

    score(folder)

    states = result(folder, "weeks").select("case", "state", "reason").rows()
    assert states == [
        ("met", "met", None),
        ("paused", "cannot_judge", "paused"),
        ("site", "cannot_judge", "gateway_outage"),
        ("worn", "cannot_judge", "not_enough_wear"),
    ]


def test_a_session_log_counts_and_its_bad_rows_are_left_out(folder):
    write_cases(
        folder,
        CASE.format(case="c", person=7) + ",,",
        CASE.format(case="strong", person=7) + ",2,20",
        heading=HEADING + ",resistance_per_week,resistance_min",
    )
    (folder / "log.csv").write_text(
        "case,date,component,minutes\n"
        "strong,2026-05-05,resistance,25\n"
        "strong,2026-05-07,resistance,30\n"
        "strung,2026-05-08,resistance,30\n"
        "strong,soon,swimming,-3\n"
    )
    plain = score(folder, "--json")

    done = run_score(folder, "--json", "--sessions", folder / "log.csv")

    summary = json.loads(done.stdout)
    assert done.returncode == 3
    assert [(one["table"], one["rule"], one["first_rows"]) for one in summary["failures"]] == [
        ("sessions", "no_case", [4]),
        ("sessions", "no_day", [5]),
        ("sessions", "no_component", [5]),
        ("sessions", "no_minutes", [5]),
    ]
    assert summary["input_sha256"] != plain["input_sha256"]
    weeks = result(folder, "weeks").select("case", "aerobic_pct", "resistance_pct").rows()
    assert weeks == [("c", 80.0, None), ("strong", 80.0, 100.0)]


def test_a_session_log_alone_gives_weeks_a_state(folder):
    (folder / "log.csv").write_text("case,date,component\nc,2026-05-05,balance\n")

    score(folder, "--sessions", folder / "log.csv")

    columns = [*COLUMNS["weeks"].split(), "state", "reason"]
    assert result(folder, "weeks").columns[: len(columns)] == columns


def test_a_case_that_needs_no_heart_rate_is_judged_without_any(folder):
    write_cases(
        folder,
        "steps,8,40,M,false,,,,,,,,5000",
        heading=HEADING + ",steps_per_day",
    )

    done = run_score(folder, "--json")

    summary = json.loads(done.stdout)
    assert (done.returncode, summary["unknown"]) == (0, [])


def test_a_person_sees_a_bar_and_a_program_nothing(folder):
    assert run_score(folder, "--json").stderr == ""

    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        done = subprocess.Popen(
            command(folder, "--json"),
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=os.environ | {"ADHERE_LANGUAGE": "en", "TERM": "xterm", "COLUMNS": "100"},
        )
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # what reading gives when the other end is closed
            while piece := terminal.read(4096):
                shown += piece
        printed, _ = done.communicate(timeout=240)

    assert json.loads(printed)["failures"] == []
    assert b"looking through the files" in shown
    assert b"100%" in shown


def test_what_a_program_reads_is_one_json_object(folder):
    printed = json.dumps(score(folder, "--json"))

    assert json.loads(printed)["method_version"] == "c1"

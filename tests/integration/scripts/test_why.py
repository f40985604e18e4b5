"""`adhere why`: a week out of the database or out of files, down to its minutes."""

import json
from datetime import date

import polars as pl
import pytest
import typer
from structlog.testing import capture_logs
from typer.testing import CliRunner

from config.errors import Misconfigured, Rejected
from config.language import set_language
from reports.nightly.recompute import recompute
from scripts.commands.why import monday_of, why
from scripts.why.account import days_without_limits
from storage.audit import at_terminal, entries
from storage.claims import store_edge_event
from storage.database import connect
from storage.people import put_staff
from storage.session_log import Session, note_session
from tests.claims import claim
from tests.district import District, every, local_ms
from tests.recordings import MONDAY, RECORDED_PEOPLE, adhere, look_alike

MINUTE = 60_000
TUESDAY = local_ms("2026-11-10 09:00:00")
SUNDAY_NIGHT = local_ms("2026-11-15 23:50:00")
SETTINGS = """
data_dir = "hub"
[broker]
host = "127.0.0.1"
[nightly]
report_dir = "reports"
[portal]
public_url = "http://127.0.0.1"
"""
HEADING = (
    "case,person,age,sex,beta_blocker,rest_hr,hr_max,"
    "zone_lo,zone_hi,session_min,sessions_per_week,weekly_min"
)


def run(*words):
    app = typer.Typer()
    app.command()(why)
    with capture_logs():  # of the login, which is a superuser here; the program logs on stderr
        return CliRunner().invoke(app, [str(word) for word in words])


def told(result, code=0):
    """The JSON of a run that ended with this code."""
    assert result.exit_code == code, result.exception
    return json.loads(result.stdout)


@pytest.fixture
def settings(tmp_path, database, monkeypatch):
    path = tmp_path / "district.toml"
    path.write_text(SETTINGS, "utf-8")
    monkeypatch.setenv("ADHERE_DATABASE_DSN", database)
    return path


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def week(conn, settings):
    """A stored week with a session, short effort, time above the zone, a bout over its end."""
    district = District(conn)
    district.wear("p1")
    district.hear(
        "p1",
        heart_rate=[
            *every(TUESDAY - 5 * MINUTE, TUESDAY, 90),
            *every(TUESDAY, TUESDAY + 30 * MINUTE, 120),
            *every(TUESDAY + 30 * MINUTE, TUESDAY + 33 * MINUTE, 149),
            *every(TUESDAY + 33 * MINUTE, TUESDAY + 35 * MINUTE, 165),
            *every(TUESDAY + 60 * MINUTE, TUESDAY + 65 * MINUTE, 120),
        ],
    )
    district.hear("p1", heart_rate=every(SUNDAY_NIGHT, SUNDAY_NIGHT + 20 * MINUTE, 120))
    recompute(conn, through=date(2026, 11, 22))
    return "--case", "p1", "--week", "2026-W46", "--settings", settings


def test_every_second_of_a_stored_week_is_told_with_its_reason_and_its_sums(week):
    data = told(run(*week, "--json"))

    assert [check["is_equal"] for check in data["checks"]] == [True] * len(data["checks"])
    assert {check["what"] for check in data["checks"]} >= {
        "every minute of the week",
        "credit in bouts and logged sessions",
        "time worn",
        "complete sessions",
        "credit of the bout at 2026-11-10T01:00:00+00:00",
    }
    assert sum(data["total_s"].values()) == 7 * 86_400
    judged = {
        "credited": (33 + 10) * 60,
        "above": 2 * 60 + 55,
        "short": 5 * 60 + 55,
        "below": 5 * 60,
        "unjudged": 0,
    }
    assert data["total_s"] == judged | {"missing": 7 * 86_400 - sum(judged.values())}
    credited = [r for r in data["runs"] if r["session"] == data["sessions"][1]["start"]]
    assert sum(r["seconds"]["credited"] for r in credited) == data["sessions"][1]["credit_s"]
    assert data["sessions"][1]["credit_s"] == 20 * 60 + 55
    of_tuesday = [r for r in data["runs"] if r["date"] == "2026-11-10"]
    assert [(r["minutes"], r["reason"]) for r in of_tuesday[1:-1]] == [
        (5, "below"),
        (33, "credited"),
        (3, "above"),
        (24, "no_data"),
        (6, "short"),
    ]
    assert data["figures"]["complete_sessions"] == 1
    assert [batch["seq"] for batch in data["sessions"][0]["batches"]] == [0]
    assert [batch["seq"] for batch in data["batches"]] == [0, 1]


def test_every_minute_stands_on_its_own_line_when_asked(week):
    folded = told(run(*week, "--json"))
    data = told(run(*week, "--minutes", "--json"))

    assert len(data["runs"]) == 7 * 1440 + 11
    assert all(r["minutes"] == 1 and sum(r["seconds"].values()) == 60 for r in data["runs"])
    assert sum(r["minutes"] for r in folded["runs"]) == len(data["runs"])


def test_reading_a_week_stands_in_the_audit_trail_and_so_does_asking_in_vain(week, conn):
    run(*week)
    none = run("--case", "p1", "--week", "2026-01-05", *week[4:])
    nobody = run("--case", "p2", *week[2:])

    assert isinstance(none.exception, Misconfigured)
    assert isinstance(nobody.exception, Misconfigured)
    trail = [e for e in entries(conn) if e.actor == at_terminal()]
    assert [(e.action, e.subject, e.detail["week"]) for e in trail] == [
        ("refused", "case", "2026-11-09"),
        ("refused", "p1", "2026-01-05"),
        ("read_week", "p1", "2026-11-09"),
    ]


def test_a_stored_figure_that_is_not_the_sum_of_its_minutes_is_told_and_ends_with_1(week, conn):
    conn.execute("UPDATE week SET bout_credit_min = bout_credit_min + 1 WHERE week = '2026-11-09'")

    result = run(*week)
    data = told(run(*week, "--json"), code=1)

    assert result.exit_code == 1
    assert "credit in bouts and logged sessions: 53.9167, 54.9167 min: DIFFERENT" in result.stdout
    assert [c["what"] for c in data["checks"] if not c["is_equal"]] == [
        "credit in bouts and logged sessions"
    ]


def test_readings_since_the_night_are_said_to_have_come_since(week, conn):
    District.hear(_behind(conn), "p1", heart_rate=[(TUESDAY + 400 * MINUTE, 70)])

    result = run(*week)

    assert "2026-11-10: readings or records have changed since the night" in result.stdout


def _behind(conn):
    """The writers of the district that is there already."""
    district = object.__new__(District)
    district.conn = conn
    district.seq = iter(range(100, 200))
    district.previous_sha256 = None
    district.gateway = conn.execute("SELECT id FROM gateway").fetchone()[0]
    return district


def test_a_stored_week_of_rated_sessions_takes_its_credit_from_the_log(conn, settings):
    enrolment = District(conn).wear(
        "p1",
        intensity_kind="rpe",
        zone_lo=12.0,
        zone_hi=14.0,
        hr_max_bpm=None,
        rest_hr_bpm=None,
    )
    put_staff(conn, organisation="c1", code="coach", role="instructor", name="Coach")
    for day, minutes, rpe in ((10, 30.0, 13.0), (12, 20.0, 12.0), (14, 30.0, 16.0)):
        note_session(
            conn,
            enrolment_id=enrolment,
            entry_key=str(day),
            session=Session(
                date=date(2026, 11, day), component="aerobic", minutes=minutes, rpe=rpe
            ),
            noted_by="coach",
        )
    District.hear(_behind(conn), "p1", heart_rate=every(TUESDAY, TUESDAY + 30 * MINUTE, 120))
    recompute(conn, through=date(2026, 11, 15))

    data = told(run("--case", "p1", "--week", "2026-W46", "--settings", settings, "--json"))

    assert all(check["is_equal"] for check in data["checks"])
    assert (data["figures"]["bout_credit_min"], data["figures"]["complete_sessions"]) == (50, 1)
    assert data["total_s"]["unjudged"] == 60 * data["figures"]["wear_min"] == 30 * 60 + 55
    assert [(one["verdict"], one["credit_s"]) for one in data["logged"]] == [
        ("counts", 1800),
        ("too short", 1200),
        ("exertion outside the range", 0),
    ]


@pytest.fixture
def files(tmp_path):
    """A session, a short effort before midnight, and minutes above the zone."""
    hr = [f"7,2026-05-04 07:{n // 6:02}:{n % 6}0,{110 if n < 72 else 95}" for n in range(90)]
    hr += [f"7,2026-05-05 07:{n // 6:02}:{n % 6}0,{110 if n < 50 else 125}" for n in range(130)]
    hr += [f"7,2026-05-06 23:{50 + n // 6:02}:{n % 6}0,110" for n in range(50)]
    hr += ["8,2026-05-04 07:00:00,110"]
    (tmp_path / "hr.csv").write_text("\n".join(["person,ts,hr", *hr]))
    (tmp_path / "steps.csv").write_text("person,ts,steps\n7,2026-05-04 07:00:00,105\n")
    rows = ["c,7,40,M,false,60,160,40,60,15,1,15", "other,8,40,M,false,60,160,40,60,15,1,15"]
    rows.append("no-rest,7,40,M,false,,160,40,60,15,1,15")
    (tmp_path / "cases.csv").write_text("\n".join([HEADING, *rows]))
    return (
        *("--hr", tmp_path / "hr.csv", "--steps", tmp_path / "steps.csv"),
        *("--cases", tmp_path / "cases.csv"),
    )


def test_a_week_out_of_files_adds_up_to_what_score_says(files, tmp_path):
    data = told(run("--case", "c", "--week", "2026-05-06", *files, "--json"))
    adhere("score", *files, "--out", tmp_path / "out")

    scored = pl.read_parquet(tmp_path / "out/weeks.parquet").filter(pl.col("case") == "c")
    figures = scored.to_dicts()[0]
    assert {n: data["figures"][n] for n in ("bout_credit_min", "wear_min", "above_min")} == {
        n: figures[n] for n in ("bout_credit_min", "wear_min", "above_min")
    }
    assert all(check["is_equal"] for check in data["checks"])
    assert len(data["checks"]) == 6 + len(data["sessions"])
    assert data["total_s"]["credited"] == (12 * 60) + 50 * 10
    assert data["short_efforts"][0]["credit_s"] == 550
    assert data["batches"] is None
    assert data["runs"][1]["steps"] == 105


def test_the_page_says_in_words_why_time_is_not_credited(files):
    page = run("--case", "c", "--week", "2026-05-06", *files).stdout

    assert (
        "2026-05-04 07:00:00 to 2026-05-04 07:12:00: effort 0:12:00, credit 0:12:00, complete"
        in (page)
    )
    assert "not complete: 80 % of 15 min are asked" in page
    assert "07:12-07:16     4 min  below the zone  95 bpm" in page
    assert "23:50-23:59     9 min  in the zone, bout too short  110 bpm" in page
    assert "07:23-24:00   997 min  no data" in page
    assert "above the zone 0:14:10" in page


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("--case", "c", "--week", "someday"), Misconfigured, "someday is no week"),
        (("--case", "x", "--week", "2026-W19"), Misconfigured, "has no case x"),
        (("--case", "c", "--week", "2026-W30"), Misconfigured, "go from 2026-05-04 to 2026-05-04"),
        (("--case", "no-rest", "--week", "2026-W19"), Rejected, "no_rest_day"),
    ],
)
def test_a_week_that_is_not_there_is_said_to_be_so(files, words, error, said):
    result = run(*words, *files)

    assert isinstance(result.exception, error)
    assert said in str(result.exception)


def test_a_bout_from_mondays_midnight_on_is_of_the_week_that_begins(tmp_path):
    hr = [f"7,2026-05-{day} 00:{n // 6:02}:{n % 6}0,110" for day in (10, 11) for n in range(90)]
    (tmp_path / "hr.csv").write_text("\n".join(["person,ts,hr", *hr]))
    (tmp_path / "cases.csv").write_text(f"{HEADING}\nc,7,40,M,false,60,160,40,60,15,1,15\n")
    files = ("--hr", tmp_path / "hr.csv", "--cases", tmp_path / "cases.csv", "--json")

    first, second = (
        told(run("--case", "c", "--week", week, *files)) for week in ("2026-W19", "2026-W20")
    )

    assert [one["date"] for one in first["sessions"]] == ["2026-05-10"]
    assert [one["date"] for one in second["sessions"]] == ["2026-05-11"]
    assert all(check["is_equal"] for week in (first, second) for check in week["checks"])


def test_only_a_version_that_asks_nothing_of_heart_rate_leaves_a_day_without_limits():
    monday = date(2026, 5, 4)
    versions = pl.DataFrame(
        {
            "case": ["c", "c"],
            "person": ["a", "a"],
            "from_day": [None, date(2026, 5, 9)],
            "until_day": [date(2026, 5, 9), None],
            **{name: [12.0, 12.0] for name in ("zone_lo", "zone_hi")},
            **{name: [1.0, 1.0] for name in ("session_min", "sessions_per_week", "weekly_min")},
            "intensity_kind": ["hrr", "rpe"],
        }
    )

    assert days_without_limits(versions, monday) == {date(2026, 5, 9), date(2026, 5, 10)}


@pytest.fixture
def more(files, tmp_path):
    """The same person under two prescriptions that go beyond one zone, and a session log."""
    phases = "progress@2 zone_lo=50 zone_hi=70"
    columns = "intensity_kind,resistance_per_week,resistance_min,steps_per_day,start_day,phases"
    rows = (
        f"all,7,40,M,false,60,160,40,60,15,1,15,hrr,2,20,8000,2026-05-04,{phases}",
        "rated,7,40,M,false,,,12,14,30,3,90,rpe,,,,,",
    )
    (tmp_path / "cases.csv").write_text("\n".join([f"{HEADING},{columns}", *rows]))
    log = (
        "all,2026-05-05,resistance,25,",
        "all,2026-05-06,resistance,10,",
        "all,2026-05-19,resistance,25,",
        "rated,2026-05-05,aerobic,30,13",
        "rated,2026-05-07,aerobic,20,13",
        "rated,2026-05-08,aerobic,30,16",
    )
    (tmp_path / "log.csv").write_text("\n".join(["case,date,component,minutes,rpe", *log]))
    return (*files, "--sessions", tmp_path / "log.csv")


def test_components_and_the_log_are_told_beside_the_minutes(more):
    page = run("--case", "all", "--week", "2026-W19", *more).stdout
    data = told(run("--case", "all", "--week", "2026-W19", *more, "--json"))

    assert all(check["is_equal"] for check in data["checks"])
    assert [(one["date"], one["complete"], one["credit_s"]) for one in data["logged"]] == [
        ("2026-05-05", True, 0),
        ("2026-05-06", False, 0),
    ]
    assert (data["figures"]["resistance_pct"], data["figures"]["steps_pct"]) == (50, 0)
    assert "target zone: 40 to below 60 % of heart-rate reserve" in page
    assert "resistance training: 50.0 %" in page
    assert "2026-05-06, resistance training, 10 min: does not count" in page


def test_a_week_of_rated_sessions_takes_its_credit_from_the_log(more):
    page = run("--case", "rated", "--week", "2026-W19", *more).stdout
    data = told(run("--case", "rated", "--week", "2026-W19", *more, "--json"))

    assert all(check["is_equal"] for check in data["checks"])
    assert data["figures"]["bout_credit_min"] == 50
    assert data["figures"]["wear_min"] > 0
    assert data["total_s"]["unjudged"] == 60 * data["figures"]["wear_min"]
    assert [one["credit_s"] for one in data["logged"]] == [1800, 1200, 0]
    assert "exertion 13: no session, but its minutes count" in page
    assert "perceived exertion 12 to 14; sessions come from the log" in page


@pytest.mark.parametrize("half", [("--hr", "hr.csv"), ("--cases", "c.csv"), ("--steps", "s.csv")])
def test_half_of_the_files_is_no_way_to_ask(half):
    result = run("--case", "c", "--week", "2026-W19", *half)

    assert "needs --hr and --cases" in str(result.exception)


@pytest.mark.parametrize("text", ["2026-11-09", "2026-11-15", "2026-W46", "2026-W46-3", "20261112"])
def test_a_week_may_be_named_by_any_of_its_days(text):
    assert monday_of(text) == date(2026, 11, 9)


def test_all_weeks_of_a_look_alike_add_up(tmp_path):
    hr, steps = look_alike(tmp_path, weeks=2, people=RECORDED_PEOPLE[:1])
    row = f"a,{RECORDED_PEOPLE[0]},45,M,false,60,,40,60,20,3,60"
    (tmp_path / "cases.csv").write_text(f"{HEADING}\n{row}\n")
    files = ("--hr", hr, "--steps", steps, "--cases", tmp_path / "cases.csv")

    for number in range(2):
        week = date.fromisoformat(MONDAY).toordinal() + 7 * number
        data = told(run("--case", "a", "--week", date.fromordinal(week), *files, "--json"))

        assert all(check["is_equal"] for check in data["checks"])
        assert data["sessions"]


def test_the_page_speaks_chinese(files):
    set_language("zh_CN")
    try:
        page = run("--case", "c", "--week", "2026-05-06", *files).stdout
    finally:
        set_language("en")

    assert "低于靶心率" in page


def test_a_claimed_band_is_told_with_the_page_it_was_claimed_on(settings, database):
    """Heart rate of a watch that only its wearer's word makes theirs counts, and says why."""
    with connect(database) as conn:
        district = District(conn)
        district.wear("p1")
        address = "5A:01:02:03:04:05"
        claimed = claim(
            district, "p1", device_key=address, began=TUESDAY, ended=TUESDAY + 30 * MINUTE,
            latest_utc_ms=TUESDAY + 600 * MINUTE,
        )  # fmt: skip
        store_edge_event(conn, claimed)
        district.hear(address, heart_rate=every(TUESDAY - 5 * MINUTE, TUESDAY + 40 * MINUTE, 120))
        recompute(conn, through=date(2026, 11, 15))

    result = run("--case", "p1", "--week", "2026-W46", "--settings", settings, "--json")
    shown = run("--case", "p1", "--week", "2026-W46", "--settings", settings)
    before = run("--case", "p1", "--week", "2026-W47", "--settings", settings)

    [one] = told(result)["claims"]
    assert (one["device_key"], one["gateway"], one["why_ended"]) == (address, "g1", "finished")
    assert (
        "5A:01:02:03:04:05, on the page of c1 g1: 2026-11-10 09:00:00 to 2026-11-10 09:30:00"
        in shown.stdout
    )
    assert 30 <= told(result)["figures"]["wear_min"] < 31  # the last reading holds a little
    assert before.exit_code != 0

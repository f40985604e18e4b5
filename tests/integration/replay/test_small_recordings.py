"""Odd recordings, bad files, and what a person does to a running replay."""

import os
import signal
import subprocess
import sys
import time

import pytest

from storage.database import connect
from tests.patience import PATIENCE_S
from tests.recordings import adhere

HEAD = (
    "case,person,age,sex,beta_blocker,rest_hr,hr_max,"
    "zone_lo,zone_hi,session_min,sessions_per_week,weekly_min"
)
ANN = "a,ann,60,F,false,60,160,40,60,10,1,10"


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def files(folder, *, hr, cases=(ANN,), steps=None):
    """Write CSV files; return the options that name them."""
    tables = {"hr": ("person,ts,hr", hr), "cases": (HEAD, cases)}
    if steps is not None:
        tables["steps"] = ("person,ts,steps", steps)
    options = []
    for name, (head, rows) in tables.items():
        path = folder / f"{name}.csv"
        path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
        options += [f"--{name}", path]
    return options


def exercise(day="2026-03-02", *, bpm=110, minutes=20, person="ann"):
    """Heart rate in the zone, one value in ten seconds."""
    return [
        f"{person},{day}T18:{second // 60:02d}:{second % 60:02d},{bpm}"
        for second in range(0, 60 * minutes, 10)
    ]


def test_missing_values_stay_missing_and_wild_ones_travel(folder, database):
    hr = [*exercise(), "ann,2026-03-02T19:00:00,", "ann,2026-03-02T19:00:10,nan"]
    hr += ["ann,2026-03-02T19:00:20,0", "ann,2026-03-02T19:00:30,65535"]
    steps = ["ann,2026-03-02T18:00:00,115", "ann,2026-03-02T18:01:00,"]
    steps += ["ann,2026-03-02T18:02:00,-5", "ann,2026-03-02T18:03:00,0"]

    done = adhere(
        *("replay", "--json", "--check", "--data", folder / "state"),
        *files(folder, hr=hr, steps=steps),
        dsn=database,
    )

    assert done["readings"] == done["committed"] == done["counted"] == 120 + 2 + 3
    assert all(table["same"] for table in done["same_as_score"].values())
    (week,) = done["weeks"]
    assert (week["week"], week["sessions"], week["state"]) == ("2026-03-02", 1, "met")
    with connect(database) as conn:
        values = conn.execute("SELECT value FROM heart_rate WHERE value > 200 OR value < 30")
        assert sorted(value for (value,) in values) == [0, 65535]


def test_readings_of_years_are_not_put_aside(folder, database):
    hr = [row for year in range(2016, 2026, 3) for row in exercise(f"{year}-03-02")]

    done = adhere(
        *("replay", "--json", "--check", "--data", folder / "state"),
        *files(folder, hr=hr),
        dsn=database,
    )

    assert (done["quarantined"], done["counted"]) == (0, len(hr))
    assert done["same_as_score"]["week"]["same"]
    assert len(done["weeks"]) == 470


def test_several_cases_of_one_person_and_one_of_nobody(folder, database):
    cases = [ANN, "hard,ann,60,F,false,60,160,60,90,10,1,10", "none,bob,60,M,false,,,40,60,10,1,10"]
    cases += ["away,ann,60,F,,60,160,60,90,10,1,10"]

    done = adhere(
        *("replay", "--json", "--check", "--data", folder / "state"),
        *files(folder, hr=exercise(), cases=cases),
        dsn=database,
    )

    assert {week["case"]: week["state"] for week in done["weeks"]} == {
        "a": "met",
        "hard": "cannot_judge",
        "away": "cannot_judge",
        "none": "cannot_judge",
    }
    assert {one["case"]: one["no_figures"] for one in done["patients"]}["none"] is not None
    assert all(table["same"] for table in done["same_as_score"].values())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"hr": ["ann,2026-03-02T18:00:00,fast"]}, ("hr.csv", "column hr", "line 2")),
        ({"hr": ["ann,yesterday,70"]}, ("hr.csv", "column ts", "line 2")),
        ({"hr": [*exercise(), ",2026-03-02T18:00:00,70"]}, ("hr.csv", "column person")),
        (
            {"hr": exercise(), "steps": ["ann,2026-03-02T18:00:00,many"]},
            ("steps.csv", "column steps", "line 2"),
        ),
        ({"hr": exercise(), "cases": [ANN.replace(",40,60", ",60,40")]}, ("cases.csv", "zone_hi")),
        ({"hr": exercise(), "cases": [ANN, ANN]}, ("cases.csv", "case a", "more than once")),
        ({"hr": exercise(), "cases": []}, ("cases.csv", "no case")),
        ({"hr": ["bob,2026-03-02T18:00:00,70"]}, ("no reading",)),
    ],
)
def test_bad_input_is_refused_before_anything_is_started(folder, given, says):
    state = folder / "state"

    said = adhere("replay", "--data", state, *files(folder, **given), expect=2)

    for words in says:
        assert words in said
    assert not (state / "postgres").exists()


def test_a_missing_column_is_named(folder):
    options = files(folder, hr=exercise())
    (folder / "hr.csv").write_text("person,ts,bpm\nann,2026-03-02T18:00:00,70\n", "utf-8")

    said = adhere("replay", "--data", folder / "state", *options, expect=2)

    assert "hr.csv has no column hr" in said


def test_two_replays_never_share_a_state_folder(folder, database):
    fcntl = pytest.importorskip("fcntl")
    (folder / "state").mkdir()
    with (folder / "state" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        said = adhere(
            *("replay", "--data", folder / "state"),
            *files(folder, hr=exercise()),
            dsn=database,
            expect=2,
        )

    assert "Another replay uses" in said


def test_stopped_by_hand_the_same_command_goes_on(folder, database):
    hr = [row for day in range(1, 29) for row in exercise(f"2026-02-{day:02d}", minutes=59)]
    options = files(folder, hr=hr)
    command = ["replay", "--json", "--data", str(folder / "state"), *map(str, options)]
    # No broker answers there: the readings reach the spool and wait.
    waiting = subprocess.Popen(
        [sys.executable, "-m", "scripts.main", *command, "--no-hub", "--broker", "127.0.0.1:9"],
        env=os.environ | {"ADHERE_DATABASE_DSN": database, "ADHERE_LANGUAGE": "en"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + PATIENCE_S
    while not list(folder.glob("state/gateways/*/status.json")):
        assert waiting.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)

    waiting.send_signal(signal.SIGTERM)
    _out, said = waiting.communicate(timeout=PATIENCE_S)
    done = adhere(*command, dsn=database)

    assert waiting.returncode == 130
    assert "run the same command again" in said
    assert done["committed"] == done["counted"] == len(hr)

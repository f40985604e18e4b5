import hashlib
import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import psycopg
import pytest
from openpyxl import load_workbook
from psycopg import sql

from config.errors import Misconfigured, Unavailable
from reports.nightly.night import last_finished_night, only_runner, run_night
from storage import ledger
from storage.audit import note
from storage.audit_chain import Anchor, newest, verify
from storage.database import connect
from storage.dead_letters import store_dead_letter
from tests.district import District, every, local_ms

MINUTE = 60_000
NIGHT = date(2026, 11, 15)
TUESDAY = local_ms("2026-11-10 09:00:00")


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def district(conn):
    district = District(conn)
    district.wear("p1")
    district.hear("p1", heart_rate=every(TUESDAY, TUESDAY + 40 * MINUTE, 120))
    return district


def rows(conn, table):
    return conn.execute(
        sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier(table))
    ).fetchall()


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("district")
def test_the_same_night_twice_changes_nothing(conn, tmp_path):
    first = run_night(conn, NIGHT, tmp_path, "en")
    before = {table: rows(conn, table) for table in ("nightly_run", "week", "audit")}
    listed = files(tmp_path)

    again = run_night(conn, NIGHT, tmp_path, "en")

    assert (first.is_new, again.is_new) == (True, False)
    assert (again.revision, again.workbook) == (1, first.workbook)
    assert files(tmp_path) == listed == [first.workbook.name]
    assert {table: rows(conn, table) for table in before} == before


@pytest.mark.usefixtures("district")
def test_the_cover_goes_on_naming_the_block_that_was_the_newest_then(conn, tmp_path):
    note(conn, actor="d1", action="read_patient", subject="p1")
    first = run_night(conn, NIGHT, tmp_path, "en")
    note(conn, actor="d1", action="read_patient", subject="p1")
    first.workbook.unlink()

    again = run_night(conn, NIGHT, tmp_path, "en")

    assert again.workbook_sha256 == first.workbook_sha256
    cover = dict(load_workbook(again.workbook)["Cover"].iter_rows(min_row=3, values_only=True))
    anchor = Anchor.read(cover["Audit trail: newest sealed block (SHA-256)"])
    assert (anchor.number, newest(conn).number) == (1, 2)
    assert verify(conn, anchor).faults == ()


def test_late_data_makes_a_revision_and_leaves_the_first_file_as_it_was(conn, district, tmp_path):
    first = run_night(conn, NIGHT, tmp_path, "en")
    data = first.workbook.read_bytes()
    wednesday = TUESDAY + 1440 * MINUTE

    district.hear("p1", heart_rate=every(wednesday, wednesday + 40 * MINUTE, 120))
    second = run_night(conn, NIGHT, tmp_path, "en")

    assert (second.is_new, second.revision) == (True, 2)
    assert second.workbook != first.workbook
    assert first.workbook.read_bytes() == data
    assert files(tmp_path) == sorted([first.workbook.name, second.workbook.name])
    assert [row[2] for row in rows(conn, "nightly_run")] == [1, 2]


@pytest.mark.usefixtures("district")
def test_what_is_put_right_again_is_the_newest_revision_too(conn, tmp_path):
    first = run_night(conn, NIGHT, tmp_path, "en")
    chinese = run_night(conn, NIGHT, tmp_path, "zh_CN")
    conn.execute("UPDATE prescription SET zone_lo = 70")
    mistaken = run_night(conn, NIGHT, tmp_path, "en")
    conn.execute("UPDATE prescription SET zone_lo = 40")
    right = run_night(conn, NIGHT, tmp_path, "en")

    again = [run_night(conn, NIGHT, tmp_path, language) for language in ("zh_CN", "en")]

    revisions = [night.revision for night in (first, chinese, mistaken, right)]
    assert revisions == [1, 2, 3, 4]
    assert right.input_sha256 == first.input_sha256
    assert [night.is_new for night in again] == [False, False]
    assert [night.workbook for night in again] == [chinese.workbook, right.workbook]


def test_data_of_a_day_after_the_night_makes_no_revision(conn, district, tmp_path):
    first = run_night(conn, date(2026, 11, 12), tmp_path, "en")
    friday = TUESDAY + 3 * 1440 * MINUTE
    district.hear("p1", heart_rate=every(friday, friday + 40 * MINUTE, 120))
    later = run_night(conn, NIGHT, tmp_path, "en")

    again = run_night(conn, date(2026, 11, 12), tmp_path, "en")

    assert (again.is_new, again.workbook) == (False, first.workbook)
    assert later.workbook != first.workbook
    assert conn.execute(
        "SELECT bouts, counted_to FROM week WHERE week = '2026-11-09'"
    ).fetchall() == [(2, NIGHT)]


def test_readings_that_change_no_figure_make_no_revision(conn, district, tmp_path):
    run_night(conn, NIGHT, tmp_path, "en")

    district.hear("p1", heart_rate=every(TUESDAY, TUESDAY + 40 * MINUTE, 120))
    again = run_night(conn, NIGHT, tmp_path, "en")

    assert again.is_new is False
    assert again.recomputed.samples == 960


@pytest.mark.usefixtures("district")
def test_a_report_that_went_missing_is_written_again_to_the_same_bytes(conn, tmp_path):
    first = run_night(conn, NIGHT, tmp_path, "en")
    data = first.workbook.read_bytes()
    first.workbook.unlink()
    # What the data quality says has changed since, and the report stays what it was.
    store_dead_letter(conn, "adhere/v1/c1/g1/live", "bad_signature", "", b"x")
    conn.execute("UPDATE dead_letter SET first_seen_at = %s", (NIGHT,))

    again = run_night(conn, NIGHT, tmp_path, "en")

    assert again.is_new is False
    assert first.workbook.read_bytes() == data
    assert hashlib.sha256(data).digest() == first.workbook_sha256


def quality_note(night):
    return load_workbook(night.workbook)["Data quality"]["A2"].value


def test_a_night_that_cannot_wait_for_who_is_counting_says_so_and_is_made_again(
    conn, database, tmp_path, monkeypatch
):
    district = District(conn)
    district.wear("p1")
    with psycopg.connect(database) as watch:
        district.hear("p1", heart_rate=every(TUESDAY, TUESDAY + 40 * MINUTE, 120))
        watch.execute("SELECT ledger_catch_up(20000)")
        monkeypatch.setattr(ledger, "PATIENCE_S", 0.1)
        first = run_night(conn, NIGHT, tmp_path, "en")
        same = run_night(conn, NIGHT, tmp_path, "en")
        watch.rollback()
    missing = "1 batches are in none of these rows"
    assert missing in quality_note(first)
    assert (same.is_new, same.workbook) == (False, first.workbook)

    second = run_night(conn, NIGHT, tmp_path, "en")
    again = run_night(conn, NIGHT, tmp_path, "en")

    assert missing not in quality_note(second)
    assert (second.revision, again.is_new, again.workbook) == (2, False, second.workbook)
    (quality,) = conn.execute("SELECT quality FROM nightly_run WHERE revision = 2").fetchone()
    assert sum(row[4] for row in quality) > 0


@pytest.mark.usefixtures("district")
def test_a_ledger_that_cannot_be_counted_stops_no_night(conn, tmp_path):
    conn.execute(
        "CREATE OR REPLACE FUNCTION ledger_catch_up(most integer) RETURNS integer"
        " LANGUAGE plpgsql AS 'BEGIN RETURN 9223372036854775807 + 1; END'"
    )
    first = run_night(conn, NIGHT, tmp_path, "en")
    first.workbook.unlink()

    again = run_night(conn, NIGHT, tmp_path, "en")

    assert "1 batches are in none of these rows" in quality_note(again)
    assert again.workbook_sha256 == first.workbook_sha256


@pytest.mark.usefixtures("district")
def test_a_report_that_somebody_changed_is_named(conn, tmp_path):
    first = run_night(conn, NIGHT, tmp_path, "en")
    first.workbook.write_bytes(b"better figures")

    with pytest.raises(Misconfigured, match="was changed after it was written"):
        run_night(conn, NIGHT, tmp_path, "en")

    assert first.workbook.read_bytes() == b"better figures"


@pytest.mark.usefixtures("district")
def test_what_a_killed_run_left_half_written_is_cleared_away(conn, tmp_path):
    (tmp_path / ".adherence-2026-11-14-r1-00000000.xlsx.unfinished").write_bytes(b"half")

    done = run_night(conn, NIGHT, tmp_path, "en")

    assert files(tmp_path) == [done.workbook.name]


@pytest.mark.usefixtures("district")
def test_a_second_runner_is_told_to_wait(conn, database, tmp_path):
    with (
        connect(database) as other,
        only_runner(other),
        pytest.raises(Unavailable, match="another nightly run"),
    ):
        run_night(conn, NIGHT, tmp_path, "en")

    assert run_night(conn, NIGHT, tmp_path, "en").is_new


@pytest.mark.usefixtures("district")
def test_reading_peoples_weeks_leaves_an_audit_row_without_any_value(conn, tmp_path):
    run_night(conn, NIGHT, tmp_path, "en")

    assert conn.execute(
        "SELECT actor, action, subject, detail FROM audit ORDER BY id"
    ).fetchall() == [
        ("nightly", "recompute", "readings", {"patients": 1, "patient_days": 3}),
        (
            "nightly",
            "report_weeks",
            "night 2026-11-15 r1",
            {"patients": 1, "patient_weeks": 2},
        ),
    ]


def test_a_folder_that_cannot_be_written_says_what_to_do(conn, tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(Misconfigured, match="make it writable"):
        run_night(conn, NIGHT, tmp_path / "file" / "reports", "en")

    assert last_finished_night(conn) is None


def settings_file(tmp_path):
    path = tmp_path / "district.toml"
    path.write_text(
        f'data_dir = "{tmp_path}"\n[broker]\nhost = "localhost"\n'
        f'[nightly]\nreport_dir = "{tmp_path / "reports"}"\nlanguage = "en"\n'
    )
    return path


def adhere(database, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "scripts.main", "nightly", *arguments],
        env=os.environ | {"ADHERE_DATABASE_DSN": database, "ADHERE_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.usefixtures("district")
def test_one_night_by_hand_speaks_json(database, tmp_path):
    done = adhere(
        database,
        *("run", "--settings", str(settings_file(tmp_path)), "--date", "2016-05-15", "--json"),
    )

    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["night"], said["revision"], said["is_new"]) == ("2016-05-15", 1, True)
    assert (
        hashlib.sha256(Path(said["workbook"]).read_bytes()).hexdigest() == said["workbook_sha256"]
    )


def test_a_second_runner_exits_with_4(conn, database, tmp_path):
    with only_runner(conn):
        done = adhere(
            database, "run", "--settings", str(settings_file(tmp_path)), "--date", "2016-05-15"
        )

    assert done.returncode == 4
    assert "another nightly run is at work" in done.stderr


@pytest.mark.parametrize(
    ("night", "why"), [("2999-01-01", "is not over"), ("gestern", "is no date")]
)
def test_a_date_that_cannot_be_reported_exits_with_2(database, tmp_path, night, why):
    done = adhere(database, "run", "--settings", str(settings_file(tmp_path)), "--date", night)

    assert done.returncode == 2
    assert why in done.stderr


def test_the_daemon_makes_up_the_night_and_stops_on_sigterm(database, tmp_path):
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "scripts.main",
            "nightly",
            "--settings",
            str(settings_file(tmp_path)),
        ],
        env=os.environ | {"ADHERE_DATABASE_DSN": database, "ADHERE_LANGUAGE": "en"},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        seen = []
        for line in process.stderr:
            seen.append(json.loads(line)["event"])
            if seen[-1] == "nightly_waiting":
                process.send_signal(signal.SIGTERM)
        assert process.wait() == 0

    assert [event for event in seen if event.startswith("night")] == [
        "night_done",
        "nightly_waiting",
        "nightly_stopped",
    ]
    with connect(database) as conn:
        assert last_finished_night(conn) is not None

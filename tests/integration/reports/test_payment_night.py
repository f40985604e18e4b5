"""The night with a payment scheme: lines after weeks, sheets in the workbook, same bytes again."""

import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal

import openpyxl
import pytest

from config.schemes import SCHEMES_DIR, load_scheme
from reports.nightly.night import run_night
from reports.payment.listing import lines
from storage.database import connect
from tests.district import District, every, local_ms

MINUTE = 60_000
DAY = 1440 * MINUTE
FIRST = local_ms("2026-11-02 09:00:00")
NIGHT = date(2026, 11, 29)
SCHEME_FILE = SCHEMES_DIR / "base_performance_s1.toml"
SCHEME = load_scheme(SCHEME_FILE, sign_off="DEMO")


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def district(conn):
    district = District(conn)
    district.wear("p1", mode="site")
    district.wear("p2", mode="site")
    for number in range(4):
        for day in (0, 2, 4):
            at = FIRST + (7 * number + day) * DAY
            district.hear("p1", heart_rate=every(at, at + 31 * MINUTE, 120))
    return district


def sheet(workbook, name):
    rows = list(openpyxl.load_workbook(workbook)[name].iter_rows(min_row=3, values_only=True))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


@pytest.mark.usefixtures("district")
def test_the_workbook_says_what_the_stored_lines_say(conn, tmp_path):
    done = run_night(conn, NIGHT, tmp_path, "en", schemes=[SCHEME])

    stored = lines(conn, NIGHT)
    drawn = sheet(done.workbook, "Payable lines")
    assert [(r["Patient"], r["Amount, yuan"], r["Input hash (SHA-256)"]) for r in drawn] == [
        (x.pseudonym, float(x.amount), x.input_sha256.hex()) for x in stored
    ]
    assert (done.lines, done.amount) == (4, Decimal("281.67"))
    totals = [row for row in sheet(done.workbook, "Payment") if row["Sum of"] == "all"]
    assert sum(row["Payable, yuan"] for row in totals) == 281.67
    assert [row["Denominator: eligible"] for row in totals] == [2, 2]
    detail = {row["Input hash (SHA-256)"] for row in sheet(done.workbook, "Detail")}
    behind = {row["Input hash (SHA-256)"] for row in sheet(done.workbook, "Weeks behind lines")}
    assert behind == detail


@pytest.mark.usefixtures("district")
def test_the_same_night_again_changes_no_byte_and_no_row(conn, tmp_path):
    first = run_night(conn, NIGHT, tmp_path, "en", schemes=[SCHEME])
    data = first.workbook.read_bytes()
    audits = conn.execute("SELECT count(*) FROM audit").fetchone()
    first.workbook.unlink()

    again = run_night(conn, NIGHT, tmp_path, "en", schemes=[SCHEME])

    assert (again.is_new, again.workbook.read_bytes()) == (False, data)
    assert conn.execute("SELECT count(*) FROM audit").fetchone() == audits


@pytest.mark.usefixtures("district")
def test_an_earlier_night_says_what_was_known_by_then_and_leaves_the_lines_alone(conn, tmp_path):
    early = date(2026, 11, 18)
    first = run_night(conn, early, tmp_path, "en", schemes=[SCHEME])
    run_night(conn, NIGHT, tmp_path, "en", schemes=[SCHEME])
    before = lines(conn, NIGHT)

    again = run_night(conn, early, tmp_path, "en", schemes=[SCHEME])

    assert (again.is_new, again.workbook) == (False, first.workbook)
    assert again.amount == first.amount == Decimal("281.67")
    assert lines(conn, NIGHT) == before
    drawn = sheet(first.workbook, "Payable lines")
    assert [row["Denominator"] for row in drawn] == [2, 2, 2, 2]
    assert drawn[0]["Excluded weeks by reason"] == "week not over 1"


@pytest.mark.usefixtures("district")
def test_without_a_scheme_no_sheet_speaks_of_payment(conn, tmp_path):
    done = run_night(conn, NIGHT, tmp_path, "en")

    assert "Payment" not in openpyxl.load_workbook(done.workbook).sheetnames
    assert (done.lines, done.amount) == (0, Decimal("0.00"))
    assert conn.execute("SELECT count(*) FROM payment_line").fetchone() == (0,)


@pytest.mark.usefixtures("district")
def test_a_scheme_put_in_force_makes_a_revision_with_its_sheets(conn, tmp_path):
    run_night(conn, NIGHT, tmp_path, "en")

    done = run_night(conn, NIGHT, tmp_path, "en", schemes=[SCHEME])

    assert (done.is_new, done.revision) == (True, 2)


@pytest.mark.usefixtures("district")
def test_the_command_reports_lines_and_amount_of_the_schemes_in_its_settings(database, tmp_path):
    signed = tmp_path / "scheme.toml"
    signed.write_text(SCHEME_FILE.read_text("utf-8") + '\n[sign_off]\nby = "DEMO"\n', "utf-8")
    settings = tmp_path / "district.toml"
    settings.write_text(
        f'data_dir = "{tmp_path}"\n[broker]\nhost = "localhost"\n'
        f'[nightly]\nreport_dir = "{tmp_path / "reports"}"\nlanguage = "zh_CN"\n'
        f'[payment]\nschemes = ["{signed}"]\n',
        "utf-8",
    )
    night = date(2016, 5, 15)

    done = subprocess.run(
        [
            *(sys.executable, "-m", "scripts.main", "nightly", "run"),
            *("--settings", str(settings), "--date", str(night), "--json"),
        ],
        env=os.environ | {"ADHERE_DATABASE_DSN": database, "ADHERE_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["lines"], said["amount"]) == (0, "0.00")

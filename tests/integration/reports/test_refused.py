"""Versions that contradict themselves: nothing is judged by them, and the operator is told."""

import json
import os
import subprocess
import sys
from datetime import date

import pytest

from config.conventions import load_conventions
from reports.nightly.evidence import conventions_sha256
from reports.nightly.night import run_night
from reports.nightly.recompute import recompute
from reports.nightly.refused import REASONS, refused_versions
from storage.database import connect
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
    for label in ("bad", "good"):
        district.wear(label, ceiling_bpm=150.0, ceiling_source="prescribed")
        district.hear(label, heart_rate=every(TUESDAY, TUESDAY + 40 * MINUTE, 120))
    return district


def contradict(conn):
    """Give a phase, and then figures with which its zone begins above the ceiling, at 153.5."""
    (number,) = conn.execute(
        "UPDATE prescription SET hr_max_bpm = 160 FROM enrolment"
        " WHERE enrolment.id = enrolment_id AND case_label = 'bad' RETURNING prescription.id"
    ).fetchone()
    conn.execute(
        "INSERT INTO prescription_phase (prescription_id, from_week, phase, zone_lo, zone_hi)"
        " VALUES (%s, 2, 'progress', 85, 95)",
        (number,),
    )
    conn.execute("UPDATE prescription SET hr_max_bpm = 170 WHERE id = %s", (number,))
    return number


def weeks_of(conn, label):
    return conn.execute(
        "SELECT week, reason FROM week JOIN enrolment ON id = enrolment_id"
        " WHERE case_label = %s ORDER BY week",
        (label,),
    ).fetchall()


@pytest.mark.usefixtures("district")
def test_a_ceiling_below_the_zone_of_a_phase_is_not_judged_and_told(conn, tmp_path):
    contradict(conn)

    done = run_night(conn, NIGHT, tmp_path, "en")

    assert [tuple(one) for one in done.refused] == [
        ("bad", 1, date(2026, 11, 9), "ceiling_not_above_zone")
    ]
    assert weeks_of(conn, "bad")[1] == (date(2026, 11, 9), "no_figures")
    assert weeks_of(conn, "good")[1] == (date(2026, 11, 9), "not_enough_wear")


@pytest.mark.usefixtures("district")
def test_the_same_night_again_leaves_the_row_and_a_correction_takes_it_away(conn, tmp_path):
    number = contradict(conn)
    run_night(conn, NIGHT, tmp_path, "en")
    before = conn.execute("SELECT xmin, * FROM refused_version").fetchall()

    again = run_night(conn, NIGHT, tmp_path, "en")

    assert len(again.refused) == 1
    assert conn.execute("SELECT xmin, * FROM refused_version").fetchall() == before
    conn.execute("DELETE FROM prescription_phase WHERE prescription_id = %s", (number,))
    assert run_night(conn, NIGHT, tmp_path, "en").refused == ()
    assert weeks_of(conn, "bad")[1] == (date(2026, 11, 9), "not_enough_wear")


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ("hr_max_bpm = NULL", "no_max"),
        ("rest_hr_bpm = NULL", "no_rest"),
        ("hr_max_bpm = 60, ceiling_bpm = NULL, ceiling_source = NULL", "max_not_above_rest"),
    ],
)
@pytest.mark.usefixtures("district")
def test_a_version_without_figures_says_which(conn, figures, reason):
    conn.execute(
        f"UPDATE prescription SET {figures} FROM enrolment"  # noqa: S608 - a text above
        " WHERE enrolment.id = enrolment_id AND case_label = 'bad'"
    )

    recompute(conn, through=NIGHT)

    assert [(one.case_label, one.reason) for one in refused_versions(conn, NIGHT)] == [
        ("bad", reason)
    ]


@pytest.mark.usefixtures("district")
def test_a_version_that_has_ended_is_told_no_more(conn):
    contradict(conn)
    conn.execute(
        "UPDATE prescription SET effective = daterange(lower(effective), '2026-11-12')"
        " WHERE id IN (SELECT prescription_id FROM prescription_phase)"
    )

    recompute(conn, through=NIGHT)

    assert len(refused_versions(conn, date(2026, 11, 11))) == 1
    assert refused_versions(conn, NIGHT) == ()


@pytest.mark.usefixtures("district")
def test_the_command_names_what_is_not_judged(conn, database, tmp_path):
    contradict(conn)
    settings = tmp_path / "district.toml"
    settings.write_text(
        f'data_dir = "{tmp_path}"\n[broker]\nhost = "localhost"\n'
        f'[nightly]\nreport_dir = "{tmp_path}"\n'
    )

    done = [
        subprocess.run(
            [
                *(sys.executable, "-m", "scripts.main", "nightly", "run", "--settings", settings),
                *("--date", str(NIGHT), *more),
            ],
            capture_output=True,
            text=True,
            timeout=240,
            env=os.environ | {"ADHERE_LANGUAGE": "en", "ADHERE_DATABASE_DSN": database},
            check=True,
        )
        for more in ((), ("--json",))
    ]

    sentence = (
        "case bad, version 1 from 2026-11-09 is not judged: "
        "the ceiling is not above the heart rate at which the zone begins"
    )
    assert sentence in done[0].stderr
    said = json.loads(done[1].stdout)
    assert said["method_version"] == "c1"
    assert said["conventions_sha256"] == conventions_sha256(load_conventions()).hex()
    assert said["refused"] == [
        {
            "case_label": "bad",
            "version": 1,
            "from_day": "2026-11-09",
            "reason": "ceiling_not_above_zone",
        }
    ]


def test_every_reason_of_the_table_has_its_words(conn):
    (check,) = conn.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conname = 'refused_version_reason_check'"
    ).fetchone()

    assert all(f"'{reason}'" in check for reason in REASONS)
    assert check.count("'") == 2 * len(REASONS)

"""Side figures in the database: as the core has them, kept apart, and nothing but what changed."""

from datetime import date, timedelta
from math import exp

import openpyxl
import pytest

from reports.nightly.night import run_night
from reports.nightly.recompute import recompute
from storage.database import connect
from tests.district import District, every, from_scratch, local_ms, results

MINUTE = 60_000
WEEK = date(2026, 11, 9)
TUESDAY = local_ms("2026-11-10 09:00:00")
SIDE_TABLES = ("side_day", "rest_day", "side_week")


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def district(conn):
    return District(conn)


def side_weeks(conn, label):
    cursor = conn.execute(
        "SELECT side_week.* FROM side_week JOIN enrolment ON id = enrolment_id"
        " WHERE case_label = %s ORDER BY week",
        (label,),
    )
    names = [column.name for column in cursor.description]
    return {row[1]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def night_of(day, bpm):
    """Ten hours and a bit of one reading a minute: enough for a resting heart rate."""
    start = local_ms(f"{day} 00:10:00")
    return every(start, start + 620 * MINUTE, bpm, step_ms=MINUTE)


def test_a_week_has_its_load_zones_and_ceiling(conn, district):
    # Rest 60 and maximum 170: 115 is half of the reserve, 126 six tenths of it.
    district.wear("p1", sex="M", ceiling_bpm=126.0, ceiling_source="prescribed")
    district.wear("p2", sex="F")
    district.wear("p3")
    for band in ("p1", "p2", "p3"):
        district.hear(band, heart_rate=every(TUESDAY, TUESDAY + 30 * MINUTE, 115))
        district.hear(band, heart_rate=every(TUESDAY + 30 * MINUTE, TUESDAY + 40 * MINUTE, 126))

    recompute(conn, through=date(2026, 11, 15))

    man, woman, unknown = (side_weeks(conn, label)[WEEK] for label in ("p1", "p2", "p3"))
    last_min = 55 / 60  # the last reading stands for a minute, the others until the next
    hard_min = 10 + last_min
    assert man["moderate_min"] == 30
    assert man["vigorous_min"] == pytest.approx(hard_min)
    assert man["mod_eq_min"] == pytest.approx(30 + 2 * hard_min)
    assert man["over_ceiling_min"] == pytest.approx(hard_min)
    assert man["trimp"] == pytest.approx(
        30 * 0.5 * 0.64 * exp(1.92 * 0.5) + hard_min * 0.6 * 0.64 * exp(1.92 * 0.6)
    )
    assert woman["trimp"] == pytest.approx(
        30 * 0.5 * 0.86 * exp(1.67 * 0.5) + hard_min * 0.6 * 0.86 * exp(1.67 * 0.6)
    )
    assert (woman["over_ceiling_min"], unknown["trimp"]) == (None, None)
    assert unknown["moderate_min"] == 30
    empty = side_weeks(conn, "p1")[date(2026, 11, 2)]
    assert (empty["moderate_min"], empty["trimp"], empty["over_ceiling_min"]) == (0, 0, 0)
    assert (empty["rest_days"], empty["rest_bpm"]) == (0, None)
    assert (man["method_version"], man["side_version"]) == ("c1", "s1")


def test_the_drift_is_against_the_weeks_before(conn, district):
    enrolment = district.wear("p1", starts_on=date(2026, 10, 26))
    for number in range(7):
        district.hear("p1", heart_rate=night_of(date(2026, 10, 26) + timedelta(number), 60))
    district.hear("p1", heart_rate=night_of(WEEK, 66))

    recompute(conn, through=date(2026, 11, 15))

    week = side_weeks(conn, "p1")[WEEK]
    assert (week["rest_days"], week["rest_bpm"]) == (1, 66)
    assert (week["rest_base_days"], week["rest_base_bpm"]) == (7, 60)
    assert week["rest_drift_bpm"] == 6
    before = side_weeks(conn, "p1")[date(2026, 11, 2)]
    assert (before["rest_bpm"], before["rest_base_bpm"]) == (None, 60)
    assert before["rest_drift_bpm"] is None
    assert side_weeks(conn, "p1")[date(2026, 10, 26)]["rest_base_days"] == 0
    assert enrolment


def test_a_late_night_moves_the_drift_of_four_weeks_and_no_adherence(conn, district):
    district.wear("p1", starts_on=date(2026, 10, 5))
    for number in range(8):
        district.hear("p1", heart_rate=night_of(date(2026, 10, 5) + timedelta(number), 60))
    through = date(2026, 11, 15)
    recompute(conn, through=through)
    before = results(conn)
    stored = side_weeks(conn, "p1")

    district.hear("p1", heart_rate=night_of(date(2026, 10, 13), 70))
    recompute(conn, through=through)

    now = side_weeks(conn, "p1")
    changed = [week for week in now if now[week] != stored[week]]
    assert changed == [date(2026, 10, 12) + timedelta(weeks=n) for n in range(5)]
    weeks = [
        (old[1], new[1])
        for old, new in zip(before["week"], results(conn)["week"], strict=True)
        if old != new
    ]
    assert weeks == [(date(2026, 10, 12), date(2026, 10, 12))]  # its wear alone
    scratched = results(conn)
    from_scratch(conn)
    recompute(conn, through=through)
    assert results(conn) == scratched


def test_the_same_night_twice_leaves_every_row_as_it_is(conn, district, tmp_path):
    district.wear("p1", sex="M")
    district.hear("p1", heart_rate=night_of(WEEK, 60))
    run_night(conn, date(2026, 11, 11), tmp_path, "en")
    rows = {
        table: conn.execute(f"SELECT xmin, ctid, * FROM {table}").fetchall()  # noqa: S608 - a list above
        for table in SIDE_TABLES
    }
    assert all(rows.values())

    run_night(conn, date(2026, 11, 11), tmp_path, "en")

    for table, before in rows.items():
        assert conn.execute(f"SELECT xmin, ctid, * FROM {table}").fetchall() == before  # noqa: S608 - as above


def test_a_week_without_figures_has_no_zones_and_its_resting_heart_rate_all_the_same(
    conn, district
):
    district.wear("p1", hr_max_bpm=None, sex="M")
    district.hear("p1", heart_rate=night_of(WEEK, 60))

    recompute(conn, through=date(2026, 11, 15))

    week = side_weeks(conn, "p1")[WEEK]
    assert (week["moderate_min"], week["trimp"], week["rest_bpm"]) == (None, None, 60)


def test_a_day_without_figures_leaves_the_week_without_a_load(conn, district):
    enrolment = district.wear("p1", hr_max_bpm=None, sex="M")
    conn.execute("UPDATE prescription SET effective = daterange('2026-11-02', '2026-11-11')")
    district.prescribe(enrolment, date(2026, 11, 11), version=2, sex="M")
    wednesday = TUESDAY + 24 * 60 * MINUTE
    for start in (TUESDAY, wednesday):
        district.hear("p1", heart_rate=every(start, start + 30 * MINUTE, 115))

    recompute(conn, through=date(2026, 11, 15))

    assert side_weeks(conn, "p1")[WEEK]["trimp"] is None


@pytest.mark.usefixtures("district")
def test_the_workbook_shows_them_only_where_asked_and_never_beside_payment(
    conn, district, tmp_path
):
    district.wear("p1", sex="M")
    district.hear("p1", heart_rate=night_of(WEEK, 60))
    night = date(2026, 11, 11)

    plain = run_night(conn, night, tmp_path, "en")
    shown = run_night(conn, night, tmp_path, "en", with_side=True)

    assert "Side figures" not in openpyxl.load_workbook(plain.workbook).sheetnames
    book = openpyxl.load_workbook(shown.workbook)
    rows = list(book["Side figures"].iter_rows(values_only=True))
    assert "not part of adherence" in rows[1][0]
    [first, second] = [dict(zip(rows[2], row, strict=True)) for row in rows[3:]]
    assert (first["Patient"], first["Resting heart rate, bpm"]) == ("p1", None)
    assert second["Resting heart rate, bpm"] == 60
    terms = [row[0] for row in book["Definitions"].iter_rows(min_row=4, values_only=True)]
    assert "Side figures: training impulse (TRIMP)" in terms
    assert not run_night(conn, night, tmp_path, "en", with_side=True).is_new


def test_a_workbook_of_an_earlier_night_counts_side_figures_up_to_it(conn, district, tmp_path):
    district.wear("p1", sex="M")
    district.hear("p1", heart_rate=night_of(WEEK, 60))
    early = run_night(conn, date(2026, 11, 11), tmp_path, "en", with_side=True)
    district.hear("p1", heart_rate=night_of(date(2026, 11, 12), 70))
    run_night(conn, date(2026, 11, 15), tmp_path, "en", with_side=True)

    again = run_night(conn, date(2026, 11, 11), tmp_path, "en", with_side=True)

    assert (again.is_new, again.workbook) == (False, early.workbook)
    assert side_weeks(conn, "p1")[WEEK]["rest_bpm"] == 65

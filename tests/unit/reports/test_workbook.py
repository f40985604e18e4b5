import hashlib
from dataclasses import replace
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from adherence.states import REASONS as CORE_REASONS
from config.conventions import load_conventions
from config.language import LANGUAGES, translator
from reports.workbook.book import build_workbook
from reports.workbook.columns import COVER, TABLES
from reports.workbook.content import (
    PATIENT_SCHEMA,
    UNIT_SCHEMA,
    WEEK_SCHEMA,
    Content,
    Coverage,
)
from reports.workbook.payment_columns import PAYMENT_TABLES
from reports.workbook.quality_columns import QUALITY_SCHEMA, QUALITY_TABLES
from reports.workbook.sheet import inert
from reports.workbook.side_columns import SIDE_TABLES
from reports.workbook.words import REASONS, STATES

FORMULA = '=HYPERLINK("http://example.org","click")'
BIDI = "王\u202eforged\u202c医生"
HIDDEN = "社区\u200b中心\ufeff"
RARE = "𠮷㐂"
NIGHT = date(2026, 11, 15)


def week(pseudonym, monday, state, adherence_pct, reason=None):
    return {
        "pseudonym": pseudonym,
        "case_label": f"case {pseudonym}",
        "week": monday,
        "sessions": 3,
        "session_days": 3,
        "sessions_per_week": 5.0,
        "bout_credit_min": 93.25,
        "weekly_min": 150.0,
        "attendance": 0.6,
        "rdi": 93.25 / 150,
        "adherence_pct": adherence_pct,
        "aerobic_pct": adherence_pct,
        "resistance_pct": None,
        "balance_pct": None,
        "steps_pct": None,
        "wear_min": 4000.0,
        "valid_days": 5,
        "state": state,
        "reason": reason,
        "prescription_version": 1,
        "method_version": "c1",
        "input_sha256": hashlib.sha256(f"{pseudonym}{monday}".encode()).digest(),
    }


@pytest.fixture
def content():
    first, second = date(2026, 11, 2), date(2026, 11, 9)
    return Content(
        night=NIGHT,
        revision=1,
        first_week=first,
        weeks=pl.DataFrame(
            [
                week(FORMULA, first, "met", 100.0),
                week(FORMULA, second, "not_met", 70.0),
                week("p2", first, "cannot_judge", 0.0, "not_enough_wear"),
                week("p2", second, "not_met", 10.0),
                week("p3", second, "cannot_judge", 90.0, "paused"),
            ],
            schema=WEEK_SCHEMA,
        ),
        patients=pl.DataFrame(
            [(FORMULA, "d1", "c1"), ("p2", "d1", "c1"), ("p3", "d2", "c2"), ("p4", "d2", "c2")],
            schema=PATIENT_SCHEMA,
            orient="row",
        ),
        doctors=pl.DataFrame(
            [("d1", BIDI), ("d2", RARE), ("d9", "nobody's doctor")],
            schema=UNIT_SCHEMA,
            orient="row",
        ),
        centres=pl.DataFrame(
            [("c1", HIDDEN), ("c2", "@SUM(A1)"), ("c9", "empty")], schema=UNIT_SCHEMA, orient="row"
        ),
        coverage=Coverage(datetime.fromisoformat("2026-11-16 01:59:03"), 12, 34567, 1, 2),
        method_version="c1",
        conventions_sha256=bytes(32),
        input_sha256=bytes([1]) * 32,
    )


def opened(content, language="en"):
    data = build_workbook(content, load_conventions(), language, "Asia/Shanghai")
    return openpyxl.load_workbook(BytesIO(data))


def table(workbook, name):
    """Return the rows of a table sheet as dicts by heading."""
    rows = list(workbook[name].iter_rows(min_row=3, values_only=True))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def test_the_same_content_gives_the_same_bytes(content):
    conventions = load_conventions()

    first = build_workbook(content, conventions, "en", "Asia/Shanghai")
    second = build_workbook(content, conventions, "en", "Asia/Shanghai")

    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


def test_other_content_gives_other_bytes(content):
    conventions = load_conventions()

    assert build_workbook(content, conventions, "en", "Asia/Shanghai") != build_workbook(
        replace(content, revision=2), conventions, "en", "Asia/Shanghai"
    )


def test_summaries_show_numerator_denominator_and_reasons(content):
    rows = table(opened(content), "By centre")

    first = rows[0]
    assert first["Centre"] == "c1"
    assert (first["Patients"], first["Enrolled patient-weeks"]) == (2, 4)
    assert (first["Met"], first["Not met"], first["Cannot be judged"]) == (1, 2, 1)
    assert (first["not enough wear"], first["paused"]) == (1, 0)
    assert (first["Numerator: met"], first["Denominator: met + not met"]) == (1, 3)
    assert first["Adherence rate"] == 0.333, "rounded down"
    assert first["Numerator: patients whose mean passes"] == 1
    assert first["Denominator: patients with a judged week"] == 2
    assert first["Share of passing patients"] == 0.5


def test_a_week_that_still_runs_is_shown_and_lifts_no_rate(content):
    over, running = date(2026, 11, 2), date(2026, 11, 9)
    weeks = [week("p2", over, "not_met", 10.0), week("p2", running, "met", 100.0)]
    content = replace(
        content, night=date(2026, 11, 11), weeks=pl.DataFrame(weeks, schema=WEEK_SCHEMA)
    )

    first = table(opened(content), "By centre")[0]

    assert (first["Met"], first["Not met"]) == (1, 1)
    assert (first["Numerator: met"], first["Denominator: met + not met"]) == (0, 1)
    assert first["Numerator: patients whose mean passes"] == 0


def test_a_patient_whose_mean_is_exactly_the_pass_mark_passes(content):
    pcts = [100 * (minutes / 60) for minutes in (34, 55, 55)]  # 80 % of 180 minutes
    weeks = [
        week("p2", date(2026, 11, day), "not_met", pct)
        for day, pct in zip((2, 9, 16), pcts, strict=True)
    ]
    content = replace(
        content, night=date(2026, 11, 22), weeks=pl.DataFrame(weeks, schema=WEEK_SCHEMA)
    )

    centre = table(opened(content), "By centre")[0]

    assert centre["Numerator: patients whose mean passes"] == 1


def test_a_centre_a_doctor_and_a_patient_with_nothing_keep_their_row(content):
    workbook = opened(content)

    centre = table(workbook, "By centre")[-1]
    doctor = table(workbook, "By doctor")[-1]
    patient = table(workbook, "By patient")[-1]

    assert (centre["Centre"], centre["Patients"], centre["Numerator: met"]) == ("c9", 0, 0)
    assert (doctor["Doctor"], doctor["Enrolled patient-weeks"]) == ("d9", 0)
    assert (patient["Patient"], patient["Enrolled patient-weeks"]) == ("p4", 0)
    assert centre["Adherence rate"] is None
    assert patient["Mean adherence, %"] is None


def test_weeks_that_cannot_be_judged_are_listed_with_their_reason(content):
    rows = table(opened(content), "Exclusions")

    assert [(row["Patient"], row["Reason"]) for row in rows] == [
        ("p2", "not enough wear"),
        ("p3", "paused"),
    ]


def test_detail_has_one_row_per_patient_week_and_its_whole_hash(content):
    rows = table(opened(content), "Detail")

    assert len(rows) == 5
    assert all(len(row["Input hash (SHA-256)"]) == 64 for row in rows)
    assert {row["State"] for row in rows} == {"met", "not met", "cannot be judged"}
    assert rows[0]["Week (Monday)"].date() == date(2026, 11, 2)


def test_no_text_becomes_a_formula_or_a_link(content):
    for language in LANGUAGES:
        for sheet in opened(content, language):
            for row in sheet.iter_rows():
                for cell in row:
                    assert cell.data_type != "f", (sheet.title, cell.coordinate)
                    assert cell.hyperlink is None
    assert table(opened(content), "Detail")[0]["Patient"] == FORMULA


def test_what_cannot_be_seen_is_spelt_out_and_rare_characters_stay(content):
    names = {row["Doctor"]: row["Doctor's name"] for row in table(opened(content), "By doctor")}
    centres = {row["Centre"]: row["Centre's name"] for row in table(opened(content), "By centre")}

    assert names["d1"] == "王⟨U+202E⟩forged⟨U+202C⟩医生"
    assert names["d2"] == RARE
    assert centres["c1"] == "社区⟨U+200B⟩中心⟨U+FEFF⟩"


@pytest.mark.parametrize("text", ["\x00", "\x1b[31m", "\r\n", "\u2028", "\u3164", "\U000e0041"])
def test_control_and_blank_characters_are_spelt_out(text):
    assert not set(inert(text)) & set(text) - set("[31m")


def test_every_sheet_prints_on_a4_landscape_with_its_headings_on_every_page(content):
    workbook = opened(content)

    for sheet in workbook:
        assert sheet.page_setup.orientation == "landscape"
        assert sheet.page_setup.paperSize == 9
        assert sheet.page_setup.fitToWidth in {None, 1}
    for name in TABLES:
        assert workbook[name].freeze_panes == "B4"
        assert workbook[name].print_title_rows == "$1:$3"


def test_definitions_stand_in_both_languages_with_the_numbers_in_force(content):
    rows = {row["Term"]: row for row in table(opened(content), "Definitions")}
    chinese = translator("zh_CN").gettext

    met = rows["State: met"]
    assert met["Values in force"] == "adherent_from_pct = 80 % (C14)"
    assert met["English"].startswith("State: met: Every part prescribed")
    assert met["Chinese"].startswith(chinese("State: met"))
    assert rows["Steps, % of a week"]["Values in force"] == (
        "steps_days_per_week = 7 days a week with the prescribed steps"
    )


def test_each_part_of_a_prescription_has_its_percentage_and_what_is_not_prescribed_none(content):
    parts = week("p2", date(2026, 11, 9), "not_met", 50.0) | {
        "aerobic_pct": None,
        "sessions_per_week": None,
        "weekly_min": None,
        "attendance": None,
        "rdi": None,
        "resistance_pct": 50.0,
        "balance_pct": 100.0,
    }
    content = replace(content, weeks=pl.DataFrame([parts], schema=WEEK_SCHEMA))

    [row] = table(opened(content), "Detail")

    headings = ("Adherence, %", "Aerobic, %", "Resistance, %", "Balance, %", "Steps, %")
    assert [row[heading] for heading in headings] == [50, None, 50, 100, None]
    assert row["Sessions prescribed"] is None
    assert row["Attendance"] is None


def test_the_chinese_workbook_is_chinese(content):
    workbook = opened(content, "zh_CN")

    assert len(workbook.sheetnames) == 1 + len(TABLES)
    headings = [cell.value for sheet in list(workbook)[1:] for cell in sheet[3]]
    assert all(any(ord(character) > 0x2E80 for character in text) for text in headings)


def test_the_cover_says_completeness_of_the_weeks_that_are_over(content):
    cover = {
        row[0]: row[1] for row in opened(content)["Cover"].iter_rows(min_row=3, values_only=True)
    }

    assert tuple(cover) == COVER
    assert cover["Of these over and judged"] == "3 / 5"
    assert cover["Share of weeks judged"] == 0.6
    assert cover["Data committed until"] == "2026-11-16 01:59:03 (Asia/Shanghai)"
    assert cover["Period"] == "2026-11-02 - 2026-11-15"


def test_an_empty_district_still_has_a_workbook(content):
    empty = replace(
        content,
        first_week=None,
        weeks=content.weeks.clear(),
        patients=content.patients.clear(),
        doctors=content.doctors.clear(),
        centres=content.centres.clear(),
        coverage=Coverage(None, 0, 0, 0, 0),
    )

    assert table(opened(empty), "Detail") == []


def test_what_nobody_knows_of_a_gateway_is_empty_and_zero_is_zero(content):
    day = date(2026, 11, 2)
    quality = pl.DataFrame(
        [
            ("c1", "g1", day, 100, 75, 5, 20, 0, 3, 3, 1, 1),
            ("c1", "g2", day, None, 0, 0, 0, 2, 0, 0, 0, 0),
            ("c1", "g3", day, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        ],
        schema=QUALITY_SCHEMA,
        orient="row",
    )

    rows = table(opened(replace(content, quality=quality)), "Data quality")

    assert [row["Expected"] for row in rows] == [100, None, 0]
    assert [row["Stored, share"] for row in rows] == [0.75, None, None]
    assert rows[0]["By a wrong clock, share"] == pytest.approx(0.04)
    assert rows[1]["Batches of unknown size"] == 2


def test_every_reason_of_the_core_has_its_column():
    assert set(REASONS) == set(CORE_REASONS)
    assert set(STATES) == {"met", "not_met", "cannot_judge"}


def test_every_sheet_and_column_is_documented():
    page = Path(__file__).parents[3].joinpath("docs/reference/workbook.md").read_text("utf-8")

    tables = {**TABLES, **PAYMENT_TABLES, **SIDE_TABLES, **QUALITY_TABLES}
    missing = [f"## {name}" for name in tables if f"## {name}\n" not in page]
    for name, columns in tables.items():
        section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        missing += [
            f"{name}: {column.heading}"
            for column in columns
            if f"| {column.heading} | {column.meaning} |" not in section
        ]
    missing += [label for label in COVER if f"- {label}" not in page]
    assert missing == []

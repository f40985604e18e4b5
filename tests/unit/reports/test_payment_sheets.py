"""The payment sheets: sums that add up, every unit in its row, words in the reader's language."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO

import openpyxl
import polars as pl
import pytest

from config.conventions import load_conventions
from config.schemes import FLAGS, SCHEMES_DIR, load_scheme
from reports.payment.content import ITEMS, REASONS, STATES, PatientMonth, Used, WeekBehind
from reports.payment.evaluate import evaluate
from reports.workbook import payment_words
from reports.workbook.book import build_workbook
from reports.workbook.columns import TABLES
from reports.workbook.content import (
    PATIENT_SCHEMA,
    UNIT_SCHEMA,
    WEEK_SCHEMA,
    Content,
    Coverage,
    Payment,
)
from reports.workbook.payment_columns import PAYMENT_TABLES
from reports.workbook.payment_definitions import PAYMENT_DEFINITIONS

FORMULA = '=HYPERLINK("http://example.org","click")'
MONTH = date(2026, 11, 1)
MONDAYS = (date(2026, 10, 26), date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 16))
SCHEME = load_scheme(SCHEMES_DIR / "base_performance_s1.toml", sign_off="DEMO")


def behind(monday, state, reason=None, *, enrolment=1, **flags):
    return WeekBehind(
        enrolment_id=enrolment,
        case_label=f"case {enrolment}",
        week=monday,
        prescription_id=1,
        prescription_version=1,
        zone_by_formula_under_beta_blocker=False,
        state=state,
        reason=reason,
        method_version="c1",
        input_sha256=None if reason == "week_not_over" else bytes([7]) * 32,
        flags_min={flag: flags.get(flag, 0) for flag in FLAGS},
    )


def person(number, pseudonym, doctor, centre, *weeks):
    return PatientMonth(number, pseudonym, 1, doctor, 1, centre, weeks)


PEOPLE = (
    person(1, FORMULA, "d1", "c1", *(behind(day, "met") for day in MONDAYS)),
    person(2, "p2", "d1", "c1", behind(MONDAYS[0], "met", shake=30), behind(MONDAYS[1], "met")),
    person(
        3,
        "p3",
        "d2",
        "c2",
        behind(MONDAYS[0], "not_met"),
        behind(MONDAYS[0], "met", enrolment=2),
        behind(MONDAYS[1], "met"),
        behind(MONDAYS[2], "cannot_judge", "paused"),
        behind(MONDAYS[3], "cannot_judge", "week_not_over"),
    ),
    person(4, "p4", "d2", "c2"),
)


@pytest.fixture
def content():
    lines = tuple(line for one in PEOPLE for line in evaluate(MONTH, one, Used(), SCHEME))
    return Content(
        night=date(2026, 11, 20),
        revision=1,
        first_week=MONDAYS[0],
        weeks=pl.DataFrame(schema=WEEK_SCHEMA),
        patients=pl.DataFrame(
            [(p.pseudonym, p.doctor_code, p.centre_code) for p in PEOPLE],
            schema=PATIENT_SCHEMA,
            orient="row",
        ),
        doctors=pl.DataFrame(
            [("d1", "one"), ("d2", "two"), ("d9", "nobody's")], schema=UNIT_SCHEMA, orient="row"
        ),
        centres=pl.DataFrame([("c1", "one"), ("c2", "two")], schema=UNIT_SCHEMA, orient="row"),
        coverage=Coverage(None, 0, 0, 0, 0),
        method_version="c1",
        conventions_sha256=bytes(32),
        input_sha256=bytes(32),
        payment=Payment((SCHEME,), lines, {MONTH: "open"}),
    )


def built(content, language="en"):
    return build_workbook(content, load_conventions(), language, "Asia/Shanghai")


def table(content, name, language="en"):
    rows = list(
        openpyxl.load_workbook(BytesIO(built(content, language)))[name].iter_rows(
            min_row=3, values_only=True
        )
    )
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def test_the_same_lines_give_the_same_bytes(content):
    assert built(content) == built(content)


def test_the_sheets_stand_before_the_definitions_only_where_there_is_a_scheme(content):
    sheets = openpyxl.load_workbook(BytesIO(built(content))).sheetnames
    without = openpyxl.load_workbook(BytesIO(built(replace(content, payment=None)))).sheetnames

    assert sheets == ["Cover", *list(TABLES)[:-1], *PAYMENT_TABLES, "Definitions"]
    assert without == ["Cover", *TABLES]


def test_centres_and_doctors_each_add_up_to_all(content):
    rows = table(content, "Payment")

    for item in ("base fee: monitoring", "performance: adherence"):
        of_item = [row for row in rows if row["Item"] == item]
        for heading in ("Patients", "Denominator: eligible", "Payable, yuan", "On hold, yuan"):
            sums = {
                unit: round(sum(r[heading] for r in of_item if r["Sum of"] == unit), 2)
                for unit in ("all", "centre", "doctor")
            }
            assert len(set(sums.values())) == 1, (item, heading, sums)
    assert [r["Name"] for r in rows if r["Code"] == "d9"] == ["nobody's", "nobody's"]


def test_the_sum_over_all_worked_by_hand(content):
    base, performance = (row for row in table(content, "Payment") if row["Sum of"] == "all")

    assert (base["Numerator: payable"], base["Denominator: eligible"]) == (2, 4)
    assert (base["Of these on hold"], base["Of these nothing due"]) == (1, 1)
    assert (base["Payable, yuan"], base["On hold, yuan"]) == (240.0, 120.0)
    assert (performance["Numerator: weeks"], performance["Denominator: weeks"]) == (7, 8)
    assert performance["Excluded weeks by reason"] == "paused 1; week not over 1"
    assert performance["Payable, yuan"] == 41.67
    shares = [performance[f"{role}'s share"] for role in ("Doctor", "Therapist", "Instructor")]
    assert shares == [12.5, 16.67, 12.5]
    assert performance["Signed by"] == "DEMO"


def test_every_line_says_how_its_amount_comes_about(content):
    rows = table(content, "Payable lines")

    assert len(rows) == 2 * len(PEOPLE)
    held = next(r for r in rows if r["Patient"] == "p2" and r["Item"].startswith("perf"))
    assert (held["State"], held["Reasons"]) == ("on hold", "steps without a pulse's answer")
    assert held["Signal flags"] == "steps without a pulse's answer 30 min"
    for row in rows:
        product = row["Quantity"] * row["Unit price, yuan"] * row["Factor"]
        assert round(product - row["Cut by limit, yuan"], 2) == row["Amount, yuan"]
        parts = sum(row[f"{role}'s share"] for role in ("Doctor", "Therapist", "Instructor"))
        assert round(parts, 2) == row["Amount, yuan"]
        assert len(row["Input hash (SHA-256)"]) == 64


def test_the_weeks_behind_a_line_stand_once_and_say_what_they_count_as(content):
    rows = [r for r in table(content, "Weeks behind lines") if r["Patient"] == "p3"]

    assert [(r["Case"], r["In the adherence rate"]) for r in rows] == [
        ("case 1", "denominator only"),
        ("case 2", "another programme's week counts"),
        ("case 1", "numerator and denominator"),
        ("case 1", "left out"),
        ("case 1", "left out"),
    ]
    assert rows[-1]["Input hash (SHA-256)"] is None


def test_no_pseudonym_becomes_a_formula(content):
    workbook = openpyxl.load_workbook(BytesIO(built(content)))

    for name in PAYMENT_TABLES:
        for row in workbook[name].iter_rows():
            assert all(cell.data_type != "f" and cell.hyperlink is None for cell in row)
    assert table(content, "Payable lines")[0]["Patient"] == FORMULA


def test_the_definitions_name_every_figure_of_the_scheme_and_mark_what_the_policy_does_not_say(
    content,
):
    values = "; ".join(row["Values in force"] or "" for row in table(content, "Definitions"))

    assert [name for name in SCHEME.figures if f"{name} = " not in values] == []
    assert "base_price_yuan = 120.00 yuan per service;" in values
    assert "performance_month_price_yuan = 41.67 yuan per month that passes *" in values
    assert "sign_off = DEMO" in values
    assert {name for _text, names in PAYMENT_DEFINITIONS.values() for name in names} == {
        *SCHEME.figures,
        "sign_off",
    }


def test_every_code_has_its_word():
    assert set(payment_words.ITEMS) == set(ITEMS)
    assert set(payment_words.LINE_STATES) == set(STATES)
    assert set(payment_words.LINE_REASONS) == set(REASONS)


def test_a_month_in_which_nobody_is_enrolled_still_has_its_sheets(content):
    empty = replace(content, payment=Payment((SCHEME,), (), {}))

    assert table(empty, "Payment") == table(empty, "Payable lines") == []


def test_an_amount_is_drawn_with_both_its_places(content):
    workbook = openpyxl.load_workbook(BytesIO(built(content)))
    places = {cell.value: cell.column for cell in workbook["Payable lines"][3]}

    cell = workbook["Payable lines"].cell(4, places["Amount, yuan"])

    assert (cell.value, cell.number_format) == (120, "#,##0.00")
    assert Decimal(str(cell.value)) == Decimal(120)

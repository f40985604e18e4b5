"""The demo, as anybody runs it: packages alone, a table and a workbook at the end."""

import collections
from pathlib import Path

import openpyxl
import pytest

from tests.recordings import adhere


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    reports = tmp_path_factory.mktemp("reports")
    return adhere("demo", "--json", "--report-dir", reports, ADHERE_DATABASE_DSN="")


def test_twenty_four_patients_over_five_whole_weeks(shown):
    assert len(shown["patients"]) == 24
    assert len(shown["weeks"]) == 24 * 5
    assert len({week["week"] for week in shown["weeks"]}) == 5


def test_nothing_is_lost_on_the_way(shown):
    assert shown["readings"] > 1_000_000
    assert shown["readings"] == shown["committed"] == shown["counted"]


def test_it_shows_every_state_and_why_a_week_cannot_be_judged(shown):
    states = collections.Counter((week["state"], week["reason"]) for week in shown["weeks"])

    assert states["met", None] > 30
    assert states["not_met", None] > 30
    assert states["cannot_judge", "no_figures"] == 5
    assert states["cannot_judge", "not_enough_wear"] >= 5
    assert any("𠮷" in patient["name"] for patient in shown["patients"])


def test_the_workbook_speaks_of_doctors_by_name_and_of_patients_by_pseudonym(shown):
    book = openpyxl.load_workbook(Path(shown["workbook"]), read_only=True)

    cells = {
        str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row
    }

    assert {"周海燕", "马𠮷庆"} <= cells
    assert len({cell for cell in cells if cell.startswith("p") and "@" in cell}) == 24
    assert not {patient["name"] for patient in shown["patients"]} & cells

"""The demo, as anybody runs it: weeks, a live minute, one alert, payable lines, the pages."""

import collections
import json
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from tests.recordings import adhere, say

LIVE_S = 40
"""The shortest minute that still holds a sustained pulse."""

pytestmark = pytest.mark.timeout(900)  # a minute and a half, where nothing else runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shown(folder, pytestconfig):
    shown = adhere(
        *("demo", "--no-serve", "--json", "--live-s", LIVE_S),
        *("--data", folder / "state", "--report-dir", folder / "reports"),
        ADHERE_DATABASE_DSN="",
    )
    (alert,) = shown["alerts"]
    say(
        pytestconfig,
        f"demo: {shown['seconds']:.0f} s with {LIVE_S} s live; red alert on the doctor's page "
        f"after {alert['latency_s']:.2f} s, on the box's screen {alert['edge_latency_s']:.2f} s",
    )
    return shown


def weeks_of(shown, case):
    return [(week["state"], week["reason"]) for week in shown["weeks"] if week["case"] == case]


def test_twenty_four_patients_over_five_whole_weeks(shown):
    assert len(shown["patients"]) == 24
    assert len(shown["weeks"]) == 24 * 5
    assert len({week["week"] for week in shown["weeks"]}) == 5
    assert any("𠮷" in patient["name"] for patient in shown["patients"])


def test_nothing_is_lost_on_the_way(shown):
    assert shown["faults"] == []
    assert shown["readings"] > 1_500_000
    whole = shown["counted"] + shown["quarantined"]
    assert shown["readings"] == shown["committed"] == whole
    # In the first hour of a Monday the last minutes that a band tells of are yet to come.
    assert shown["quarantined"] <= 60


def test_every_state_is_there_with_its_reason(shown):
    states = collections.Counter((week["state"], week["reason"]) for week in shown["weeks"])

    assert states["met", None] > 30
    assert states["not_met", None] > 30
    assert states["cannot_judge", "no_figures"] == 5
    assert states["cannot_judge", "not_enough_wear"] >= 5


def test_an_outage_excuses_who_was_heard_by_the_box_alone(shown):
    excused = {week["case"] for week in shown["weeks"] if week["reason"] == "gateway_outage"}

    assert excused == {"p17", "p18", "p24"}
    assert weeks_of(shown, "p20")[2] == ("met", None)  # her band remembers


def test_the_lent_week_counts_for_who_wore_the_band(shown):
    assert weeks_of(shown, "p20") == [("met", None)] * 5
    assert weeks_of(shown, "p19")[3] == ("cannot_judge", "no_band")


def test_a_flat_band_leaves_a_week_that_cannot_be_judged(shown):
    assert weeks_of(shown, "p14")[1][0] == "cannot_judge"


def test_exactly_the_planted_red_alert_came_by_both_ways(shown):
    (alert,) = shown["alerts"]

    assert (alert["patient"], alert["tier"], alert["rule"]) == ("p09", "red", "hr_ceiling")
    assert alert["heard_by"] == "both"
    assert alert["paged"]
    assert alert["messages"] >= 1
    assert alert["peak_bpm"] > alert["ceiling_bpm"] == 140
    assert 0 < alert["latency_s"] < 5
    assert 0 < alert["edge_latency_s"] < 5


def test_the_message_names_nobody_and_no_value(shown, folder):
    (line,) = (folder / "state" / "alerts.jsonl").read_text("utf-8").splitlines()

    (alert,) = shown["alerts"]
    said = json.dumps(json.loads(line), ensure_ascii=False)
    assert alert["name"] not in said
    assert f"{alert['peak_bpm']:.0f} " not in said
    assert "/alerts/" in said


def test_weeks_far_below_are_on_the_work_list(shown):
    about = {alert["patient"]: alert for alert in shown["week_alerts"]}

    assert {alert["tier"] for alert in about.values()} == {"blue"}
    assert about["p04"]["weeks"] == 5
    assert "p01" not in about


def test_what_was_on_the_air_was_heard_stored_and_committed(shown):
    live = shown["live"]

    assert 18 <= live["bands"] <= 20
    assert live["adverts_heard"] == live["adverts_sent"] >= 6 * LIVE_S
    assert live["notifications_heard"] >= live["notifications_sent"] >= 13 * (LIVE_S - 5)
    assert live["links"] >= 13
    assert live["readings"] == live["committed"] > 0
    assert {radio["dropped_live"] for radio in live["radio"].values()} == {0}


def test_of_a_passer_by_nothing_is_kept(shown):
    assert shown["live"]["radio"]["wenchang"]["unregistered_adverts"] >= LIVE_S
    assert shown["live"]["of_passers_by"] == 0


def test_a_box_without_network_sends_everything_later(shown):
    cut = shown["live"]["network_cut"]

    assert cut["arrived_meanwhile"] == 0
    assert cut["arrived_later"] > 0


def test_the_months_lines_add_up_and_the_shaken_band_is_on_hold(shown):
    payment = shown["payment"]
    lines = payment["lines"]

    assert len(lines) == 48
    assert all(
        sum(map(Decimal, line["shares_yuan"].values())) == Decimal(line["amount_yuan"])
        for line in lines
    )
    by_state = collections.defaultdict(Decimal)
    for line in lines:
        by_state[line["state"]] += Decimal(line["amount_yuan"])
    assert Decimal(payment["payable_yuan"]) == by_state["payable"] > 0
    held = {line["patient"]: line["reasons"] for line in lines if line["state"] == "on_hold"}
    assert held == {"p16": ["shake"]}
    unpaid = [line for line in lines if line["state"] == "shown_not_paid"]
    assert [line["patient"] for line in unpaid] == ["p11"]


def test_the_workbook_speaks_of_doctors_by_name_and_of_patients_by_pseudonym(shown):
    book = openpyxl.load_workbook(Path(shown["reports"]["workbook"]), read_only=True)

    cells = {
        str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row
    }

    assert {"周海燕", "马𠮷庆"} <= cells
    assert {patient["person"] for patient in shown["patients"]} <= cells
    assert not {patient["name"] for patient in shown["patients"]} & cells


def test_logs_hold_no_name(shown, folder):
    logs = "".join(path.read_text("utf-8") for path in (folder / "state").glob("*.log"))

    assert "watch_ready" in logs
    assert not [patient["name"] for patient in shown["patients"] if patient["name"] in logs]


def test_a_second_demo_wants_a_folder_of_its_own(shown, folder):
    assert shown
    said = adhere("demo", "--no-serve", "--data", folder / "state", expect=2)

    assert "not empty" in said

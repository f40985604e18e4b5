"""Small parts of the demo: month, ceilings, peak, folder, the words of what went wrong."""

from dataclasses import replace
from datetime import date

import pytest

from config.errors import Misconfigured
from devices.virtual.cast import DOCTORS, OTHERS, Family
from devices.virtual.mishaps import WEEKS
from scripts.show.browser import _Forms
from scripts.show.folder import new_folder
from scripts.show.live import HIGH_S, LEAST_S, PLANTED, now_ms, plan_peak
from scripts.show.minute import shows_alarm, shows_red
from scripts.show.payment import best_month
from scripts.show.people import with_ceiling
from scripts.show.wearing import Peak, pulse_of
from storage.people import Prescription
from tests.prescriptions import AEROBIC

PLAN = replace(AEROBIC, effective_from=date(2026, 10, 12), frozen_on=date(2026, 10, 12))


@pytest.mark.parametrize(
    ("first_monday", "month"),
    [
        (date(2026, 10, 12), date(2026, 11, 1)),  # Sundays 18 and 25 October, 1, 8, 15 November
        (date(2026, 10, 5), date(2026, 10, 1)),  # 11, 18, 25 October, 1, 8 November
        (date(2026, 9, 28), date(2026, 10, 1)),  # 4, 11, 18, 25 October, 1 November
    ],
)
def test_the_month_is_the_one_in_which_most_weeks_end(first_monday, month):
    mondays = [date.fromordinal(first_monday.toordinal() + 7 * week) for week in range(WEEKS)]

    assert best_month(mondays) == month


def test_of_two_months_with_as_many_weeks_the_later_one_is_shown():
    assert best_month([date(2026, 10, 12), date(2026, 11, 2)]) == date(2026, 11, 1)


def test_a_ceiling_is_the_doctors_else_the_programmes_else_none():
    by_doctor = with_ceiling(PLAN, 140)
    by_default = with_ceiling(PLAN, None)
    unknown = with_ceiling(Prescription(**_fields(PLAN) | {"rest_hr_bpm": None}), None)

    assert (by_doctor.ceiling_bpm, by_doctor.ceiling_source) == (140, "prescribed")
    assert by_default.ceiling_source == "default"
    assert 140 < by_default.ceiling_bpm < 165
    assert (unknown.ceiling_bpm, unknown.ceiling_source) == (None, None)


@pytest.mark.parametrize("live_s", [LEAST_S, 60, 300])
def test_the_peak_is_over_when_the_minute_is(live_s):
    peak = Peak()

    before_ms = now_ms()
    plan_peak(peak, live_s)

    assert peak.from_ms >= before_ms + 1000
    assert peak.until_ms - peak.from_ms == HIGH_S * 1000
    assert peak.until_ms <= before_ms + live_s * 1000 + 1000


def test_a_pulse_stays_below_its_ceiling_but_for_the_peak():
    plan, peak = with_ceiling(PLAN, 110), Peak()
    calm, planted = pulse_of(plan, 3, None), pulse_of(plan, 3, peak)
    peak.from_ms, peak.until_ms = 20_000, 57_000

    assert all(calm(at) < 110 for at in range(0, 600_000, 500))
    assert {at for at in range(0, 60_000, 1000) if planted(at) >= 110} == set(
        range(20_000, 57_000, 1000)
    )


def test_a_demo_starts_in_an_empty_folder_only(tmp_path):
    (tmp_path / "left-over").touch()

    with pytest.raises(Misconfigured, match="not empty"):
        new_folder(tmp_path)

    assert new_folder(tmp_path / "new").path.is_dir()


def test_the_button_of_a_page_is_found_with_its_hidden_fields():
    forms = _Forms()

    forms.feed(
        '<form method="get" action="/look"><input name="q"></form>'
        '<form method="post" action="/enter/x"><input type="hidden" name="csrf" value="a&amp;b">'
        "<button>Log in</button></form>"
    )

    assert forms.forms == [("/enter/x", {"csrf": "a&b"})]


def test_only_a_red_row_of_the_planted_patient_counts():
    blue = f'<table><tr class="blue"><td><a href="/patients/{PLANTED}">'
    other = '<tr class="red"><td><a href="/patients/p01">'
    red = f'<tr class="red" id="alert-7"><td><a href="/patients/{PLANTED}">'

    assert not shows_red(blue + other)
    assert shows_red(blue + other + red)


def test_only_an_alarm_that_lasts_counts_on_the_box():
    here = f'<tr class="alarm"><th scope="row">{PLANTED} <small>00:09</small></th>'
    alarm = f'<section role="alert"><article><h2>{PLANTED} <small>00:09</small></h2></section>'

    assert not shows_alarm(here)
    assert shows_alarm(alarm + here)


def test_the_staff_fills_every_role_of_the_pages():
    assert {one.role for one in (*DOCTORS, *OTHERS)} == {
        *("family_doctor", "therapist", "instructor", "operator"),
        *("administrator", "payer", "auditor"),
    }
    assert len({one.code for one in (*DOCTORS, *OTHERS)}) == 12


def test_the_live_minute_mixes_every_family(weeks):
    here = [patient for patient in weeks.patients if patient.in_the_centre_now]

    assert 18 <= len(here) <= 20
    assert {patient.band.family for patient in here} == set(Family)


def _fields(plan):
    return {name: getattr(plan, name) for name in plan.__slots__}

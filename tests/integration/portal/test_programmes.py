"""A patient with two programmes: every address leads to the programme it was shown with."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.pages import MONDAY

EARLIER, LATER = "p1", "p1-later"
WEEK_LINK = re.compile(r'href="(/patients/p1/weeks/[^"#]*)"')


@pytest.fixture
def two(house):
    """The earlier programme is far from what was asked, the later one done."""
    house.week(MONDAY, pct=20.0)
    later = house.enrol(house.patient("p1"), LATER, date(2026, 11, 3))
    house.prescribe(later, date(2026, 11, 3), ceiling_bpm=140.0, ceiling_source="prescribed")
    earlier, house.enrolment = house.enrolment, later
    house.week(MONDAY, state="met", pct=100.0)
    house.enrolment = earlier
    return house


def leads_to(doctor, path):
    """Follow the first link to a week; return the programme that its page names, and its share."""
    (link, *_others) = WEEK_LINK.findall(doctor.get(path).text)
    text = doctor.get(link.replace("&amp;", "&")).text
    return re.search(r"Programme: ([^<]*)<", text)[1], re.search(r"<b>([\d.]+%)</b>", text)[1]


def test_the_list_and_the_alert_of_a_week_lead_to_the_week_they_are_about(doctor, two):
    alert = two.blue()

    assert leads_to(doctor, "/patients") == (EARLIER, "20%")
    assert leads_to(doctor, f"/alerts/{alert}") == (EARLIER, "20%")
    assert leads_to(doctor, f"/patients/p1?case={LATER}") == (LATER, "100%")


def test_an_alert_of_heart_rate_is_of_the_programme_whose_ceiling_was_reached(doctor, two):
    alert = two.red(ceiling_bpm=150.0)

    for ceiling, case in ((150.0, EARLIER), (140.0, LATER)):
        two.conn.execute("UPDATE alert SET ceiling_bpm = %s", (ceiling,))
        text = doctor.get(f"/alerts/{alert}").text
        assert f"&amp;case={case}#trace" in text
        assert f'href="/patients/p1?case={case}"' in text


def test_another_day_stays_in_the_programme(doctor, two):
    text = doctor.get(f"/patients/p1?case={EARLIER}").text

    assert f'<input type="hidden" name="case" value="{EARLIER}">' in text
    assert f'/language/zh_CN?next=/patients/p1%3Fcase%3D{EARLIER}"' in text


def test_an_alert_is_answered_in_the_programme_it_is_about(doctor, two):
    alert = two.blue()
    typed = {"outcome": "prescription_adjusted", "reason": "too much"}

    form = doctor.post(f"/alerts/{alert}/close", typed).text
    fields = dict(
        re.findall(r'<input type="(?:date|hidden|number)" name="(\w+)"[^>]*value="([^"]*)"', form)
    )
    fields["effective_from"] = (datetime.now(UTC).date() + timedelta(days=2)).isoformat()
    fields.pop("csrf")
    done = doctor.post("/patients/p1/prescription", fields | {"intensity_kind": "hrr"})

    assert fields["case"] == EARLIER
    assert done.headers["location"] == f"/patients/p1?case={EARLIER}"
    versions = two.conn.execute(
        "SELECT case_label, count(*) FROM prescription"
        " JOIN enrolment ON enrolment.id = enrolment_id WHERE case_label LIKE 'p1%' GROUP BY 1"
    )
    assert dict(versions.fetchall()) == {EARLIER: 2, LATER: 1}


def test_the_only_programme_needs_no_name(doctor, house):
    house.week()
    alert = house.blue()

    for path in ("/", "/patients", "/patients/p1", f"/alerts/{alert}"):
        assert "case=" not in doctor.get(path).text, path

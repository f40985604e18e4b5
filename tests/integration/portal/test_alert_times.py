"""When an alert began, when it was last true, and whether it still is."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Shanghai")


def test_of_an_alert_of_several_days_each_time_has_its_day(doctor, house):
    since, last = datetime.now(UTC) - timedelta(days=3), datetime.now(UTC) - timedelta(minutes=4)
    alert = house.red(since=since, last_at=last, occurrences=5)
    of_last = last.astimezone(LOCAL)

    listed, page = doctor.get("/").text, doctor.get(f"/alerts/{alert}").text

    assert f"last {of_last.day} {of_last:%b %H:%M}" in listed
    assert re.search(rf"First and last</dt><dd>[\d-]+ [\d:]+ – {of_last:%Y-%m-%d %H:%M:%S}<", page)


def test_of_an_alert_of_one_day_the_day_stands_once(doctor, house):
    noon = datetime.now(LOCAL).replace(hour=12) - timedelta(days=2)
    alert = house.red(since=noon, last_at=noon + timedelta(minutes=2))
    last = noon + timedelta(minutes=2)

    page = doctor.get(f"/alerts/{alert}").text

    assert f"{noon:%Y-%m-%d %H:%M:%S} – {last:%H:%M:%S}<" in page
    assert f", last {last:%H:%M:%S}" in page


def test_a_closed_alert_is_not_said_to_go_on(doctor, house):
    alert = house.red(since=datetime.now(UTC) - timedelta(hours=5))
    before = doctor.get(f"/alerts/{alert}").text
    doctor.post(f"/alerts/{alert}/close", {"outcome": "called"})

    assert "still going on" in before
    assert "still going on" not in doctor.get(f"/alerts/{alert}").text

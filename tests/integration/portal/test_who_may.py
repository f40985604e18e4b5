"""Every page and every form, asked by every role and by nobody: whose is it?"""

import pytest

from portal.app import ROUTERS
from tests.pages import MONDAY, ROLES

CARE = {"d1", "coach"}
"""Of the care team of p1, whose pages are asked for; d2 and physio look after nobody."""
WITH_A_LIST = {"d1", "d2", "coach", "physio"}
EVERYBODY = set(ROLES)
PUBLIC = {"/login", "/enter/{token}", "/language/{code}"}

MAY = {
    ("GET", "/"): EVERYBODY,
    ("GET", "/password"): EVERYBODY,
    ("POST", "/password"): EVERYBODY,
    ("POST", "/names"): EVERYBODY,
    ("POST", "/logout"): EVERYBODY,
    ("GET", "/patients"): WITH_A_LIST,
    ("GET", "/patients/{pseudonym}"): CARE,
    ("GET", "/patients/{pseudonym}/weeks/{monday}"): CARE,
    ("GET", "/patients/{pseudonym}/prescription"): {"d1"},
    ("POST", "/patients/{pseudonym}/prescription"): {"d1"},
    ("GET", "/patients/{pseudonym}/sessions"): CARE,
    ("POST", "/patients/{pseudonym}/sessions"): CARE,
    ("GET", "/patients/{pseudonym}/sessions/{entry_id}"): CARE,
    ("POST", "/patients/{pseudonym}/sessions/{entry_id}"): CARE,
    ("GET", "/alerts/{alert_id}"): CARE,
    ("POST", "/alerts/{alert_id}/acknowledge"): CARE,
    ("POST", "/alerts/{alert_id}/close"): CARE,
    ("GET", "/payment"): {"payer", "auditor"},
    ("GET", "/audit"): {"auditor"},
    ("GET", "/operations"): {"op"},
    ("POST", "/operations/seen"): {"op"},
    ("GET", "/staff"): {"boss"},
    ("POST", "/staff"): {"boss"},
    ("POST", "/staff/link"): {"boss"},
    ("POST", "/staff/disable"): {"boss"},
    ("POST", "/staff/enable"): {"boss"},
    ("POST", "/staff/team"): {"boss"},
}


def routes():
    return [
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        for method in route.methods
        if route.path not in PUBLIC
    ]


@pytest.fixture
def place(house):
    """Fills a route's path with what belongs to p1."""
    house.exercise()
    house.week()
    alert = house.red()
    entry = house.log("p1", MONDAY).entry_id

    def fill(path):
        return path.format(pseudonym="p1", monday=MONDAY, alert_id=alert, entry_id=entry)

    return fill


def test_every_route_is_in_the_table():
    assert set(routes()) == set(MAY)


@pytest.mark.parametrize("code", ROLES)
def test_a_page_is_there_for_whom_it_is_and_for_nobody_else(browser, conn, house, place, code):
    browser.enter(conn, code)
    # Log-out last: behind it there is only the way to log in.
    for method, path in sorted(MAY, key=lambda route: route[1] == "/logout"):
        house.begin_trail()
        asked = browser.get if method == "GET" else browser.post

        answer = asked(place(path))

        refused = [row[:2] for row in house.trail("refused")]
        if code in MAY[method, path]:
            assert answer.status_code not in {403, 404, 500, 503}, (method, path)
            assert answer.headers.get("location", "") != "/login" or path == "/logout"
            assert refused == []
        else:
            assert answer.status_code == 404, (method, path)
            assert refused == [(code, "refused")]


def test_without_logging_in_every_page_leads_to_the_log_in(browser, place):
    for method, path in MAY:
        asked = browser.get if method == "GET" else browser.post
        given = {} if method == "GET" else {"csrf": "x"}

        answer = asked(place(path), **given)

        assert answer.status_code == 303, (method, path)
        assert answer.headers["location"].startswith("/login")


def test_another_care_teams_patient_is_as_absent_as_one_that_does_not_exist(browsers, conn, house):
    alert = house.red()
    other = browsers().enter(conn, "d2")

    answers = [
        other.get(path)
        for path in ("/patients/p1", "/patients/nobody", f"/alerts/{alert}", "/alerts/999999")
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({answer.text for answer in answers}) == 1
    assert house.trail("refused") == [
        ("d2", "refused", "p1"),
        ("d2", "refused", "nobody"),
        ("d2", "refused", f"alert {alert}"),
        ("d2", "refused", "alert 999999"),
    ]


def test_an_alert_of_one_patient_closes_through_no_other_patients_form(doctor, house):
    alert = house.red("p2")

    assert doctor.get(f"/patients/p1/prescription?alert={alert}").status_code == 404


def test_an_entry_of_one_patient_is_found_on_no_other_patients_page(doctor, house):
    entry = house.log("p2", MONDAY).entry_id

    assert doctor.get(f"/patients/p2/sessions/{entry}").status_code == 200
    for path in (f"/patients/p1/sessions/{entry}", f"/patients/p2/sessions/{2**70}"):
        assert doctor.get(path).status_code == 404
    refused = doctor.post(
        f"/patients/p1/sessions/{entry}", {"act": "withdraw", "newest": "1", "reason": "x"}
    )
    assert refused.status_code == 404
    assert house.one("SELECT count(*) FROM logged_session") == 1


def test_whoever_leaves_the_care_team_sees_the_patient_no_more(browser, conn):
    browser.enter(conn, "coach")
    assert browser.get("/patients/p1").status_code == 200

    conn.execute("DELETE FROM care_team")

    assert browser.get("/patients/p1").status_code == 404


def test_a_changed_role_holds_from_the_next_page(browser, conn):
    browser.enter(conn, "coach")
    conn.execute("UPDATE staff SET role = 'operator' WHERE code = 'coach'")

    assert browser.get("/patients/p1").status_code == 404


def test_every_read_of_a_person_is_in_the_trail(doctor, house):
    house.exercise()
    house.week()
    alert = house.red()
    house.begin_trail()

    doctor.get("/")
    doctor.get("/?auto=1")
    doctor.get("/patients")
    doctor.get("/patients/p1")
    doctor.get(f"/patients/p1/weeks/{MONDAY}")
    doctor.get(f"/alerts/{alert}")
    doctor.get("/patients/p1/sessions")

    assert [row for row in house.trail() if row[1] != "read_readings"] == [
        ("d1", "read_list", "work list"),
        ("d1", "read_patients", "patients"),
        ("d1", "read_patient", "p1"),
        ("d1", "read_week", "p1"),
        ("d1", "read_patient", "p1"),
        ("d1", "read_sessions", "p1"),
    ]
    uses = house.conn.execute(
        "SELECT actor, subject, detail ->> 'use' FROM audit WHERE action = 'read_readings'"
        " ORDER BY id"
    ).fetchall()
    assert uses == [
        ("d1", "p1", "list"),
        ("d1", "attendance", "class"),
        ("d1", "p1", "last_heard"),
        ("d1", "p1", "trace"),
        ("d1", "p1", "week"),
        ("d1", "p1", "trace"),
        ("d1", "p1", "alert"),
    ]
    house.red("p2")
    doctor.get("/?auto=1")
    listed = "SELECT detail -> 'patients' FROM audit WHERE action = 'read_list' ORDER BY id DESC"
    assert house.one(f"{listed} LIMIT 1") == ["p1", "p2"]


def test_payer_and_auditor_are_shown_no_name(browsers, conn, house):
    for code in ("payer", "auditor"):
        browser = browsers().enter(conn, code)
        for path in ("/payment", "/audit"):
            assert "王" not in browser.get(path).text

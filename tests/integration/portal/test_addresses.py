"""Language, names and log-in bring one back to where one was."""

import re
from html import unescape
from urllib.parse import unquote

import pytest

from tests.pages import MONDAY

SWITCH = re.compile(r'href="/language/zh_CN\?next=([^"]*)"')
NEXT = re.compile(r'name="next" value="([^"]*)"')
NAMES = re.compile(r'action="/names">.*?' + NEXT.pattern)


def here(answer):
    """Return where the switches of a page lead back to."""
    (switch,) = SWITCH.findall(answer.text)
    back = unquote(unescape(switch))
    names = [unescape(one) for one in NAMES.findall(answer.text)]
    assert names[:1] in ([], [back])
    return back


@pytest.mark.parametrize(
    "path",
    [
        "/?paused=1",
        "/patients/p1?day=2026-11-11&case=p1",
        f"/patients/p1/weeks/{MONDAY}?day={MONDAY}",
    ],
)
def test_a_page_is_left_and_found_again_with_all_that_was_asked(doctor, house, path):
    house.week()

    assert here(doctor.get(path)) == path
    assert doctor.get(f"/language/en?next={here(doctor.get(path))}").status_code == 303


def test_a_list_that_asked_by_itself_is_not_where_one_goes_back_to(doctor):
    assert here(doctor.get("/?auto=1")) == "/"


def test_an_answer_to_a_form_stands_where_the_page_of_the_form_stands(doctor, house):
    alert, entry = house.red(), house.log("p1", MONDAY).entry_id
    close = f"/alerts/{alert}/close"

    answers = {
        f"/alerts/{alert}": doctor.post(close, {"outcome": "false_alarm"}),
        f"/patients/p1/prescription?alert={alert}": doctor.post(
            close, {"outcome": "prescription_adjusted"}
        ),
        "/patients/p1/prescription": doctor.post("/patients/p1/prescription", {"newest": "7"}),
        "/patients/p1/sessions?case=p1": doctor.post("/patients/p1/sessions", {"date": "x"}),
        f"/patients/p1/sessions/{entry}": doctor.post(f"/patients/p1/sessions/{entry}"),
        "/password": doctor.post("/password", {"password": "a", "again": "b"}),
    }

    for path, answer in answers.items():
        assert answer.status_code in {200, 422}, path
        assert here(answer) == path
        assert doctor.get(path).status_code == 200, path


def test_a_fault_leaves_what_was_typed_in_the_form(browser, conn):
    boss = browser.enter(conn, "boss")
    typed = {"code": "no code!", "name": "Li Wei", "role": "therapist", "email": "li@example.org"}

    answer = boss.post("/staff", typed | {"organisation": "c1"})
    team = boss.post("/staff/team", {"code": "coach", "patient": "nobody"})

    assert answer.status_code == 422
    for value in ("no code!", "Li Wei", "li@example.org"):
        assert f'value="{value}"' in answer.text
    assert '<option value="therapist" selected>' in answer.text
    assert '<option value="c1" selected>' in answer.text
    assert 'value="nobody"' in team.text
    assert here(answer) == here(team) == "/staff"


def test_a_link_that_is_shown_once_is_not_lost_by_a_switch(browser, conn):
    boss = browser.enter(conn, "boss")

    made = boss.post("/staff/link", {"code": "coach"})

    assert "/enter/" in made.text
    assert "/language/" not in made.text


def test_log_in_leads_to_the_page_that_was_asked_for(browser, house):
    house.set_password("payer")
    first = browser.get("/payment?month=2026-10")
    form = browser.get(first.headers["location"])
    then = unescape(NEXT.findall(form.text)[0])

    assert first.headers["location"] == "/login?next=/payment%3Fmonth%3D2026-10"
    assert here(form) == "/login?next=/payment%3Fmonth%3D2026-10"
    assert then == "/payment?month=2026-10"
    wrong = browser.log_in("payer", "not it at all", then=then)
    assert [unescape(one) for one in NEXT.findall(wrong.text)] == [then]
    assert browser.log_in("payer", then=then).headers["location"] == then

"""What somebody tries who means ill, or a browser gone wrong: odd values, bursts, silence."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

import portal.app
from portal.punctual import Punctual
from storage.accounts import issue_link
from tests.pages import CSRF, MONDAY, Browser, served
from tests.patience import PATIENCE_S

MARKUP = "\"><img src=x onerror=alert(1)>'<script>alert(1)</script></title></textarea></svg>"


def raw(site, head):
    """Ask in bytes; return the status line's number, and what else came."""
    host, port = site.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=PATIENCE_S)) as connection:
        connection.sendall(head)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    return int(answer.split(b" ", 2)[1]), answer


def test_a_page_with_odd_values_is_no_page_and_no_fault(doctor):
    for path in (
        "/patients/%00",
        "/patients/%ff",
        "/patients/p1?day=0001-01-01",
        "/patients/p1?day=9999-12-31",
        "/patients/p1?day=x",
        "/patients/p1?case=%00",
        "/patients/p1/weeks/0001-01-01",
        "/patients/p1/weeks/9999-12-27",
        "/patients/p1/weeks/2026-11-10",
        f"/alerts/{10**30}",
        "/alerts/-1",
        f"/patients/p1/prescription?alert={10**30}",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/language/%00",
    ):
        assert doctor.get(path).status_code in {400, 404}, path


def test_a_host_is_ours_or_the_request_is_turned_away(site):
    for host, status in (
        ("[::1", 400),
        ("", 400),
        ("127.0.0.1.", 400),
        ("evil.example", 400),
        ("127.0.0.1@evil.example", 400),
        ("127.0.0.1:8080", 200),
    ):
        head = f"GET /login HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"

        assert raw(site, head.encode())[0] == status, host


def test_nothing_stored_becomes_markup_on_any_page(doctor, browsers, conn, house):
    house.exercise()
    house.week()
    alert, closed = house.red("p1"), house.red("p2")
    house.blue("p1")
    for change in (
        "UPDATE staff SET name = %(markup)s",
        "UPDATE organisation SET name = %(markup)s",
        "UPDATE patient SET name = %(markup)s",
        "UPDATE device SET device_key = device_key || %(markup)s",
        "UPDATE enrolment SET case_label = case_label || %(markup)s",
        "INSERT INTO audit (actor, action, subject) VALUES (%(markup)s, %(markup)s, %(markup)s)",
    ):
        conn.execute(change, {"markup": MARKUP})
    conn.execute(
        "INSERT INTO pause (enrolment_id, during, reason) SELECT id, '(,)', %s FROM enrolment",
        (MARKUP,),
    )
    conn.execute(
        "INSERT INTO delivery (alert_id, round, step, channel, recipient)"
        " VALUES (%s, 0, 0, 'mail', %s)",
        (alert, MARKUP),
    )
    doctor.post(f"/alerts/{closed}/close", {"outcome": "false_alarm", "reason": MARKUP})
    doctor.post("/names", {"shown": "yes"})
    asked = {
        doctor: (
            "/",
            "/patients",
            "/patients/p1",
            "/patients/p2",
            f"/alerts/{alert}",
            f"/alerts/{closed}",
            f"/patients/p1/prescription?alert={alert}",
            f"/patients/p1/weeks/{MONDAY}",
            "/password",
        ),
        browsers().enter(conn, "boss"): ("/staff",),
        browsers().enter(conn, "auditor"): ("/audit", f"/audit?actor={MARKUP}", "/payment"),
        browsers(): (f"/login?next=/{MARKUP}", f"/enter/{MARKUP}"),
    }

    texts = [browser.get(path).text for browser, paths in asked.items() for path in paths]
    texts += [
        doctor.post(f"/alerts/{alert}/close", {"outcome": "x", "reason": MARKUP}).text,
        doctor.post("/patients/p1/prescription", {"zone_lo": MARKUP[:40], "newest": "1"}).text,
    ]

    assert all("<html lang" in text for text in texts)
    assert not [text for text in texts if "<img" in text or "<script" in text]
    assert sum("&lt;img" in text for text in texts) >= 10


def test_the_way_on_leads_to_no_other_host_and_into_no_header(browser, house):
    house.set_password("d1")

    for then in (
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "/a\r\nX: y",
    ):
        for answer in (
            browser.get("/language/en", params={"next": then}),
            browser.log_in("d1", then=then),
        ):
            assert answer.headers["location"] == "/"
            assert "x" not in answer.headers


def test_of_two_who_use_a_link_at_once_one_comes_in(site, browsers, conn):
    token = issue_link(conn, "d1", timedelta(minutes=5))
    those = [browsers() for _ in range(6)]
    forms = [CSRF.search(one.get(f"/enter/{token}").text).group(1) for one in those]

    with ThreadPoolExecutor(len(those)) as at_once:
        answers = list(
            at_once.map(
                lambda one, form: one.post(f"/enter/{token}", csrf=form).status_code, those, forms
            )
        )

    assert sorted(answers) == [303, 410, 410, 410, 410, 410]


def test_a_burst_of_guesses_has_no_more_of_them_than_one_after_the_other(browsers, house, conn):
    house.set_password("d1")
    those = [browsers() for _ in range(24)]
    forms = [CSRF.search(one.get("/login").text).group(1) for one in those]

    with ThreadPoolExecutor(len(those)) as at_once:
        answers = list(
            at_once.map(
                lambda one, form: (
                    one.post(
                        "/login", {"name": "d1", "password": "a wrong guess"}, csrf=form
                    ).status_code
                ),
                those,
                forms,
            )
        )

    # Two are looked at together: the second of them may be one too many.
    assert answers.count(401) in {5, 6}
    assert answers.count(429) == len(those) - answers.count(401)


def test_wrong_names_from_the_next_desk_keep_no_doctor_out_of_a_known_browser(
    browsers, house, conn
):
    house.set_password("d1")
    own, stranger = browsers(), browsers()
    own.log_in("d1")
    own.post("/logout")

    for number in range(21):
        answer = stranger.log_in(f"name{number}", "wrong")

    assert answer.status_code == 429
    assert stranger.log_in("d1").status_code == 429
    assert own.log_in("d1").status_code == 303


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(Punctual, "look_every_s", 0.2)


def is_cut(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.usefixtures("impatient")
def test_whoever_does_not_finish_asking_is_cut_off(site):
    host, port = site.removeprefix("http://").split(":")
    for said in (b"", b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "):
        with closing(socket.create_connection((host, int(port)), timeout=PATIENCE_S)) as connection:
            connection.sendall(said)

            assert is_cut(connection)


def test_whoever_asks_in_time_is_answered_however_many_are_silent(database, house, monkeypatch):
    monkeypatch.setattr(Punctual, "look_every_s", 1.5)
    with served(database) as url:
        host, port = url.removeprefix("http://").split(":")
        silent = [
            socket.create_connection((host, int(port)), timeout=PATIENCE_S) for _ in range(260)
        ]
        browser = Browser(url)

        assert browser.get("/login").status_code == 503
        assert all(is_cut(one) for one in silent)
        assert browser.get("/login").status_code == 200

        browser.close()
        for one in silent:
            one.close()


@pytest.mark.usefixtures("impatient")
def test_a_slow_page_is_no_silence(database, house, monkeypatch):
    def slowly():
        time.sleep(0.7)
        return portal.app.Response("done")

    monkeypatch.setattr(portal.app, "_health", slowly)
    with served(database) as url:
        browser = Browser(url)

        assert browser.get("/healthz").text == "done"
        browser.close()

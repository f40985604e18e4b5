"""What every request passes and every answer carries."""

import logging
import re

from tests.pages import ROLES, Browser, served

PATHS = ("/", "/patients", "/patients/p1", "/patients/p1/prescription", "/password", "/login")


def test_every_answer_forbids_scripts_frames_sniffing_and_keeping(doctor):
    for path in (*PATHS, "/no-such-page"):
        headers = doctor.get(path).headers

        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_no_page_names_another_host_or_holds_a_script_or_a_style(doctor, house):
    alert = house.red()
    for path in (*PATHS, f"/alerts/{alert}"):
        text = doctor.get(path).text

        assert re.findall(r"(?:https?:)?//[a-z0-9]", text) == []
        assert "<script" not in text
        assert " style=" not in text
        assert not re.search(r"\son[a-z]+=", text)


def test_a_foreign_host_is_turned_away(browser):
    assert browser.get("/login", headers={"host": "evil.example"}).status_code == 400
    assert browser.get("/login", headers={"host": "127.0.0.1.evil.example"}).status_code == 400


def test_a_form_of_a_foreign_page_is_turned_away(doctor, house):
    alert = house.red()

    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        assert doctor.post(f"/alerts/{alert}/acknowledge", origin=origin).status_code == 403
    assert house.one("SELECT state FROM alert WHERE id = %s", alert) == "open"


def test_a_form_from_another_site_is_turned_away_by_what_the_browser_says_of_it(doctor):
    answer = doctor.post("/logout", headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 403


def test_a_form_without_its_token_changes_nothing(doctor, house):
    alert = house.red()

    for csrf in ("", "x", "é"):
        answer = doctor.post(f"/alerts/{alert}/acknowledge", csrf=csrf)

        assert answer.status_code == 403
        assert "Nothing was changed" in answer.text
    assert house.one("SELECT state FROM alert WHERE id = %s", alert) == "open"


def test_a_token_of_one_session_is_worth_nothing_in_another(doctor, browsers, conn):
    other = browsers().enter(conn, "d2")

    assert doctor.post("/logout", csrf=other.csrf).status_code == 403


def test_a_long_body_is_refused_before_it_is_parsed(browser):
    announced = browser.client.post("/login", content=b"x" * 70_000)

    def streamed():
        for _ in range(80):
            yield b"x" * 1024

    unannounced = browser.client.post("/login", content=streamed())

    assert [announced.status_code, unannounced.status_code] == [413, 413]
    assert "Too much was sent" in announced.text


def test_a_fault_shows_nothing_of_the_inside(doctor, conn, caplog):
    conn.execute("ALTER TABLE patient RENAME COLUMN name TO other_name")

    with caplog.at_level(logging.DEBUG):
        page = doctor.get("/patients")

    assert page.status_code == 503
    assert "database" in page.text
    assert "other_name" not in page.text + caplog.text
    assert "SELECT" not in page.text


def test_no_log_line_names_a_patient(doctor, capfd, caplog):
    with caplog.at_level(logging.DEBUG):
        doctor.get("/patients/p1")
        doctor.get("/patients/somebody-elses")

    ours = [one for one in caplog.records if not one.name.startswith("http")]  # not the client's
    logged = "".join(capfd.readouterr()) + "".join(one.getMessage() for one in ours)
    assert "p1" not in logged
    assert "somebody-elses" not in logged


def test_errors_speak_the_readers_language(browsers):
    assert "There is no such page" in browsers(language="en").get("/nothing").text
    page = browsers(language="zh-CN,zh;q=0.9,en;q=0.8").get("/nothing").text
    assert '<html lang="zh-CN">' in page


def test_a_language_chosen_stays_chosen_in_this_browser(browser):
    assert '<html lang="en">' in browser.get("/login").text

    answer = browser.get("/language/zh_CN?next=/login")

    assert answer.headers["location"] == "/login"
    assert '<html lang="zh-CN">' in browser.get("/login").text
    assert browser.get("/language/xx").status_code == 404


def test_over_https_cookies_are_bound_to_this_host(database, house, conn):
    with served(database, public_url="https://pages.example") as url:
        browser = Browser(url)
        answer = browser.get("/login", headers={"host": "pages.example"})
        browser.close()

    assert "strict-transport-security" in answer.headers
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-adhere_visitor=")
    assert "Secure" in cookie


def test_health_is_told_without_logging_in(browser):
    assert browser.get("/healthz").text == "ok\n"


def test_the_house_has_somebody_of_every_role():
    assert set(ROLES.values()) == {
        "family_doctor",
        "therapist",
        "instructor",
        "operator",
        "administrator",
        "payer",
        "auditor",
    }

"""Who gets in, by what, for how long, and who does not learn anything."""

from datetime import timedelta

import pytest

from portal.passwords import Passwords
from storage.accounts import disable_account, issue_link
from storage.web_sessions import wait_key
from tests.pages import CSRF, PASSWORD


@pytest.fixture(autouse=True)
def _with_password(house):
    house.set_password("d1")


def test_the_right_password_opens_a_new_session_whatever_cookie_came(browser, conn):
    browser.client.cookies.set("adhere_session", "planted")

    answer = browser.log_in("d1")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = browser.client.cookies.get("adhere_session", domain="127.0.0.1")
    assert cookie != "planted"
    assert browser.get("/").status_code == 200
    assert conn.execute("SELECT count(*) FROM web_session").fetchone() == (1,)
    stored = conn.execute("SELECT token_sha256 FROM web_session").fetchone()[0]
    assert cookie.encode() not in stored


def test_the_session_cookie_is_hidden_from_scripts_and_other_sites(browser):
    cookies = browser.log_in("d1").headers.get_list("set-cookie")

    session = next(cookie for cookie in cookies if cookie.startswith("adhere_session="))
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert "Path=/" in session


def test_nobody_learns_whether_an_account_exists(browsers, conn):
    issue_link(conn, "d2", timedelta(hours=1))  # an account without a password
    answers = [
        browsers().log_in(code, "wrong password") for code in ("d1", "d2", "nobody", "d1 ", "")
    ]

    assert {answer.status_code for answer in answers} == {401}
    shown = {
        CSRF.sub("", answer.text).replace(code, "CODE")
        for code, answer in zip(("d1", "d2", "nobody"), answers[:3], strict=True)
    }
    assert len(shown) == 1


def test_a_password_is_looked_at_in_the_same_way_for_accounts_that_do_not_exist(
    browser, monkeypatch
):
    looked_at = []
    proof = Passwords.proof

    def counting(self, terms, password):
        looked_at.append(terms is not None)
        return proof(self, terms, password)

    monkeypatch.setattr(Passwords, "proof", counting)
    browser.log_in("d1", "wrong password")
    browser.log_in("nobody", "wrong password")

    assert looked_at == [True, False]


def fail(browser, code, times):
    return [browser.log_in(code, "wrong password") for _ in range(times)]


def let_waits_pass(conn):
    conn.execute("UPDATE login_wait SET wait_until = clock_timestamp()")


@pytest.mark.parametrize("code", ["d1", "nobody"])
def test_after_five_wrong_passwords_no_password_is_looked_at_for_a_while(browser, conn, code):
    answers = [answer.status_code for answer in fail(browser, code, 6)]
    refused = browser.log_in(code)

    assert answers == [401] * 5 + [429]
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 31
    let_waits_pass(conn)
    assert browser.log_in(code).status_code == (303 if code == "d1" else 401)


def test_the_wait_grows_and_never_beyond_a_quarter_of_an_hour(browser, conn):
    fail(browser, "d1", 5)
    waits = []
    for _ in range(8):
        let_waits_pass(conn)
        fail(browser, "d1", 1)
        key = wait_key("account", "d1")
        waits.append(
            conn.execute(
                "SELECT round(extract(epoch FROM wait_until - failed_at))::int FROM login_wait"
                " WHERE key_sha256 = %s",
                (key,),
            ).fetchone()[0]
        )

    assert waits == [60, 120, 240, 480, 900, 900, 900, 900]


def test_strangers_cannot_make_a_doctor_wait_in_a_browser_the_doctor_has_used(browsers, conn):
    own, stranger = browsers(), browsers()
    own.log_in("d1")
    own.post("/logout")
    fail(stranger, "d1", 5)
    conn.execute(
        "DELETE FROM login_wait WHERE key_sha256 = %s", (wait_key("address", "127.0.0.1"),)
    )

    assert stranger.log_in("d1").status_code == 429
    assert own.log_in("d1").status_code == 303


def test_an_address_that_tries_many_accounts_waits_too(browser):
    answers = [browser.log_in(f"name{number}", "wrong").status_code for number in range(21)]

    assert answers == [401] * 20 + [429]


def test_logging_in_again_leaves_no_session_behind(browser, conn):
    browser.log_in("d1")
    browser.log_in("d2")
    browser.enter(conn, "boss")

    assert conn.execute("SELECT count(*) FROM web_session").fetchone() == (1,)


def test_log_out_kills_the_session_also_for_a_copy_of_the_cookie(browser):
    browser.log_in("d1")
    copied = dict(browser.client.cookies)

    browser.post("/logout")

    browser.client.cookies.update(copied)
    assert browser.get("/").headers["location"] == "/login"


def test_disabling_an_account_ends_its_sessions_at_once(browser, conn):
    browser.log_in("d1")
    assert browser.get("/").status_code == 200

    disable_account(conn, "d1")

    assert browser.get("/").status_code == 303
    assert browser.log_in("d1").status_code == 401


@pytest.mark.parametrize(
    "past", ["seen_at = clock_timestamp() - interval '31 min'", "ends_at = clock_timestamp()"]
)
def test_a_session_ends_after_idle_time_and_after_its_whole_time(browser, conn, past):
    browser.log_in("d1")

    conn.execute(f"UPDATE web_session SET {past}")  # noqa: S608 - two literals above

    assert browser.get("/").status_code == 303


def test_a_page_that_refreshes_itself_does_not_keep_a_session_alive(browser, conn):
    browser.log_in("d1")
    conn.execute("UPDATE web_session SET seen_at = clock_timestamp() - interval '20 min'")
    seen = conn.execute("SELECT seen_at FROM web_session").fetchone()

    browser.get("/?auto=1")
    assert conn.execute("SELECT seen_at FROM web_session").fetchone() == seen

    browser.get("/patients")
    assert conn.execute("SELECT seen_at FROM web_session").fetchone() > seen


def test_a_link_is_not_used_up_by_looking_at_it(browser, conn):
    token = issue_link(conn, "d1", timedelta(hours=1))

    for _ in range(3):
        page = browser.get(f"/enter/{token}")
        assert page.status_code == 200
    csrf = CSRF.search(page.text).group(1)

    assert browser.post(f"/enter/{token}", csrf=csrf).headers["location"] == "/"
    assert browser.get("/").status_code == 200


def test_a_used_and_an_expired_link_say_so(browser, conn):
    used = issue_link(conn, "d1", timedelta(hours=1))
    csrf = CSRF.search(browser.get(f"/enter/{used}").text).group(1)
    browser.post(f"/enter/{used}", csrf=csrf)
    expired = issue_link(conn, "d1", timedelta(seconds=-1))

    assert "has been used" in browser.get(f"/enter/{used}").text
    again = browser.post(f"/enter/{used}", csrf=csrf)
    assert again.status_code == 410
    assert "no longer good" in browser.get(f"/enter/{expired}").text
    assert "not known" in browser.get("/enter/never-issued").text


def test_a_link_made_for_it_lets_its_holder_choose_a_password_once(browser, conn):
    browser.enter(conn, "d2", sets_password=True)
    new = "quiet river 7"

    short = browser.post("/password", {"password": "short", "again": "short"})
    common = browser.post("/password", {"password": "password123", "again": "password123"})
    differ = browser.post("/password", {"password": new, "again": new + "x"})
    done = browser.post("/password", {"password": new, "again": new})

    assert [page.status_code for page in (short, common, differ)] == [422] * 3
    assert done.headers["location"] == "/"
    once_more = browser.post("/password", {"password": "another one 8", "again": "another one 8"})
    assert "current password is not right" in once_more.text
    browser.post("/logout")
    assert browser.log_in("d2", new).status_code == 303


def test_a_changed_password_ends_every_other_session(browsers):
    one, other = browsers(), browsers()
    one.log_in("d1")
    other.log_in("d1")
    new = "quiet river 7"

    one.post("/password", {"current": PASSWORD, "password": new, "again": new})

    assert one.get("/").status_code == 200
    assert other.get("/").status_code == 303


def test_log_in_leads_on_only_to_a_page_of_this_site(browser):
    for then in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"):
        assert browser.log_in("d1", then=then).headers["location"] == "/"
    assert browser.log_in("d1", then="/alerts/7").headers["location"] == "/alerts/7"


def test_whoever_is_not_logged_in_is_led_back_to_the_page_after_log_in(browser):
    first = browser.get("/alerts/7")

    assert first.headers["location"] == "/login?next=/alerts/7"
    assert 'name="next" value="/alerts/7"' in browser.get("/login?next=/alerts/7").text


def test_each_log_in_good_or_bad_is_in_the_audit_trail(browser, house):
    browser.log_in("d1", "wrong password")
    browser.log_in("nobody", "wrong password")
    browser.log_in("d1")

    assert [row[:2] for row in house.trail()] == [
        ("d1", "log_in_failed"),
        ("nobody", "log_in_failed"),
        ("d1", "log_in"),
    ]

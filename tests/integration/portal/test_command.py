"""`adhere portal` as an operator runs it."""

import json
import os
import re
import signal
import ssl
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest
from typer.testing import CliRunner

from config.errors import Misconfigured, Unavailable
from scripts.commands.portal import app
from storage.accounts import find_account
from storage.people import put_organisation, put_staff
from tests.certificates import Authority
from tests.pages import CSRF, PASSWORD, Browser, House, served
from tests.patience import PATIENCE_S

SETTINGS = """
data_dir = "hub"
[broker]
host = "127.0.0.1"
[nightly]
report_dir = "reports"
[portal]
port = 0
public_url = "{public_url}"
"""


@pytest.fixture
def settings(tmp_path, database, monkeypatch):
    path = tmp_path / "district.toml"
    path.write_text(SETTINGS.format(public_url="http://127.0.0.1"), "utf-8")
    monkeypatch.setenv("ADHERE_DATABASE_DSN", database)
    monkeypatch.setenv("ADHERE_LANGUAGE", "en")
    return path


def adhere_portal(*words, typed=""):
    return CliRunner().invoke(app, [str(word) for word in words], input=typed)


@contextmanager
def serving(settings):
    """Run the command until the end; yield its `portal_ready`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.main", "portal", "serve", "--settings", str(settings)],
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    try:
        lines = (json.loads(line) for line in process.stderr)
        yield next(line for line in lines if line["event"] == "portal_ready")
    finally:
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode in {0, -signal.SIGTERM}
    assert "Traceback" not in rest


def test_from_an_empty_database_to_a_page(settings, conn):
    made = adhere_portal(
        *("create-admin", "--settings", settings, "--code", "boss", "--name", "管理员"),
        typed=f"{PASSWORD}\n{PASSWORD}\n",
    )
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output

    with serving(settings) as ready:
        browser = Browser(f"http://127.0.0.1:{ready['port']}")
        assert browser.log_in("boss").headers["location"] == "/"
        assert browser.get("/").headers["location"] == "/staff"
        assert "Accounts" in browser.get("/staff").text
        browser.close()


def test_an_administrator_may_be_given_a_link_instead(settings, conn):
    made = adhere_portal(
        *("create-admin", "--settings", settings, "--code", "boss", "--name", "Boss", "--link")
    )

    assert re.search(r"^http://127\.0\.0\.1/enter/[\w-]{43}$", made.output, re.MULTILINE)
    assert not find_account(conn, "boss").has_password


def test_a_weak_password_makes_no_administrator(settings, conn):
    for password in ("short", "password123", "boss-boss"):
        made = adhere_portal(
            *("create-admin", "--settings", settings, "--code", "boss-boss", "--name", "Boss"),
            typed=f"{password}\n{password}\n",
        )

        assert isinstance(made.exception, Misconfigured)
    assert find_account(conn, "boss-boss") is None


def test_a_doctors_code_becomes_no_administrator(settings, conn):
    put_organisation(conn, kind="centre", code="c", name="Centre")
    put_staff(conn, organisation="c", code="d1", role="family_doctor", name="Doctor")
    adhere_portal("link", "--settings", settings, "--staff", "d1")

    made = adhere_portal(
        *("create-admin", "--settings", settings, "--code", "d1", "--name", "x", "--link")
    )

    assert isinstance(made.exception, Misconfigured)
    assert find_account(conn, "d1").role == "family_doctor"


def test_a_link_from_the_terminal_lets_its_holder_set_a_password(settings, database, conn):
    House(conn)
    token = adhere_portal("link", "--settings", settings, "--staff", "d1").output.split()[0]

    with served(database) as url:
        browser = Browser(url)
        path = "/enter/" + token.rpartition("/")[2]
        csrf = CSRF.search(browser.get(path).text).group(1)
        entered = browser.post(path, csrf=csrf)
        browser.close()

    assert entered.headers["location"] == "/password"


def test_a_link_for_nobody_is_refused(settings):
    made = adhere_portal("link", "--settings", settings, "--staff", "nobody")

    assert isinstance(made.exception, Misconfigured)


def test_a_taken_port_is_said(settings, conn):
    with serving(settings) as ready:
        settings.write_text(
            SETTINGS.format(public_url="http://127.0.0.1").replace(
                "port = 0", f"port = {ready['port']}"
            ),
            "utf-8",
        )
        again = adhere_portal("serve", "--settings", settings)

    assert isinstance(again.exception, Unavailable)


def test_with_a_certificate_it_speaks_tls_itself(settings, conn, tmp_path):
    authority = Authority(tmp_path)
    certificate, key = authority.issue("pages", "127.0.0.1")
    settings.write_text(
        SETTINGS.format(public_url="https://127.0.0.1")
        + f'cert_file = "{certificate}"\nkey_file = "{key}"\n',
        "utf-8",
    )

    with serving(settings) as ready:
        answer = httpx.get(
            f"https://127.0.0.1:{ready['port']}/login",
            verify=ssl.create_default_context(cafile=authority.ca_file),
            trust_env=False,
        )

    assert answer.status_code == 200
    assert "Secure" in answer.headers["set-cookie"]


def test_a_certificate_that_cannot_be_read_stops_the_start(settings, conn, tmp_path):
    settings.write_text(
        SETTINGS.format(public_url="https://127.0.0.1")
        + f'cert_file = "{tmp_path}/none.pem"\nkey_file = "{tmp_path}/none.key"\n',
        "utf-8",
    )

    started = adhere_portal("serve", "--settings", settings)

    assert isinstance(started.exception, Misconfigured)


def test_while_the_database_is_away_pages_say_so_and_come_back(database, conn):
    with served("postgresql://nobody@127.0.0.1:1/none") as url:
        browser = Browser(url, language="zh-CN")
        form = browser.get("/login")
        csrf = CSRF.search(form.text).group(1)
        refused = browser.post("/login", {"name": "d1", "password": "x"}, csrf=csrf)
        browser.close()

    assert form.status_code == 200
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert "数据库" in refused.text or "database" in refused.text

"""Who works with commands stands in the audit trail: by the account, and by the login."""

import ast
import os
import pwd
from pathlib import Path

import pytest

from storage import audit

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def note(conn):
    def written():
        audit.note_command(conn, action="x", subject="p1", detail={"a": 1})
        [entry] = audit.entries(conn)
        return entry.actor, entry.detail

    return written


def test_a_command_is_noted_with_the_account_and_the_login(conn, note, monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)
    # What anybody may say of themselves counts for nothing.
    monkeypatch.setenv("LOGNAME", "boss")
    monkeypatch.setenv("USER", "boss")

    login = conn.execute("SELECT session_user::text").fetchone()[0]
    assert note() == (f"terminal:{ACCOUNT}", {"a": 1, "login": login})


def test_under_sudo_it_is_whoever_called_it_beside_the_account(conn, note, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "zhao\n\x1b[2J" + "x" * 100)

    actor, detail = note()

    assert actor == "terminal:zhao[2J" + "x" * (64 - len("zhao[2J"))
    assert detail["account"] == ACCOUNT


def test_an_account_without_a_name_is_its_number(note, monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)

    assert note()[0] == f"terminal:{os.getuid()}"


def test_what_a_page_or_a_process_does_says_no_login(conn):
    audit.note(conn, actor="d1", action="x", subject="p1")

    assert audit.entries(conn)[0].detail == {}


def test_no_command_is_noted_as_nobodys():
    """A bare "terminal" as an actor says of nobody that it was them."""
    bare = [
        f"{path.relative_to(ROOT)}:{word.lineno}"
        for folder in ("scripts", "storage", "reports", "ingest", "portal", "alerts")
        for path in (ROOT / folder).rglob("*.py")
        for word in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(word, ast.Constant) and word.value == "terminal"
    ]
    assert bare == []

"""Every action that is written into the audit trail has a word on its page."""

import ast
import re
from pathlib import Path

from portal.words import ACTIONS

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("alerts", "ingest", "portal", "reports", "scripts", "storage")


def noted_in_python():
    """Yield what is given as `action` to a function called `note`."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) == "note":
                    for given in node.keywords:
                        if given.arg == "action" and isinstance(given.value, ast.Constant):
                            yield given.value.value, path.name


def _name(function):
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def noted_in_sql():
    """Yield the action of each row that a function of the database writes."""
    for path in (ROOT / "storage" / "migrations").glob("*.sql"):
        for found in re.finditer(
            r"INSERT INTO (?:public\.)?audit\b.*?'([a-z_]+)'", path.read_text("utf-8"), re.DOTALL
        ):
            yield found.group(1), path.name


def test_every_action_has_a_word_for_the_auditor():
    noted = {*noted_in_python(), *noted_in_sql()}

    assert len(noted) > 15
    assert {(action, where) for action, where in noted if action not in ACTIONS} == set()

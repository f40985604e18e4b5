"""What is written into the audit trail has words on its page."""

import ast
import re
from pathlib import Path
from zoneinfo import ZoneInfo

from portal.audit_words import DETAILS, details
from portal.reading import Reader
from portal.words import ACTIONS

ROOT = Path(__file__).resolve().parents[3]
NOT_KEYS = {None, "actor", "action", "subject", "detail"}
NOTES = {"note", "_note", "note_command"}
ROOMS = ("alerts", "ingest", "portal", "reports", "scripts", "storage")


def noted_in_python():
    """Yield what is given as an action to a function called `note` or `_note`, in any place."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in {"note", "_note"}:
                    of = [one.value for one in node.keywords if one.arg == "action"]
                    first = {"portal": 0, "storage": 2}.get(room)
                    by_place = [] if first is None else node.args[first : first + 1]
                    for given in of or by_place:
                        yield from ((text, path.name) for text in _texts(given))
                if isinstance(node, ast.Assign) and _name(node.targets[0]) == "action":
                    yield from ((text, path.name) for text in _texts(node.value))


def _texts(node):
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


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


def detail_keys():
    """Yield every key that is written out where the detail of a row is made."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text("utf-8")
            if "audit" in text or "visit.note" in text:
                for node in ast.walk(ast.parse(text)):
                    yield from ((key, path.name) for key in _keys(node, in_pages=room == "portal"))


def _keys(node, *, in_pages):
    """The keys of `detail = {...}` and `note(detail={...})`, in pages of `note(key=...)`."""
    made = []
    if isinstance(node, ast.Assign | ast.AugAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        made = [node.value] if _name(target) in {"detail", "totals"} else []
    elif isinstance(node, ast.Call) and _name(node.func) in NOTES:
        made = [one.value for one in node.keywords if one.arg == "detail"]
        if in_pages:
            yield from (one.arg for one in node.keywords if one.arg not in NOT_KEYS)
    for inner in (inner for value in made for inner in ast.walk(value)):
        if isinstance(inner, ast.Dict):
            yield from (text for key in inner.keys if key for text in _texts(key))


def test_every_key_of_a_detail_has_a_word_for_the_auditor():
    found = set(detail_keys())

    assert len({key for key, _where in found}) > 25
    assert {(key, where) for key, where in found if key not in DETAILS} == set()


def test_details_are_said_in_local_time_and_a_zero_is_no_gap():
    reader = Reader("en", ZoneInfo("Asia/Shanghai"))
    detail = {
        "to": "2026-11-22T12:00:00.885+00:00",
        "use": "list",
        "from": "2026-11-22T11:45:47+00:00",
        "wrong_before": 0,
        "month": None,
        "route": "<b>",
    }

    assert details(reader, detail) == (
        "2026-11-22 19:45:47 – 2026-11-22 20:00:00 · for: the curve on the work list"
        " · wrong passwords before: 0 · asked for: &lt;b&gt;"
    )

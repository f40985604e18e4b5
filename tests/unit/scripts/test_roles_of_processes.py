"""Whoever connects says as whom: nothing works in the database as its owner but who must."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("adherence", "alerts", "ingest", "portal", "reports", "scripts", "storage")
AS_OWNER = {
    "scripts/commands/db.py": "migrate owns everything; status is for whoever asks",
    "scripts/db/roles.py": "shows what the server has, to whoever asks",
    "scripts/db/backup.py": "copies everything",
    "scripts/replay/run.py": "migrates",
    "scripts/schema.py": "writes down what migrations make",
    "scripts/show/minute.py": "the demo's login, which may work as each role and owns nothing",
    "scripts/show/run.py": "the same",
    "scripts/show/services.py": "migrates",
    "storage/backup": "copies everything, and puts it back",
    "scripts/bench": "measures in a server of its own",
}


def calls_without_a_role(path):
    text = path.read_text("utf-8")
    if "from storage.database import" not in text and "from storage.pool import" not in text:
        return []
    tree = ast.parse(text)
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "storage.database"
        for alias in node.names
        if alias.name == "connect"
    }
    pools = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "storage.pool"
        for alias in node.names
        if alias.name == "Pool"
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in names | pools
        and not any(keyword.arg == "role" for keyword in node.keywords)
    ]


def test_whoever_connects_says_as_whom():
    without = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if calls_without_a_role(path)
    }
    known = {
        place
        for place in AS_OWNER
        for path in without
        if path == place or path.startswith(f"{place}/")
    }

    assert {
        path
        for path in without
        if not any(path == place or path.startswith(f"{place}/") for place in AS_OWNER)
    } == set()
    assert known == set(AS_OWNER), "an exception that nobody needs any more"

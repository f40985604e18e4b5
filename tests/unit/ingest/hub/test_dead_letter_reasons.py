import ast
import re
from pathlib import Path

import pytest

import ingest.batch
import ingest.hub
import storage
from ingest.hub.worker import FORKED, FORKED_EVENT

ROOT = Path(__file__).parents[4]
BATCH, HUB, STORAGE = (Path(str(p.__file__)).parent for p in (ingest.batch, ingest.hub, storage))
ON_THE_HUBS_WAY = [
    *(
        BATCH / f"{name}.py"
        for name in ("topics", "envelope", "sign1", "cbor", "typed_arrays", "content")
    ),
    *(BATCH / f"{name}.py" for name in ("event", "parts", "to_hub")),
    *(BATCH / f"{name}.py" for name in ("claim", "told")),
    *(STORAGE / f"{name}.py" for name in ("edge", "claims", "rosters", "box_times", "outages")),
    *HUB.glob("*.py"),
    *(STORAGE / f"{name}.py" for name in ("database", "gateways", "incoming", "ingest")),
    *(
        STORAGE / f"{name}.py"
        for name in ("gathered", "pgcopy", "reading_days", "reading_copy", "dead_letters")
    ),
]


def reasons_in(path: Path) -> set[str]:
    """The first argument of each `Rejected(...)`, which must be a word written there."""
    words = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Rejected":
            first = node.args[0]
            if isinstance(first, ast.Constant):
                words.add(str(first.value))
            else:
                # Passing an inner error's reason on is fine, for that one is found itself.
                assert isinstance(first, ast.Attribute), f"{path}:{node.lineno}"
                assert first.attr == "reason", f"{path}:{node.lineno}"
    return words


@pytest.fixture(scope="module")
def documented() -> list[str]:
    text = (ROOT / "docs/reference/dead-letter-reasons.md").read_text("utf-8")
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def test_every_reason_has_an_entry_and_every_entry_is_a_reason(documented):
    reasons = {FORKED, FORKED_EVENT}.union(*map(reasons_in, ON_THE_HUBS_WAY))

    assert sorted(documented) == sorted(reasons)


def test_every_entry_says_what_to_do():
    text = (ROOT / "docs/reference/dead-letter-reasons.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]

    assert all(len(row) == 4 and all(row) for row in rows)

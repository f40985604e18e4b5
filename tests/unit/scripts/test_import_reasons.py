"""Every reason for which a file or record is refused says what to do, here and in the document."""

import ast
from pathlib import Path

from scripts.gateway.import_reasons import REASONS

ROOT = Path(__file__).parents[3]
READERS = ROOT / "ingest/gateway/files"
DOCUMENT = ROOT / "docs/howto/import-files.md"


def said():
    """The first argument of every Rejected of the readers."""
    for path in READERS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Rejected":
                reason = node.args[0]
                if isinstance(reason, ast.Constant):
                    yield reason.value
    yield from ("unreadable", "reader_missing", "cut_short", "not_well_formed")


def test_every_reason_says_what_to_do():
    assert set(said()) == set(REASONS)


def test_the_document_names_every_reason():
    text = DOCUMENT.read_text("utf-8")

    assert [reason for reason in REASONS if f"`{reason}`" not in text] == []

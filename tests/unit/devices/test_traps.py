"""The page of traps names only tests and files that exist: a trap without a test is none met."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "why" / "device-traps.md"
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text("utf-8"))))
FILES = sorted(set(re.findall(r"`((?:devices|ingest)/[\w/]+\.py)`", PAGE.read_text("utf-8"))))


@cache
def functions(path):
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_the_test_that_a_trap_names_exists(path, name):
    assert name in functions(path)


@pytest.mark.parametrize("path", FILES)
def test_the_file_that_a_trap_names_exists(path):
    assert (ROOT / path).exists()


def test_every_row_of_a_trap_names_a_test():
    rows = [row for row in PAGE.read_text("utf-8").splitlines() if row.startswith("| ")]
    heads = [row for row in rows if row.startswith("| trap ")]

    assert len(heads) == 3
    assert [row for row in rows if row not in heads and "`tests/" not in row] == []

"""The core does no I/O and knows no clock: its imports come from a short list."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CORE_MAY_IMPORT = {
    "__future__", "adherence", "collections", "config", "dataclasses", "datetime", "enum",
    "functools", "hashlib", "itertools", "math", "numpy", "operator", "polars", "types", "typing",
}  # fmt: skip
KERNELS_ARE_COMPILED_BY = {"contextlib", "numba", "pickle"}
BATCH_MAY_NOT_IMPORT = {"numpy", "polars", "psycopg", "apsw", "paho"}


def imported(path):
    """Yield the first name of every module that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module.split(".")[0]


def files(package):
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", files("adherence"), ids=lambda p: p.stem)
def test_the_core_imports_from_a_short_list(path):
    more = KERNELS_ARE_COMPILED_BY if path.name == "compiled.py" else set()

    assert set(imported(path)) <= CORE_MAY_IMPORT | more


@pytest.mark.parametrize("path", files("adherence"), ids=lambda p: p.stem)
def test_the_core_asks_no_clock(path):
    calls = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }

    assert not calls & {"now", "utcnow", "today", "time_ns", "monotonic"}


@pytest.mark.parametrize("path", files("ingest/batch"), ids=lambda p: p.stem)
def test_the_wire_contract_needs_neither_frames_nor_servers(path):
    assert not set(imported(path)) & BATCH_MAY_NOT_IMPORT


@pytest.mark.parametrize("package", ["ingest/gateway", "ingest/batch", "config", "devices"])
def test_what_a_gateway_runs_needs_only_its_own_extra(package):
    brought = {
        "apsw", "babel", "bleak", "cbor2", "cryptography", "dbus_fast", "paho", "pydantic",
        "pydantic_core", "structlog", "zstandard",
    }  # fmt: skip
    ours = {"alerts", "config", "devices", "ingest"}  # of alerts: the condition (import contract)

    for path in files(package):
        if "virtual" in path.parts:
            continue  # made-up wearers are for the demo
        # The extra `files` brings it, and a file's account says so where it is missing.
        optional = {"fitdecode"} if path.name == "fit.py" else set()
        needed = set(imported(path)) - optional
        assert needed <= brought | ours | set(sys.stdlib_module_names), path

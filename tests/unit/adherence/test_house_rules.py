"""The core stays pure, and no number of the method stands in its code."""

import ast
import tomllib
from pathlib import Path

import polars as pl
import pytest

import adherence
from adherence import method
from config.conventions import CONVENTIONS_FILE, Conventions, load_conventions
from config.errors import Misconfigured
from tests.reference import core

MODULES = sorted(Path(adherence.__file__).parent.glob("*.py"))
ALLOWED = {"numpy", "polars", "collections", "itertools", "typing", "adherence", "config"}
ALLOWED_IN = {"compiled": {"contextlib", "numba", "pickle"}}
"""What compiles kernels, and reads what it kept of that."""
IMPURE = {"fetch", "map_elements", "map_batches", "iter_rows", "open"}
COLLECTS = {"collect", "collect_all"}
IN_MEMORY = {"method", "stages", "whole", "cleaning", "steps", "stretches"}
"""Samples, held time and step minutes are columns in memory: only what works on them collects."""
NEUTRAL = {-1, 0, 1, 2, 0.5, 5, 6, 10, 99, 100, 1e-9}
"""Numbers of arithmetic: rounding, per cent, one row up, a half."""
UNITS = {7, 1_000, 60_000, 86_400_000, 720_720}
CALENDAR = {62_134_992_000_000, 253_401_696_000_000}
"""Where dates begin and end."""
SIZES = {8, 53}
"""How many rows a kernel looks at in one go, and the bits of a float: no figure depends on them."""


def nodes(module):
    return list(ast.walk(ast.parse(module.read_text("utf-8"))))


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.stem)
def test_the_core_imports_frames_and_its_numbers_and_nothing_that_reads_or_waits(module):
    found = set()
    for node in nodes(module):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])

    assert found <= ALLOWED | ALLOWED_IN.get(module.stem, set())


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.stem)
def test_the_core_collects_nothing_and_walks_no_rows(module):
    names = {node.attr for node in nodes(module) if isinstance(node, ast.Attribute)}

    assert not names & (IMPURE if module.stem in IN_MEMORY else IMPURE | COLLECTS)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.stem)
def test_no_threshold_stands_in_code(module):
    numbers = {
        node.value
        for node in nodes(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    }

    assert numbers <= NEUTRAL | UNITS | CALENDAR | SIZES | {True, False}


def test_every_number_of_the_method_has_its_convention_and_source():
    conventions = load_conventions()

    numbers = set(Conventions.model_fields) - {"version", "time_zone", "sources"}
    assert set(conventions.sources) == numbers
    covered = {source.convention for source in conventions.sources.values()}
    assert covered == {f"C{n}" for n in (1, 2, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[valid_day_min]", "[valid_day_minutes]"),
        ("value = 600", 'value = "600"'),
        ("value = 60\n", "value = 61\n"),
        ("source = ", "from = "),
        ("version", "= version"),
    ],
)
def test_a_conventions_file_with_a_fault_is_refused(tmp_path, old, new):
    path = tmp_path / "conventions.toml"
    text = CONVENTIONS_FILE.read_text("utf-8")
    assert tomllib.loads(text)
    path.write_text(text.replace(old, new), "utf-8")

    with pytest.raises(Misconfigured, match=r"conventions\.toml"):
        load_conventions(path)


def test_the_plans_know_their_columns_before_any_data():
    c = load_conventions()
    samples, steps, cases = core.frames([], [], [])
    held = method.held(method.kept(samples, c), c)

    days = method.days(held, steps, cases, c).collect_schema()
    bouts = method.bouts(method.chains(held, cases, c), steps, c).collect_schema()

    assert all(dtype == pl.Int64 for name, dtype in days.items() if name.endswith(("_ms", "_min")))
    assert all(dtype == pl.Int64 for name, dtype in bouts.items() if name.endswith("_ms"))
    assert (days["date"], days["valid_day"], bouts["date"]) == (pl.Date, pl.Boolean, pl.Date)

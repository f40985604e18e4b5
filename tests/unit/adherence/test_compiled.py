"""Kernels: what is kept of their machine code decides how soon they begin, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ONE_CASE = """
import json, sys
import polars as pl
from adherence.whole import whole
from config.conventions import load_conventions

people = [1, 2]
beats = [(who, at * 5_000, 70 + (at * 7 + who) % 90 + (at % 11 == 0) / 2)
         for who in people for at in range(2_000)]
steps = [(who, at * 60_000, at * 13 % 140) for who in people for at in range(160)]
cases = pl.DataFrame({"case": ["a", "b"], "person": people, "age": [50.0, 61.0],
    "beta_blocker": [False, True], "rest_hr": [60.0, 62.0], "hr_max": [None, 160.0],
    "zone_lo": [40.0, 40.0], "zone_hi": [60.0, 85.0], "session_min": [10.0, 20.0],
    "sessions_per_week": [3.0, 5.0], "weekly_min": [90.0, 150.0]})
found = whole(pl.DataFrame(beats, ["person", "ts", "hr"], orient="row"),
              pl.DataFrame(steps, ["person", "ts", "steps"], orient="row"),
              cases, load_conventions())
import adherence.cleaning
print(json.dumps({
    "compiled": hasattr(adherence.cleaning._singled, "signatures"),
    "results": {name: frame.write_json() for name, frame in found._asdict().items()},
}))
"""


def results(before="", **environment):
    done = subprocess.run(
        [sys.executable, "-c", before + ONE_CASE],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def expected():
    return results()["results"]


def test_a_kernel_is_plain_python_too(expected):
    found = results(NUMBA_DISABLE_JIT="1")

    assert not found["compiled"]
    assert found["results"] == expected


def test_what_was_cut_off_on_disk_is_compiled_anew(expected, tmp_path):
    assert results(NUMBA_CACHE_DIR=str(tmp_path))["results"] == expected
    kept = [path for path in Path(tmp_path).rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:40])

    assert results(NUMBA_CACHE_DIR=str(tmp_path))["results"] == expected
    assert all(path.stat().st_size > 40 for path in kept), "and written anew"


NO_FOLDER = """
from numba.core import caching
caching.FunctionCache._impl_class._locator_classes = []
"""
FULL_DISK = """
from numba.core import caching
def full(*_of): raise OSError(28, "No space left on device")
caching.IndexDataCacheFile.save = full
"""


@pytest.mark.parametrize("fault", [NO_FOLDER, FULL_DISK], ids=["no_folder", "full_disk"])
def test_nowhere_to_keep_machine_code_is_no_fault(expected, tmp_path, fault):
    found = results(fault, NUMBA_CACHE_DIR=str(tmp_path))

    assert found["compiled"]
    assert found["results"] == expected

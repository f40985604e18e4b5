"""The rule on skips: by name and for the reason given, nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.skips import is_permitted, permitted_skips

ROOT = Path(__file__).resolve().parents[3]
LISTED = """
# a comment
tests/integration/hub/*::test_a | mosquitto is not installed
tests/unit/x.py::test_b | recorded data
"""


@pytest.mark.parametrize(
    ("nodeid", "reason", "expected"),
    [
        ("tests/integration/hub/test_h.py::test_a", "mosquitto is not installed", True),
        ("tests/integration/hub/test_h.py::test_a[5]", "mosquitto is not installed here", True),
        ("tests/integration/hub/test_h.py::test_a", "no time", False),
        ("tests/integration/hub/test_h.py::test_c", "mosquitto is not installed", False),
        ("tests/unit/x.py::test_b", "", False),
    ],
)
def test_a_skip_is_permitted_by_name_and_reason(nodeid, reason, expected):
    assert is_permitted(nodeid, reason, permitted_skips(LISTED)) is expected


def test_a_line_without_a_reason_permits_nothing():
    assert not is_permitted("tests/x.py::test_a", "anything", permitted_skips("tests/x.py::test_a"))


@pytest.mark.parametrize(
    "body",
    [
        "import pytest\ndef test_it():\n    pytest.skip('because')\n",
        "import pytest\n@pytest.mark.skip(reason='because')\ndef test_it(): pass\n",
        "import pytest\npytest.skip('because', allow_module_level=True)\n",
    ],
)
def test_an_unlisted_skip_fails_the_run_and_is_named(tmp_path, body):
    (tmp_path / "test_skipping.py").write_text(body + "\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.skips", "-p", "no:cacheprovider", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1, run.stdout
    assert "skips that are not permitted" in run.stdout
    assert "| because" in run.stdout

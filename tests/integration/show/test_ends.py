"""A demo that is stopped or killed leaves no process behind."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

START_S = 3 * PATIENCE_S
"""Until its pages are up it has written five weeks of everybody."""

pytestmark = pytest.mark.timeout(START_S + 3 * PATIENCE_S)


def children_of(pid):
    """The ids of all processes below this one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text("utf-8", "replace")
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found, edge = set(), {pid}
    while edge := {child for child, parent in parents.items() if parent in edge} - found:
        found |= edge
    return found


def words_of(pid):
    """The command line of a process, for whoever reads that it stayed."""
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return f"process {pid}, gone by now"


def watched(pids):
    """A descriptor for each process that still lives, with its command line for whoever reads."""
    found = {}
    for pid in pids:
        try:
            watch = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        found[watch] = words_of(pid)
    return found


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def demo(state, tmp_path):
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "scripts.main", "demo", "--no-serve", "--json"),
            *("--data", str(state), "--report-dir", str(tmp_path / "reports")),
        ],
        env=os.environ | {"ADHERE_LANGUAGE": "en", "ADHERE_DATABASE_DSN": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        yield started
        started.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_demo(demo, state, number):
    end = time.monotonic() + START_S
    while not all(
        (log := state / f"{name}.log").exists() and f"{name}_ready" in log.read_text("utf-8")
        for name in ("hub", "watch", "portal")
    ):
        assert demo.poll() is None, demo.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    watches = watched(children_of(demo.pid))

    demo.send_signal(number)
    _out, said = demo.communicate(timeout=PATIENCE_S)

    assert len(watches) >= 5  # database, broker, hub, watch, portal
    for watch, words in watches.items():
        poll = select.poll()
        poll.register(watch, select.POLLIN)
        assert poll.poll(PATIENCE_S * 1000), f"outlived the demo: {words}"
        os.close(watch)
    if number == signal.SIGINT:
        assert demo.returncode == 130
        assert "Stopped." in said

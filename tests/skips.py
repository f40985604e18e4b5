"""No test is skipped in silence: each skip that may be is listed by name in permitted_skips.txt.

A line is `<test's id without parameters> | <start of the reason>`; `*` stands for anything in it.
Any other skip fails the run; in CI, where scripts/test installs what is needed, also each one whose
reason says that something is not installed. Loaded by pyproject.toml (`-p tests.skips`).
"""

import os
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

PERMITTED = Path(__file__).with_name("permitted_skips.txt")


def permitted_skips(text):
    """Return (pattern of the test's id, start of the reason) for each line."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition(" | ") for line in lines if line and not line.startswith("#"))
    return [(name.strip(), reason.strip()) for name, _, reason in pairs]


def is_permitted(nodeid, reason, permitted):
    """Say whether this test may be skipped for this reason."""
    name = nodeid.partition("[")[0]
    return any(
        fnmatchcase(name, pattern) and start and reason.startswith(start)
        for pattern, start in permitted
    )


class Skips:
    """Collects the skips of one run and fails it on one that is not listed."""

    def __init__(self, permitted, *, all_is_installed):
        self.permitted = permitted
        self.all_is_installed = all_is_installed
        self.refused = []

    def pytest_runtest_logreport(self, report):
        self.see(report)

    def pytest_collectreport(self, report):
        self.see(report)

    def see(self, report):
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        longrepr = report.longrepr
        reason = str(longrepr[2] if isinstance(longrepr, tuple) else longrepr)
        reason = reason.removeprefix("Skipped: ")
        is_listed = is_permitted(report.nodeid, reason, self.permitted)
        if not is_listed or (self.all_is_installed and "is not installed" in reason):
            self.refused.append(f"{report.nodeid} | {reason}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session):
        if self.refused:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        if self.refused:
            terminalreporter.section("skips that are not permitted", red=True)
            for line in self.refused:
                terminalreporter.line(line)
            terminalreporter.line(f"list them in {PERMITTED.name}, or run what they need")


def pytest_configure(config):
    permitted = permitted_skips(PERMITTED.read_text("utf-8"))
    config.pluginmanager.register(
        Skips(permitted, all_is_installed="CI" in os.environ), "adhere-skips"
    )

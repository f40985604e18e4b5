"""`adhere`: quick help, clear faults, exit codes that a service can act on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.errors import Misconfigured, Rejected, Unavailable
from scripts import main
from scripts.main import COMMANDS
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
HEAVY = "amqtt apscheduler apsw numpy paho polars psycopg pydantic structlog xlsxwriter"
MISSING = (
    "adhere: this command needs the package polars, which is not installed here; "
    "run in its sources: pip install '.[district]'"
)


def adhere(*words, code="from scripts.main import main; main()", **environ):
    """Run `adhere` in a process of its own, without the locale of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items() if k not in {"LANGUAGE", "LC_ALL", "LC_MESSAGES"}}
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env=kept | {"LANG": "C.UTF-8", "ADHERE_LANGUAGE": "en", "COLUMNS": "100"} | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_help_names_every_command_and_imports_none():
    code = (
        "import sys, atexit\n"
        f"heavy = {HEAVY!r}.split()\n"
        "atexit.register(lambda: print('HEAVY', *[m for m in heavy if m in sys.modules]))\n"
        "from scripts.main import main; main()"
    )

    run = adhere("--help", code=code)

    assert run.returncode == 0, run.stderr
    assert all(name in run.stdout for name in COMMANDS)
    assert run.stdout.splitlines()[-1] == "HEAVY"


def test_the_table_holds_every_command_file_and_no_other():
    files = {path.stem for path in (ROOT / "scripts/commands").glob("*.py")} - {"__init__"}

    assert {command.module for command in COMMANDS.values()} == files


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help(name):
    run = adhere(name, "--help")

    assert run.returncode == 0, run.stderr
    assert f"adhere {name}" in run.stdout


def test_the_version_is_shown():
    run = adhere("--version")

    assert (run.returncode, run.stdout) == (0, "adhere 0.1.0\n")


def test_help_speaks_the_language_of_the_reader():
    run = adhere("--help", ADHERE_LANGUAGE="zh_CN")

    assert "不是医疗器械" in run.stdout


def test_a_terminal_that_lacks_a_sign_still_shows_the_rest():
    run = adhere("--help", PYTHONIOENCODING="ascii", ADHERE_LANGUAGE="zh_CN")

    assert run.returncode == 0, run.stderr
    assert "hub" in run.stdout


def test_a_mistyped_command_is_answered_with_the_near_one():
    run = adhere("hbu")

    assert run.returncode == 2
    assert "'hub'" in run.stderr


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        (
            Misconfigured("a.toml: port: is missing\nb"),
            2,
            ["adhere: a.toml: port: is missing", "adhere: b"],
        ),
        (Rejected("bad_signature"), 3, ["adhere: the data was refused: bad_signature"]),
        (Unavailable("the database"), 4, ["adhere: not available now: the database"]),
        (
            ModuleNotFoundError("no", name="polars.io"),
            2,
            [MISSING],
        ),
    ],
)
def test_a_foreseen_fault_is_one_clear_line_and_an_exit_code(
    monkeypatch, capsys, fault, code, told
):
    def failing():
        def run(**_):
            raise fault

        return run

    monkeypatch.setattr(main, "command_line", failing)
    monkeypatch.setattr(sys, "argv", ["adhere", "hub"])
    monkeypatch.setenv("ADHERE_LANGUAGE", "en")
    monkeypatch.setenv("LANGUAGE", "en")

    with pytest.raises(SystemExit) as stopped:
        main.main()

    assert stopped.value.code == code
    assert capsys.readouterr().err.splitlines() == told


def test_a_bug_is_not_dressed_up(monkeypatch):
    def failing():
        def run(**_):
            raise ModuleNotFoundError("no", name="storage.nothing")

        return run

    monkeypatch.setattr(main, "command_line", failing)
    monkeypatch.setenv("LANGUAGE", "en")

    with pytest.raises(ModuleNotFoundError):
        main.main()


def test_the_log_of_a_service_is_one_json_object_a_line():
    code = (
        "import logging, structlog\n"
        "from scripts.log import set_up_log\n"
        "set_up_log(verbose=False, for_a_person=False)\n"
        "structlog.get_logger().info('batch_sealed', seq=7)\n"
        "structlog.get_logger().debug('quiet')\n"
        "logging.getLogger('library').warning('lost %s', 'link')\n"
        "logging.getLogger('library').info('chatter')\n"
    )

    run = adhere(code=code)

    events = [json.loads(line) for line in run.stderr.splitlines()]
    assert [(e["event"], e["level"]) for e in events] == [
        ("batch_sealed", "info"),
        ("lost link", "warning"),
    ]
    assert events[0]["seq"] == 7
    assert run.stdout == ""

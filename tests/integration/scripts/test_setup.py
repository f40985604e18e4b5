"""Set-up on a fresh machine: a Python is found or asked for, in two languages; all or nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("bash", "cat", "cksum", "dirname", "grep", "id", "rm")

OLD = "#!/bin/sh\nexit 1\n"  # as the question for the version answers on Python 3.10
BARE = f"""#!/bin/sh
case "$*" in
    *ensurepip*|"-m venv"*|"-m virtualenv"*) exit 1 ;;
    *) exec {sys.executable} "$@" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with the scripts and locks alone, and a PATH with nothing but a few tools."""
    place = tmp_path / "adhere"
    (place / "scripts").mkdir(parents=True)
    for name in ("setup.sh", "demo", "test"):
        shutil.copy(ROOT / "scripts" / name, place / "scripts" / name)
    shutil.copytree(ROOT / "requirements", place / "requirements")
    shutil.copy(ROOT / "pyproject.toml", place)
    path = tmp_path / "bin"
    path.mkdir()
    for tool in TOOLS:
        (path / tool).symlink_to(shutil.which(tool))
    return place, path


def put(path, name, text):
    (path / name).write_text(text)
    (path / name).chmod(0o755)


def run(checkout, *words, script="demo"):
    place, path = checkout
    return subprocess.run(
        [place / "scripts" / script, *words],
        cwd="/",
        env={"PATH": str(path), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("script", ["demo", "test"])
def test_a_machine_without_a_new_enough_python_is_told_what_to_install(checkout, script):
    for name in ("python3", "python3.10", "python"):
        put(checkout[1], name, OLD)

    told = run(checkout, script=script)

    assert told.returncode == 2
    assert "needs Python 3.11 or newer" in told.stderr
    assert "需要 Python 3.11" in told.stderr
    assert not (checkout[0] / ".venv").exists()


def test_a_python_that_cannot_make_environments_is_told_what_is_missing(checkout):
    put(checkout[1], "python3", BARE)

    told = run(checkout)

    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert told.returncode == 2
    assert f"apt-get install {version}-venv" in told.stderr
    assert "无法建立虚拟环境" in told.stderr


def test_a_newer_python_under_its_own_name_is_found(checkout):
    put(checkout[1], "python3", OLD)
    put(checkout[1], "python3.12", BARE)

    told = run(checkout)

    assert str(checkout[1] / "python3.12") in told.stderr


def test_the_python_that_a_person_names_comes_first(checkout):
    place, path = checkout
    put(path, "python3", OLD)
    put(path, "mine", BARE)

    told = subprocess.run(
        ["bash", "-c", ". scripts/setup.sh && find_python"],  # noqa: S607 - of the PATH above
        cwd=place,
        env={"PATH": str(path), "PYTHON": "mine"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.stdout.strip() == str(path / "mine")


def test_a_folder_that_is_no_environment_is_not_touched(checkout):
    put(checkout[1], "python3", BARE)
    mine = checkout[0] / ".venv" / "letters"
    mine.parent.mkdir()
    mine.write_text("dear")

    told = run(checkout)

    assert told.returncode == 2
    assert "is no virtual environment" in told.stderr
    assert mine.read_text() == "dear"


def test_an_index_that_cannot_be_reached_is_told_and_tried_again(checkout):
    put(checkout[1], "python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for tool in ("tail", "tee", "awk"):
        (checkout[1] / tool).symlink_to(shutil.which(tool))
    (checkout[0] / "requirements" / "demo.txt").write_text(
        "no-such-package==1 --hash=sha256:" + "0" * 64 + "\n"
    )

    place, path = checkout
    told = subprocess.run(
        [place / "scripts" / "demo"],
        cwd="/",
        env={"PATH": str(path), "HOME": "/nonexistent", "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert told.returncode == 2
    assert "could not be installed" in told.stderr
    assert "软件包安装失败" in told.stderr
    assert not list((place / ".venv").glob("*.stamp"))

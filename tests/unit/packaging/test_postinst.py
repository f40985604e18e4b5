"""The package's scripts, by version: which programs stay on the box, and which one runs."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "packaging" / "debian"
NOT_HERE = ("getent", "adduser", "install", "chgrp", "chmod", "deb-systemd-helper",
            "deb-systemd-invoke", "systemctl")  # fmt: skip


class Box:
    """What dpkg does to a box, with the real scripts of the package, in a folder."""

    def __init__(self, folder):
        self.home, self.stubs, self.installed = folder / "opt", folder / "bin", None
        self.home.mkdir()
        self.stubs.mkdir()
        for name in NOT_HERE:
            self._program(self.stubs / name)

    def install(self, version):
        """Install that package over whichever is there."""
        before, self.installed = self.installed, version
        self._script("preinst", version, *(("upgrade", before) if before else ("install",)))
        for name in ("adhere", "python"):
            self._program(self.home / version / "bin" / name)
        if before not in {None, version}:
            shutil.rmtree(self.home / before, ignore_errors=True)
        self._script("postinst", version, "configure")

    def roll_back(self, version):
        link = self.home / ".current"
        link.symlink_to(version)
        link.replace(self.home / "current")

    @property
    def versions(self):
        programs = {path.parents[1].name for path in self.home.glob("*/bin/adhere")}
        return sorted(programs - {"current"})

    @property
    def runs(self):
        return str((self.home / "current").readlink())

    def _program(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\nexit 0\n")
        path.chmod(0o755)

    def _script(self, name, version, *words):
        text = (SCRIPTS / name).read_text()
        for mark, word in (("@VERSION@", version), ("@SPOOL@", "1")):
            text = text.replace(mark, word)
        text = text.replace("home=/opt/adhere-gateway", f"home={self.home}", 1)
        environ = {"PATH": f"{self.stubs}:/usr/bin:/bin"}
        subprocess.run(["/bin/sh", "-c", text, name, *words], env=environ, check=True)


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def test_after_an_upgrade_the_version_before_is_there(box):
    for version in ("1", "2", "3"):
        box.install(version)

    assert (box.runs, box.versions) == ("3", ["2", "3"])


def test_an_upgrade_after_a_rollback_keeps_the_version_that_ran(box):
    box.install("1")
    box.install("2")
    box.roll_back("1")

    box.install("3")

    assert (box.runs, box.versions) == ("3", ["1", "3"])


def test_the_former_package_after_a_rollback_to_it_keeps_the_newer_one(box):
    box.install("1")
    box.install("2")
    box.roll_back("1")

    box.install("1")

    assert (box.runs, box.versions) == ("1", ["1", "2"])


def test_the_same_package_again_takes_nothing_away(box):
    box.install("1")
    box.install("2")

    box.install("2")

    assert (box.runs, box.versions) == ("2", ["1", "2"])

"""House rules that no other tool knows: what may stand in a tracked file, and a lock that is true.

Run by `scripts/check`; prints one line per fault.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LARGEST_FILE_BYTES = 512 * 1024
LOCKS = {
    "district": ("district",),
    "gateway": ("gateway", "files"),
    "demo": ("gateway", "files", "district", "demo"),
    "test": ("gateway", "files", "district", "demo", "test"),
}

FORBIDDEN = {
    "a path of one machine": re.compile(r"/(?:work|root|home/[a-z]+|Users)/|[.]pyenv\b"),
    "a package registry's host": re.compile(
        r"pypi[.]|python[h]osted|npmjs[.]|deb[.]debian|registry[.](?!py\b)[a-z]|archive[.]ubuntu|/simple[/]",
        re.IGNORECASE,
    ),
    "a ticket or a text that is not in the repository": re.compile(
        r"\b[Ii]ssue \#?\d|\bMETHOD \d|"
        r"\b(?:DESIGN|METHOD|STYLE|FINDINGS|ANCHORS|ALERTS|PAYMENT)\.md\b"
    ),
    "a direction-changing character": re.compile("[\u202a-\u202e\u2066-\u2069]"),
}


def main() -> None:
    """Print every fault; exit 1 if there is one."""
    faults = [*_files(), *_locks()]
    for fault in faults:
        print(fault)  # noqa: T201 - a tool for people and CI
    sys.exit(1 if faults else 0)


def tracked() -> list[Path]:
    """Return every file that git keeps and that is still there."""
    listed = subprocess.run(  # noqa: S603 - fixed arguments
        # root may look at a person's clone: it is only listed, nothing of it is run
        ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z"],  # noqa: S607 - as found
        capture_output=True,
        check=True,
        text=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _files() -> Iterator[str]:
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        data = path.read_bytes()
        if len(data) > LARGEST_FILE_BYTES:
            yield f"{name}: {len(data)} bytes, more than {LARGEST_FILE_BYTES}"
        if b"\0" in data or path.name == "LICENSE":
            continue
        for number, line in enumerate(data.decode("utf-8").splitlines(), start=1):
            for what, pattern in FORBIDDEN.items():
                if pattern.search(line):
                    yield f"{name}:{number}: {what}"


def _locks() -> Iterator[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    extras = project["project"]["optional-dependencies"]
    always, build = project["project"]["dependencies"], project["dependency-groups"]["build"]
    for lock, included in LOCKS.items():
        text = (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
        yield from faults_of_lock(
            f"requirements/{lock}.txt",
            text,
            always
            + [line for extra in included for line in extras[extra]]
            + (build if lock != "gateway" else []),  # a box's package builds nothing
        )


def faults_of_lock(name: str, text: str, wanted: list[str]) -> Iterator[str]:
    """Yield what a lock lacks: a requirement not pinned, a pin outside its range or unhashed."""
    pinned = {}
    for block in re.split(r"\n(?=\S)", text.strip()):
        pin = re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", block)
        if pin is None or "--hash=sha256:" not in block:
            yield f"{name}: not pinned with a hash: {block.splitlines()[0]}"
            continue
        pinned[canonicalize_name(pin.group(1))] = pin.group(2)
    for line in wanted:
        requirement = Requirement(line)
        key = canonicalize_name(requirement.name)
        if key == "adhere":
            continue
        if key not in pinned:
            yield f"{name}: {line} is not pinned; run scripts/lock"
        elif pinned[key] not in requirement.specifier:
            yield f"{name}: {key} {pinned[key]} is outside {line}; run scripts/lock"


if __name__ == "__main__":
    main()

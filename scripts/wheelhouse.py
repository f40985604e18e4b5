"""Say whether a folder of installed packages has all that a gateway needs; else exit 1.

The lock file names packages one by one and none is looked up here, so one that the extra `gateway`
has come to need and the lock lacks would be missed only in a centre.
"""

import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BOX = {"python_version": "3.11", "python_full_version": "3.11.2", "sys_platform": "linux"}


def missing(folder: str) -> Iterator[str]:
    """Yield what is required and not there, or there in a version that does not fit."""
    there = {canonicalize_name(one.name): one for one in distributions(path=[folder])}
    asked, done = [Requirement("adhere[gateway]")], set()
    while asked:
        wanted = asked.pop()
        name = canonicalize_name(wanted.name)
        found = there.get(name)
        if found is None or not wanted.specifier.contains(found.version, prereleases=True):
            yield str(wanted)
            continue
        for extra in (*wanted.extras, ""):
            if (name, extra) not in done:
                done.add((name, extra))
                asked += _needed(found, extra)


def _needed(found: Distribution, extra: str) -> Iterator[Requirement]:
    for line in found.requires or ():
        needed = Requirement(line)
        if needed.marker is None or needed.marker.evaluate(BOX | {"extra": extra}):
            yield needed


if __name__ == "__main__":
    lacking = sorted(set(missing(sys.argv[1])))
    for line in lacking:
        print(f"not in requirements/gateway.txt (run scripts/lock): {line}", file=sys.stderr)  # noqa: T201 - a tool
    sys.exit(bool(lacking))

"""Permissions: who may read the keys, and may the gateway's account read what it must."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from pwd import getpwuid

from config.language import _
from ingest.gateway.checks.finding import Finding

SECRET = ("*.key*", "*.sqlite*", "*.cose", "enrolment.json")
"""In the data folder: for their owner alone. (The enrolment says which hub to trust.)"""


def permission_findings(
    folder: Path, settings_file: Path, more_keys: Iterable[Path], *, user_id: int
) -> Iterator[Finding]:
    """Yield what is wrong with rights, or that nothing is. `user_id`: who asks.

    Raises OSError where the data folder is not there, or may not be looked into.
    """
    faults = [
        *_who(folder, user_id),
        *_open_to_others(folder),
        *_settings(settings_file),
        *(fault for path in more_keys for fault in _key(path)),
    ]
    yield from faults
    if not faults:
        owner = name_of(folder.stat().st_uid)
        yield Finding(
            "permissions", "ok", _("keys and spool are %(owner)s's alone") % {"owner": owner}
        )


def _who(folder: Path, user_id: int) -> Iterator[Finding]:
    owner = folder.stat().st_uid
    said = {"owner": name_of(owner), "path": folder}
    if user_id not in {0, owner}:
        yield Finding(
            "permissions",
            "bad",
            _("%(path)s belongs to %(owner)s, and you are another") % said,
            _("run it as the gateway's account: sudo -u %(owner)s adhere gateway ...") % said,
        )
    foreign = sorted(path.name for path in folder.iterdir() if path.lstat().st_uid != owner)
    if foreign:
        yield Finding(
            "permissions",
            "bad",
            _("in %(path)s not %(owner)s's: %(files)s") % (said | {"files": ", ".join(foreign)}),
            f"chown -R {said['owner']}: {folder}",
        )


def _open_to_others(folder: Path) -> Iterator[Finding]:
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        yield Finding(
            "permissions",
            "bad",
            _("others may look into %(path)s") % {"path": folder},
            f"chmod 700 {folder}",
        )
    for path in sorted({path for pattern in SECRET for path in folder.glob(pattern)}):
        too_much = 0o022 if path.suffix == ".json" else 0o077  # an answer holds no secret
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & too_much:
            yield Finding(
                "permissions",
                "bad",
                _("others may read or write %(path)s") % {"path": path},
                f"chmod 600 {path}",
            )


def _settings(path: Path) -> Iterator[Finding]:
    if stat.S_IMODE(path.stat().st_mode) & 0o022:
        yield Finding(
            "permissions",
            "bad",
            _("others may change %(path)s, and so where readings go") % {"path": path},
            f"chmod go-w {path}",
        )


def _key(path: Path) -> Iterator[Finding]:
    """Look at the key of a client certificate."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        yield Finding(
            "permissions",
            "bad",
            _("%(path)s cannot be read (%(why)s)") % {"path": path, "why": error.strerror},
            _("correct [broker.tls] in the settings, or the rights"),
        )
        return
    if mode & 0o007 or not os.access(path, os.R_OK):
        yield Finding(
            "permissions",
            "bad",
            _("%(path)s is open to others, or closed to you") % {"path": path},
            f"chown root:adhere {path}; chmod 640 {path}",
        )


def name_of(user_id: int) -> str:
    """Return an account's name, or its number where it has none."""
    try:
        return getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)

"""Report files: whole or not there, never edited."""

import contextlib
import hashlib
import os
from pathlib import Path

from config.errors import Misconfigured, Unavailable
from config.language import _

_UNFINISHED = ".unfinished"


def clear_unfinished(folder: Path) -> None:
    """Make the folder where it is missing; remove what a killed run left half-written in it.

    Only whoever holds the night's lock may call this.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        for left in folder.glob(f".*{_UNFINISHED}"):
            left.unlink()
    except OSError as error:
        raise Misconfigured(
            _("The report folder %(folder)s cannot be used (%(why)s): make it writable.")
            % {"folder": folder, "why": error.strerror}
        ) from error


def put_file(path: Path, data: bytes) -> None:
    """Let `path` appear with all of `data`, on disk, or not at all; raise Unavailable otherwise."""
    unfinished = path.with_name(f".{path.name}{_UNFINISHED}")
    try:
        with unfinished.open("wb") as file:
            os.fchmod(file.fileno(), 0o640)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise Unavailable(_("report folder: %(fault)s") % {"fault": error.strerror}) from error


def require_unchanged(path: Path, sha256: bytes) -> bool:
    """Return whether the file is there; raise Misconfigured if somebody changed it."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return False
    if hashlib.sha256(data).digest() != sha256:
        raise Misconfigured(
            _("%(path)s was changed after it was written: restore it, or move it away.")
            % {"path": path}
        )
    return True

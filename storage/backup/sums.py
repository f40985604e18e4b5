"""SHA256SUMS: the hash of every file of a folder, as `sha256sum -c` reads it."""

import hashlib
import os
import re
from pathlib import Path

from config.errors import Misconfigured
from config.language import _

NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


class Damaged(Misconfigured):
    """A file of a backup is not what was written: nothing is restored from it."""


def write(folder: Path) -> str:
    """Hash and sync every file below `folder`, write the list, sync it; return its own hash."""
    lines = [f"{_sha256(folder / name, sync=True)}  {name}\n" for name in _files(folder)]
    text = "".join(lines).encode()
    with (folder / NAME).open("xb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    for inner, _folders, _names in os.walk(folder):
        sync_folder(Path(inner))
    return hashlib.sha256(text).hexdigest()


def verify(folder: Path) -> str:
    """Compare every file; return the hash of the list.

    Raises Damaged with the name of the first file that is not as written, missing, or too many.
    """
    try:
        text = (folder / NAME).read_bytes()
    except OSError as error:
        raise Damaged(
            _("%(folder)s is no backup: %(name)s cannot be read (%(why)s)")
            % {"folder": folder, "name": NAME, "why": error.strerror}
        ) from error
    listed: dict[str, str] = {}
    for line in text.decode("utf-8", "replace").splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            raise Damaged(_damaged(folder / NAME))
        listed[found[2]] = found[1]
    there = set(_files(folder)) - {NAME}
    for name in sorted(listed.keys() | there):
        path = folder / name
        if name not in there:
            raise Damaged(_("%(path)s is missing: restore from another backup") % {"path": path})
        if name not in listed:
            raise Damaged(_("%(path)s is no part of the backup: take it away") % {"path": path})
        if _sha256(path) != listed[name]:
            raise Damaged(_damaged(path))
    return hashlib.sha256(text).hexdigest()


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(path: Path) -> str:
    return _(
        "%(path)s is damaged: its bytes are not those that were written; "
        "restore from another backup"
    ) % {"path": path}


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def _sha256(path: Path, *, sync: bool = False) -> str:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if sync:
                os.fsync(file.fileno())
    except OSError as error:
        raise Damaged(
            _("%(path)s cannot be read (%(why)s)") % {"path": path, "why": error.strerror}
        ) from error
    return digest

"""The folder backups stand in: names, one maker at a time, room on the disk, how many stay."""

import fcntl
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import structlog

from config.errors import Misconfigured, Unavailable
from config.language import _
from storage.backup import sums

log = structlog.get_logger()

HALF, OLD = ".half-", ".old-"
_STAMP = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"(?P<database>[A-Za-z0-9_.-]+)-(?P<stamp>\d{8}T\d{6}Z)")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")


def backups(folder: Path, database: str | None = None) -> list[Path]:
    """Return the whole backups in a folder, of one database or of all, the oldest first."""
    wanted = None if database is None else _safe(database)
    found = [
        (name["stamp"], path)
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (name := _NAME.fullmatch(path.name)) and path.is_dir()
        if wanted in {None, name["database"]}
    ]
    return [path for _stamp, path in sorted(found)]


def newest(folder: Path) -> Path:
    """Return the newest whole backup in a folder; raises Misconfigured where there is none."""
    found = backups(folder)
    if not found:
        raise Misconfigured(
            _("%(folder)s holds no backup: run `adhere db backup`") % {"folder": folder}
        )
    return found[-1]


@contextmanager
def only_maker(folder: Path) -> Iterator[None]:
    """Make the folder (0700), hold it for this process, clear what killed runs left half done."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be written: %(fault)s") % {"path": folder, "fault": error.strerror}
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(_("another backup is at work: wait until it has finished")) from None
        for path in folder.iterdir():
            if path.name.startswith((HALF, OLD)):
                log.warning("half_backup_cleared", name=path.name)
                shutil.rmtree(path)
        yield


@contextmanager
def placed(folder: Path, database: str, taken_at: datetime) -> Iterator[tuple[Path, Path]]:
    """Yield (a new folder to fill, the name it will have); it gets that name on leaving whole.

    What is in it must be on the disk by then. A fault leaves nothing.
    """
    final = folder / f"{_safe(database)}-{taken_at.strftime(_STAMP)}"
    half = folder / f"{HALF}{final.name}-{secrets.token_hex(4)}"
    half.mkdir(mode=0o700)
    try:
        yield half, final
        half.rename(final)
        sums.sync_folder(folder)
    except OSError as error:
        raise Unavailable(_("backup: %(fault)s") % {"fault": error.strerror}) from error
    finally:
        shutil.rmtree(half, ignore_errors=True)


def require_room(folder: Path, *, about_bytes: int, leave_free_bytes: int) -> None:
    """Raise Unavailable where a backup of about this size would leave too little free."""
    free = shutil.disk_usage(folder).free
    if free - about_bytes < leave_free_bytes:
        raise Unavailable(
            _(
                "%(folder)s has %(free)d MB free, the backup needs about %(needed)d MB and "
                "%(left)d MB are to stay free: make room, or name another folder"
            )
            % {
                "folder": folder,
                "free": free >> 20,
                "needed": about_bytes >> 20,
                "left": leave_free_bytes >> 20,
            }
        )


def size_bytes(backup: Path) -> int:
    """Return the bytes of a backup's files."""
    return sum(path.stat().st_size for path in backup.rglob("*") if path.is_file())


def prune(folder: Path, database: str, keep: int) -> list[str]:
    """Remove the oldest backups of a database but the newest `keep`; return their names."""
    removed = []
    for path in backups(folder, database)[:-keep]:
        gone = path.rename(path.with_name(f"{OLD}{path.name}"))  # never half of it under its name
        shutil.rmtree(gone)
        removed.append(path.name)
    return removed


def _safe(database: str) -> str:
    return _NOT_IN_NAMES.sub("_", database)

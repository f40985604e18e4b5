"""Damaged spool files that were put aside, and what a rebuilding left behind that was cut short.

They hold readings, and as much room as the spool: so there is one at most, for a while. Every row
of it that proves itself is in the spool that was rebuilt from it.
"""

import os
import shutil
from pathlib import Path

import structlog

log = structlog.get_logger()

KEPT_DAYS = 14
"""For whoever looks why the disk failed: a box with a worn card is visited within two weeks."""
WORKING = ".salvage-"
"""How the folder begins in which a damaged file is worked on."""
DAY_S = 86_400
NOT_YET_S = 2**31 - 1
"""Later than any clock: a box that woke in 1970 cannot say when it put something aside."""


def put_aside(path: Path) -> Path:
    """Move the damaged file and its log; return where it is."""
    aside = _free_name(path)
    for suffix in ("", "-wal"):
        if path.with_name(path.name + suffix).exists():
            kept = path.with_name(path.name + suffix)
            os.utime(kept, (NOT_YET_S, NOT_YET_S))  # kept from when the time is known: `forget_old`
            kept.replace(aside.with_name(aside.name + suffix))
    return aside


def aside_of(path: Path) -> list[Path]:
    """Return the files that stand aside of that spool, logs too."""
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def forget_all(path: Path) -> None:
    """Delete what stands aside: there is another to come, and it needs the room."""
    for aside in aside_of(path):
        _forget(aside)


def forget_old(path: Path, now_utc_ms: int) -> None:
    """Delete what has stood aside for long enough, by a clock that is known to be right."""
    now_s = now_utc_ms / 1000
    for aside in aside_of(path):
        since_s = aside.stat().st_mtime
        if since_s > now_s:  # put aside while nobody knew the time, or while the clock was ahead
            os.utime(aside, (now_s, now_s))
        elif now_s - since_s > KEPT_DAYS * DAY_S:
            _forget(aside)


def clear_up(path: Path) -> None:
    """Delete what a rebuilding was working on when it was killed; call it with nobody else here."""
    for left in path.parent.glob(f"{WORKING}*"):
        shutil.rmtree(left, ignore_errors=True)
        log.warning("salvage_cleared_up")


def _forget(aside: Path) -> None:
    aside.unlink(missing_ok=True)
    log.info("damaged_spool_deleted", name=aside.name)


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return aside

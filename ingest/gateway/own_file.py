"""A database file that its owner alone may read and write, whatever the umask is.

SQLite gives the files beside it (`-wal`, `-shm`, `-journal`) the rights that it finds on the file.
"""

import contextlib
import os
import stat
from pathlib import Path

import structlog

log = structlog.get_logger()

OWNERS_ALONE = 0o600
OTHERS = 0o077
BESIDE = ("", "-wal", "-shm", "-journal")


def keep_own(path: Path) -> None:
    """Make the file where there is none; take rights of others away from it and those beside it.

    Call it while no database has it open. Raises OSError where it cannot be made. A file that is
    another account's stays as it is, and the log says so: what is to be kept is kept.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNERS_ALONE))
    for part in (path.with_name(path.name + suffix) for suffix in BESIDE):
        try:
            found = part.stat().st_mode
            if stat.S_ISREG(found) and found & OTHERS:
                part.chmod(OWNERS_ALONE)
                rights = f"{stat.S_IMODE(found):04o}"
                log.warning("file_was_open_to_others", path=str(part), rights=rights)
        except FileNotFoundError:
            continue
        except PermissionError:
            log.error("file_is_open_to_others", path=str(part))  # noqa: TRY400 - foreseen

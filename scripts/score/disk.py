"""Writing where the disk may be full: what the library says of it in its own words is an OSError.

Polars reports the operating system's error as text inside an error of its own, the same that a
broken file gets, and sometimes not at all. So after a fault it is tried whether there is room.
"""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

import polars as pl

from config.errors import Unavailable
from config.language import _

_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_OF_A_TARGET = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
"""Errors that only writing has; the others may be of the file that is read."""


LEAST_ROOM_BYTES = 1 << 20
"""Where there is less left after a fault, the fault is put down to it."""


def stored(write: Callable[[], object], target: Path) -> None:
    """Call `write`; raise OSError where there is no room for `target`, which it writes."""
    try:
        write()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        found = _OS_ERROR.search(str(error))
        number = int(found.group(1)) if found else 0
        if number in _OF_A_TARGET:
            raise OSError(number, os.strerror(number)) from error
        _require_room(target.parent)
        raise


def _require_room(folder: Path) -> None:
    """Raise OSError where the folder takes no more."""
    with TemporaryFile(dir=folder) as probe:
        probe.write(bytes(LEAST_ROOM_BYTES))
        probe.flush()


def stored_for_a_while(write: Callable[[], object], target: Path) -> None:
    """Call `write`, which writes the temporary file `target`; raise Unavailable if it cannot."""
    try:
        stored(write, target)
    except OSError as error:
        raise Unavailable(
            _("the folder for temporary files, %(folder)s (%(why)s): make room or set TMPDIR")
            % {"folder": target.parent, "why": error.strerror or error}
        ) from error

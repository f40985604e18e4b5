"""Ballast: room on the disk that is given up when the disk is full, so that the spool can empty.

SQLite writes before it deletes, so on a full disk nothing can be deleted either, and what the hub
has receipted would stay for ever. The ballast file holds enough for that writing. It is thrown
overboard when a deletion finds no room, and taken on again when the disk has room for it twice.
While it is overboard nothing new may take its room.
"""

import contextlib
import os
from pathlib import Path

import structlog

from ingest.gateway.box_keys import give_to_owner

log = structlog.get_logger()

BALLAST_FILE = "ballast"
BALLAST_BYTES = 16 * 2**20
"""The write-ahead log grows to about 4 MiB before it is put into the file, which grows as much."""


class Ballast:
    """One file beside the spool."""

    def __init__(self, folder: Path, size_bytes: int = BALLAST_BYTES) -> None:
        """Take nothing on yet."""
        self._path, self._size = folder / BALLAST_FILE, size_bytes

    @property
    def stands(self) -> bool:
        """Say whether the room is held."""
        try:
            return self._path.stat().st_size == self._size
        except OSError:
            return False

    def take(self) -> bool:
        """Hold the room if the disk has it twice; say whether it is held."""
        if self.stands:
            return True
        if self._free_bytes() < 2 * self._size:
            return False
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._size)
                os.fsync(handle)
            finally:
                os.close(handle)
            give_to_owner(self._path)
        except OSError as error:
            log.warning("ballast_not_taken", why=error.strerror)
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            return False
        return True

    def may_grow(self) -> bool:
        """Say whether the spool may take more of the disk: the ballast stands, or half its room."""
        return self.take() or self._free_bytes() >= self._size // 2

    def drop(self) -> bool:
        """Give the room up; say whether there was any."""
        if not self.stands:
            return False
        try:
            self._path.unlink()
        except OSError as error:  # a disk that may be read alone, say: there is no room to be had
            log.error("ballast_not_dropped", why=error.strerror)  # noqa: TRY400 - foreseen
            return False
        log.error("ballast_dropped", bytes=self._size)  # what to do: make room on the disk
        return True

    def _free_bytes(self) -> int:
        try:
            disk = os.statvfs(self._path.parent)
        except OSError:
            return 0
        return disk.f_bavail * disk.f_frsize

"""A disk that can be full: a small partition where that is allowed, else an injected fault.

The partition is a tmpfs, which root may mount; a file of zeros fills it. Elsewhere SQLite's own
layer above the disk is made to answer every write as a full disk does, as long as a file exists.
"""

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

MB = 2**20
BLOCK = bytes(MB)
MNT_DETACH = 2
"""<sys/mount.h>"""


class Partition:
    """A folder on a disk of its own."""

    is_real = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    @property
    def gateway_arguments(self) -> list[str]:
        """What the gateway is told on its command line."""
        return []

    def fill(self) -> None:
        """Leave no byte."""
        with self._filler.open("ab", buffering=0) as file:
            size = len(BLOCK)
            while size:
                try:
                    file.write(BLOCK[:size])
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def make_room(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)


class Injected:
    """A folder whose disk only seems full, to the gateway's spool alone."""

    is_real = False

    def __init__(self, folder: Path, flag: Path) -> None:
        self.folder, self._flag = folder, flag

    @property
    def gateway_arguments(self) -> list[str]:
        """What the gateway is told on its command line."""
        return [str(self._flag)]

    def fill(self) -> None:
        """Let writes fail from now on."""
        self._flag.touch()

    def make_room(self) -> None:
        """Let them succeed again."""
        self._flag.unlink(missing_ok=True)


Disk = Partition | Injected


@contextmanager
def disk_at(folder: Path, size_mb: int) -> Iterator[Disk]:
    """Make the folder, on a partition of that size where this process may mount one."""
    folder.mkdir(mode=0o700)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={size_mb}m,mode=0700".encode()
    if os.geteuid() != 0 or libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, options) != 0:
        yield Injected(folder, folder.with_name(f"{folder.name}-is-full"))
        return
    try:
        yield Partition(folder)
    finally:
        libc.umount2(str(folder).encode(), MNT_DETACH)


def make_fullable(flag: Path) -> None:
    """From now on every write of SQLite fails as on a full disk, as long as the file exists."""
    below = apsw.vfs_names()[0]

    class File(apsw.VFSFile):
        def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
            if flag.exists():
                raise apsw.FullError("no space left on device")
            super().xWrite(data, offset)

    class Layer(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("fullable", below, makedefault=True)

        def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> File:  # noqa: N802 - SQLite's name
            return File(below, name, flags)

    _kept.append(Layer())


_kept: list[apsw.VFS] = []
"""SQLite holds no reference of its own."""

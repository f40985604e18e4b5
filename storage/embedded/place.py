"""Where a server's files lie, and how root opens them in a folder that another account owns."""

import fcntl
import os
import secrets
import tempfile
from pathlib import Path
from typing import IO

import structlog

from config.errors import Misconfigured
from config.language import _
from storage.embedded.account import Account

log = structlog.get_logger()

LONGEST_SOCKET_PATH = 100
"""sun_path holds 108 bytes on Linux and 104 elsewhere, the closing zero included."""
POINTER = "postgres-folder"
"""A file in the given folder: names where the data lies instead."""


def home(folder: Path, account: Account, base: Path) -> Path:
    """Return the folder the server lives in, making it: `folder`, or one that it names.

    Below `base` when we are root and the account could not enter `folder`. A name in `folder` whose
    target is gone is Misconfigured: an empty database must never stand in for a lost one.
    """
    pointer = folder / POINTER
    if pointer.exists():
        there = Path(pointer.read_text("utf-8").strip())
        if not there.is_dir():
            raise Misconfigured(
                _(
                    "%(pointer)s says that the data lies in %(folder)s, which is gone: restore it, "
                    "or remove %(pointer)s to begin with an empty database."
                )
                % {"pointer": pointer, "folder": there}
            )
        return there
    folder.parent.mkdir(parents=True, exist_ok=True)
    if account.is_other and not _is_usable(folder, account):
        folder.mkdir(mode=0o700, exist_ok=True)
        there = make_base(base, account) / f"postgres-{secrets.token_hex(6)}"
        account.make_private(there)
        half = folder / f".{POINTER}"
        half.write_text(f"{there}\n", "utf-8")
        half.replace(pointer)
        log.info("embedded_postgres_placed", folder=str(folder), data=str(there))
        return there
    account.make_private(folder)
    return folder


def make_base(base: Path, account: Account) -> Path:
    """Return `base`, made if missing (0755, ours), after checking that the account can enter it."""
    for folder in (*reversed(base.parents), base):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)
    if not account.reaches(base):
        raise Misconfigured(
            _(
                "The account that runs PostgreSQL cannot enter %(folder)s: "
                "name a folder that everybody may enter."
            )
            % {"folder": base}
        )
    return base


def socket_folder(home_folder: Path, account: Account) -> Path:
    """Return a 0700 folder for the socket, whose path must be short; the same at every start."""
    near = home_folder / "socket"
    if len(os.fsencode(near / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
        account.make_private(near)
        return near
    known = home_folder / "socket-folder"
    if known.exists():
        far = Path(read_private(known))
        if not far.exists() or (far.stat().st_uid == account.uid and not far.is_symlink()):
            account.make_private(far)
            return far
    far = Path(tempfile.mkdtemp(prefix="adhere-", dir="/tmp"))
    if account.is_other:
        os.chown(far, account.uid, account.gid)
    known.unlink(missing_ok=True)
    write_private(known, str(far))
    return far


def open_private(path: Path, flags: int = 0) -> IO[bytes]:
    """Open or make a 0600 file of our own, never through a link that the account may have laid."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)
    return os.fdopen(descriptor, "r+b", buffering=0)


def read_private(path: Path) -> str:
    """Return the text of a small file of ours."""
    with open_private(path) as file:
        return file.read().decode("utf-8").strip()


def write_private(path: Path, text: str) -> None:
    """Write a small new file whole or not at all."""
    half = path.with_name(f".{path.name}")
    half.unlink(missing_ok=True)
    with open_private(half, os.O_EXCL) as file:
        file.write(f"{text}\n".encode())
        os.fsync(file.fileno())
    half.rename(path)


def lock(path: Path) -> IO[bytes]:
    """Take the folder for this process until the file is closed or the process ends."""
    file = open_private(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = file.read(20).decode("ascii", "replace").strip() or "?"
        file.close()
        raise Misconfigured(
            _("%(folder)s is in use by process %(pid)s: stop that, or name another folder.")
            % {"folder": path.parent, "pid": holder}
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    return file


def _is_usable(folder: Path, account: Account) -> bool:
    """Whether the server can live in `folder` itself: in reach, and new or the account's own."""
    if folder.exists():
        return folder.stat().st_uid == account.uid and account.reaches(folder)
    return account.reaches(folder.parent)

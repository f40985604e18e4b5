"""The inbox folder: files that wait for the gateway, each with a note of whose it is.

`inbox/<job>.data` is the file, `inbox/<job>.json` the note, written last: what has no note is not
there yet. A job's name follows from the file's bytes and the note, so the same file handed over
twice is one job, and its old name is forgotten: it may be a person's. After it was read the file is
in `inbox/done` or `inbox/refused`, with its account beside it, for a while.
"""

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from config.errors import Rejected
from ingest.batch.columns import is_device_key
from ingest.gateway.files.found import Asked

INBOX, DONE, REFUSED = "inbox", "done", "refused"
DATA, NOTE, TRIES = ".data", ".json", ".tries"
MOST_TRIES = 20
BLOCK_BYTES = 2**20
KEPT_S = {DONE: 14 * 86_400, REFUSED: 30 * 86_400}
"""They hold a person's health, and positions: no longer than a mistake takes to be noticed."""
UNFINISHED_S = 86_400
NOTE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Job:
    """A file to read."""

    name: str
    token: str
    """Of this handing over: a file that is handed over again later is begun anew."""
    folder: Path
    asked: Asked

    @property
    def data(self) -> Path:
        """The file."""
        return self.folder / f"{self.name}{DATA}"

    @property
    def note(self) -> Path:
        """Whose it is."""
        return self.folder / f"{self.name}{NOTE}"


def hand_over(data_dir: Path, file: Path, asked: Asked) -> str:
    """Copy a file into the inbox; return the job's name. Raises OSError."""
    folder = data_dir / INBOX
    _make(folder, data_dir)
    said = {"version": NOTE_VERSION, **asked._asdict()}
    part = folder / f".{secrets.token_hex(8)}.part"
    try:
        digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode() + b"\n")
        with file.open("rb") as source, _private(part) as copy:
            while block := source.read(BLOCK_BYTES):
                digest.update(block)
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
        _give(part, data_dir)
        name = digest.hexdigest()[:32]
        for where in (DONE, REFUSED):  # an older account of it says nothing of this time
            (folder / where / f"{name}{NOTE}").unlink(missing_ok=True)
        part.replace(folder / f"{name}{DATA}")
    finally:
        part.unlink(missing_ok=True)
    note = folder / f"{name}{NOTE}"
    if not note.exists():  # else it waits already, or is being read at this moment
        token = secrets.token_hex(8)
        _write(note, json.dumps(said | {"token": token}).encode(), data_dir)
    return name


def waiting(data_dir: Path) -> list[Path]:
    """Return the notes of the files that wait, the oldest first."""
    notes = []
    for note in (data_dir / INBOX).glob(f"[!.]*{NOTE}"):
        try:
            notes.append((note.stat().st_mtime_ns, note))
        except FileNotFoundError:
            continue  # taken back at this moment
    return [note for _, note in sorted(notes)]


def load(note: Path) -> Job:
    """Return the job of a note; raise Rejected("note") where it is none of ours."""
    try:
        item = json.loads(note.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Rejected("note", "no JSON") from error
    match item:
        case {
            "version": 1,
            "token": str() as token,
            "device_key": str() as device,
            "time_zone": None | str() as zone,
            "source": None | str() as source,
            "band_zone": None | str() as band_zone,
        } if is_device_key(device):
            return Job(note.stem, token, note.parent, Asked(device, zone, source, band_zone))
        case _:
            raise Rejected("note", "not written by this version")


def begin(note: Path) -> None:
    """Count a try, before it: raise Rejected("reader_died") where so many ended with the box.

    A file that takes the whole gateway with it must not do so for ever.
    """
    tries = note.with_suffix(TRIES)
    try:
        before = len(tries.read_bytes())
    except FileNotFoundError:
        before = 0
    if before >= MOST_TRIES:
        raise Rejected("reader_died", f"begun {before} times and never ended")
    with tries.open("ab") as file:
        file.write(b".")
        file.flush()
        os.fsync(file.fileno())


def is_finished(note: Path) -> bool:
    """Say whether a file was put aside, and only its note is left of it: there was a crash."""
    gone = not note.with_suffix(DATA).exists()
    return gone and any((note.parent / where / note.name).exists() for where in KEPT_S)


def finish(note: Path, where: str, account: Mapping[str, Any]) -> None:
    """Put a file that was read aside, with its account; done again after a crash it is the same."""
    folder = note.parent / where
    _make(folder, note.parent)
    _write(folder / note.name, json.dumps(account).encode(), note.parent)
    data = note.with_suffix(DATA)
    if data.exists():
        os.utime(data)
        data.replace(folder / data.name)
    note.unlink(missing_ok=True)
    note.with_suffix(TRIES).unlink(missing_ok=True)
    _sync_folder(note.parent)


def account_of(data_dir: Path, name: str) -> Mapping[str, Any] | None:
    """Return what became of a job; None while it waits."""
    for where in (DONE, REFUSED):
        try:
            account = json.loads((data_dir / INBOX / where / f"{name}{NOTE}").read_bytes())
        except FileNotFoundError:
            continue
        if isinstance(account, dict):
            return account
    return None


def tidy(data_dir: Path) -> None:
    """Delete what was kept long enough, and copies that nobody finished."""
    inbox, now_s = data_dir / INBOX, time.time()
    for where, kept_s in KEPT_S.items():
        for path in (inbox / where).glob("*"):
            _delete_older(path, now_s - kept_s)
    for path in (*inbox.glob(".*.part"), *inbox.glob(f"*{DATA}"), *inbox.glob(f"*{TRIES}")):
        if not path.with_suffix(NOTE).exists():
            _delete_older(path, now_s - UNFINISHED_S)


def _delete_older(path: Path, than_s: float) -> None:
    try:
        if path.stat().st_mtime < than_s:
            path.unlink()
    except FileNotFoundError:
        return  # somebody else was quicker


def _make(folder: Path, like: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        _give(folder, like)


def _give(path: Path, like: Path) -> None:
    """Let the gateway's own user have what root makes in its folder."""
    owner = like.stat()
    if os.geteuid() == 0:
        shutil.chown(path, owner.st_uid, owner.st_gid)


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _write(path: Path, data: bytes, like: Path) -> None:
    """Write a small file, whole or not at all."""
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with _private(part) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _give(part, like)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

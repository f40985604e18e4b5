"""Opening the spool file: whose it is, whether it is whole, and what to do where it is not."""

import contextlib
import fcntl
import functools
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import structlog

from config.errors import Misconfigured, Unavailable
from config.language import _
from ingest.batch.content import BOOT_BYTES
from ingest.gateway import damaged_spool, salvage, wal_frames
from ingest.gateway.box_keys import give_to_owner, sync_folder
from ingest.gateway.spool_rows import (
    APPLICATION,
    PAGE_BYTES,
    SCHEMA,
    SPOOL_VERSION,
    STATE_TABLES,
    State,
    Tagger,
    transaction,
    write_state,
)

log = structlog.get_logger()


DISK_FAULTS = (apsw.IOError, apsw.FullError, apsw.CantOpenError, apsw.NoMemError)
_DAMAGE = (
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.ReadOnlyError,  # by its header; we have opened it for writing
    UnicodeDecodeError,  # text that is no text any more
)


class SpoolDamaged(Unavailable):
    """A page of the spool file is destroyed: open the spool again, which saves every other row."""


def open_spool_file(
    path: Path, tagger: Tagger, *, boot: bytes | None
) -> tuple[apsw.Connection, State]:
    """Open the spool, or make it; rebuild it from its rows where pages are destroyed.

    Raises Misconfigured: another process has it, or another box's key made it; Unavailable: the
    disk fails, or has no room to rebuild it. The file stays as it is then, to be tried again.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            return _opened_or_made(path, tagger, boot)
    except (OSError, *DISK_FAULTS) as error:
        raise Unavailable(f"the spool cannot be opened: {error}") from error


def _opened_or_made(
    path: Path, tagger: Tagger, boot: bytes | None
) -> tuple[apsw.Connection, State]:
    if not os.access(path.parent, os.W_OK):  # SQLite would call it a damaged header
        raise Unavailable("the spool cannot be opened: its folder may be read alone")
    damaged_spool.clear_up(path)
    if _ready(path).exists():
        _put_in_place(path)  # a kill fell between the steps
    if not path.exists():
        _make(path, tagger, State(boot or secrets.token_bytes(BOOT_BYTES)))
    try:
        return _open(path, tagger)
    except SpoolDamaged:
        log.error("spool_damaged", path=str(path))  # noqa: TRY400 - foreseen: no traceback
    try:
        _rebuild(path, tagger)
    except (OSError, *DISK_FAULTS) as error:
        raise Unavailable(f"the damaged spool cannot be rebuilt now: {error}") from error
    return _open(path, tagger)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other openers away: a file that is rebuilt is open, and locked, in nobody's hands."""
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Misconfigured(_in_use(path)) from error
        yield
    finally:
        os.close(handle)


def _rebuild(path: Path, tagger: Tagger) -> None:
    """Put a spool made of the rows that can be saved in the place of a damaged one."""
    fresh = path.with_name(f"{path.name}.rebuilt")
    with salvage.reading(path, tagger) as saved:
        if saved is None:
            raise Misconfigured(_not_ours(path))
        damaged_spool.forget_all(path)
        _remove(fresh)
        _make(fresh, tagger, saved.state)
        with contextlib.closing(connect(fresh)) as db, transaction(db):
            salvage.write(db, saved, tagger)
    fresh.replace(_ready(path))
    sync_folder(path.parent)
    aside = _put_in_place(path)
    log.error("spool_rebuilt", kept_aside=str(aside), **saved.summary)


def _ready(path: Path) -> Path:
    """Where a rebuilt spool stands, whole, until it has taken the damaged one's place."""
    return path.with_name(f"{path.name}.ready")


def _put_in_place(path: Path) -> Path:
    """Move what is damaged aside, and the spool that is ready here; done again after a kill.

    Never may a file without its log, or with another's, stand here alone: it would be opened.
    """
    aside = damaged_spool.put_aside(path)
    _ready(path).replace(path)
    sync_folder(path.parent)
    return aside


def connect(path: Path) -> apsw.Connection:
    """Open the file so that a commit is on disk, deleted readings are wiped, and we are alone."""
    db = apsw.Connection(str(path))
    db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA secure_delete = ON")
    db.execute("PRAGMA cell_size_check = ON")
    return db


@contextlib.contextmanager
def damage_noticed() -> Iterator[None]:
    """Turn SQLite's ways of saying that pages are destroyed into SpoolDamaged."""
    try:
        yield
    except _DAMAGE as error:
        raise SpoolDamaged("the spool file is damaged; it is rebuilt when opened again") from error


def _open(path: Path, tagger: Tagger) -> tuple[apsw.Connection, State]:
    db: apsw.Connection | None = None
    try:
        with damage_noticed():
            db = connect(path)
            # Until all is known to be well, closing it must not touch the log.
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            state = _checked_state(db, tagger, path)
            _check_log(path)
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
            try:
                with transaction(db):  # a header with a wrong bit may allow reading alone
                    write_state(db, tagger, state)
            except apsw.FullError:
                # No reason not to start: who is on site is guarded without a disk.
                log.error("disk_full", path=str(path))  # noqa: TRY400 - foreseen
    except BaseException as error:
        if db is not None:
            with contextlib.suppress(apsw.Error):
                db.close()
        if isinstance(error, apsw.BusyError):
            raise Misconfigured(_in_use(path)) from error
        if isinstance(error, DISK_FAULTS):
            raise Unavailable(f"the spool cannot be opened: {error}") from error
        if isinstance(error, apsw.Error):
            raise SpoolDamaged("the spool file does not make sense") from error
        raise
    return db, state


def _schema(db: apsw.Connection) -> list[tuple[object, ...]]:
    return db.execute("SELECT name, rootpage, sql FROM sqlite_schema ORDER BY name").fetchall()


@functools.cache
def _right_schema() -> list[tuple[object, ...]]:
    with contextlib.closing(apsw.Connection(":memory:")) as db:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute(SCHEMA)
        return _schema(db)


def _checked_state(db: apsw.Connection, tagger: Tagger, path: Path) -> State:
    _check_version(db, path)
    if _schema(db) != _right_schema():
        raise SpoolDamaged("the spool file's table of tables is damaged")
    owners = db.execute("SELECT key_name FROM owner").fetchall()
    copies = []
    for table in STATE_TABLES:
        for data, tag in db.execute(f"SELECT data, tag FROM {table}"):  # noqa: S608 - our own name
            if tagger.holds(table, 1, (data,), tag):
                copies.append(State.loads(data))
    if not copies and owners != [(tagger.key_name,)]:
        raise Misconfigured(_not_ours(path))
    if db.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
        raise SpoolDamaged("the spool file's pages do not hang together")
    # Raises for a text that is none any more: SQLite's check does not look at letters.
    db.execute("SELECT lane, refused FROM batch").fetchall()
    if len(copies) < len(STATE_TABLES) or owners != [(tagger.key_name,)]:
        raise SpoolDamaged("a copy of the spool's state is damaged")
    return max(copies, key=lambda state: state.version)


def _check_log(path: Path) -> None:
    """Call it while the file is locked: who has it open writes its log."""
    if wal_frames.is_damaged(path.with_name(f"{path.name}-wal"), PAGE_BYTES):
        raise SpoolDamaged("a byte in the log hides transactions that were on disk")


def _check_version(db: apsw.Connection, path: Path) -> None:
    """Leave alone what a newer program has made; files from before versions were written have 0."""
    pragmas = ("user_version", "application_id")
    rows: list[Any] = [db.execute(f"PRAGMA {name}").fetchall()[0] for name in pragmas]
    (version,), (application,) = rows
    if version > SPOOL_VERSION and application == APPLICATION | version:
        raise Misconfigured(
            _("The spool %(path)s was made by a newer version of adhere: install that again.")
            % {"path": path}
        )


def _make(path: Path, tagger: Tagger, state: State) -> None:
    """Make a spool, whole under its name or not there."""
    part = path.with_name(f"{path.name}.part")
    _remove(part)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    give_to_owner(part)
    with contextlib.closing(connect(part)) as db, transaction(db):
        db.execute(SCHEMA)
        db.execute(f"PRAGMA user_version = {SPOOL_VERSION}")
        db.execute(f"PRAGMA application_id = {APPLICATION | SPOOL_VERSION}")
        db.execute("INSERT INTO owner VALUES (1, ?)", (tagger.key_name,))
        write_state(db, tagger, state)
    part.replace(path)
    sync_folder(path.parent)


def _in_use(path: Path) -> str:
    return _("Another process has the spool %(path)s open: run one gateway at a time.") % {
        "path": path
    }


def _not_ours(path: Path) -> str:
    return _(
        "The spool %(path)s was written with another box's key. Batches are signed by the box "
        "that heard them: put the spool back there, or move this file away to begin a new one."
    ) % {"path": path}


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)

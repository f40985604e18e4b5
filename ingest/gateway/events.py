"""Events of the edge until the hub has them: in memory at once, on disk as soon as it can be.

An event is sent from memory, so a full or a sick disk delays nothing; a task beside it puts every
event on disk, from where it survives a crash. Between the two lies the time of one fsync: an event
raised within the last milliseconds before the power goes is lost, and raised again after the start
if it is still true. Each start of the gateway numbers its events under 16 random bytes of its own,
so a number that never reached the disk is never given twice.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import apsw
import structlog

from config.errors import Rejected
from ingest.batch.content import BOOT_BYTES
from ingest.batch.event import Event, open_event, seal_event
from ingest.batch.keys import Keys
from ingest.gateway.edge_time import EdgeTime, machine_start

log = structlog.get_logger()

EVENTS_FILE = "events.sqlite"
PAGE_BYTES = 4096
MAX_PAGES = 2048
MAX_HELD = 5_000
"""Some years of alarms without a network; of more the oldest go, and are counted."""
REFUSED_KEPT = 500
"""Evidence for whoever looks; more of it must not fill the file."""
SAVE_AGAIN_S = 2.0
RESEND_MOST_S = 600.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    boot BLOB NOT NULL, number INTEGER NOT NULL, sealed BLOB NOT NULL,
    came_mono_ms INTEGER NOT NULL, machine_start TEXT NOT NULL, refused TEXT,
    PRIMARY KEY (boot, number)
)
"""

Key = tuple[bytes, int]
_Row = tuple[bytes, int, bytes, int, str]


@dataclass(slots=True)
class Held:
    """An event that the hub has not answered for."""

    event: Event
    """Without its age: that is said when it is sent."""
    came_mono_ms: int | None
    """When it was raised or ended; None where the machine was started anew since."""
    is_saved: bool = False
    sends: int = 0
    sent_mono_ms: int = 0

    @property
    def key(self) -> Key:
        """Which event it is."""
        return self.event.boot, self.event.number


class EventStore:
    """Holds events until they are receipted. Its methods belong to the event loop's thread."""

    def __init__(
        self,
        path: Path,
        keys: Keys,
        *,
        centre: str,
        gateway: str,
        time: EdgeTime,
        max_pages: int = MAX_PAGES,
    ) -> None:
        """Load what an earlier start left; a file that cannot be read is set aside."""
        self.boot = secrets.token_bytes(BOOT_BYTES)
        self.on_added: Callable[[], None] = _nobody
        """Called when there is something to send."""
        self.raised = self.receipted = self.refused = self.lost = self.save_failures = 0
        self._path, self._keys, self._time, self._max_pages = path, keys, time, max_pages
        self._centre, self._gateway = centre, gateway
        self._next = 0
        self._held: dict[Key, Held] = {}
        self._gone: dict[Key, str | None] = {}
        """To be deleted on disk, or (with a reason) to be marked as refused."""
        self._changed = asyncio.Event()
        self._machine = machine_start()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="events")
        self._db: apsw.Connection | None = None
        self._loaded: list[Held] = []
        with contextlib.suppress(apsw.Error, OSError):  # `keep` tries again
            self._open_and_load()
        self._take_loaded()

    def add(self, event: Event) -> None:
        """Take an event; its gateway, boot and number are given here. Touches no disk."""
        numbered = replace(
            event, centre=self._centre, gateway=self._gateway, boot=self.boot, number=self._next
        )
        self._next += 1
        self.raised += 1
        held = Held(numbered, self._time.mono_ms())
        self._held[held.key] = held
        while len(self._held) > MAX_HELD:
            oldest = next(iter(self._held))
            del self._held[oldest]
            self._gone[oldest] = None
            self.lost += 1
        self._changed.set()
        self.on_added()

    @property
    def waiting(self) -> int:
        """How many events the hub has not answered for."""
        return len(self._held)

    @property
    def unsaved(self) -> int:
        """How many of them are in memory alone."""
        return sum(not held.is_saved for held in self._held.values())

    def due(self, resend_after_s: float) -> list[Held]:
        """Return what is to be sent now: what was never sent, and what waited long enough.

        Without an answer each wait is twice the one before, so that an event which the hub cannot
        understand yet does not fill its dead letters.
        """
        now = self._time.mono_ms()
        return [held for held in self._held.values() if self._due_ms(held, resend_after_s) <= now]

    def next_due_s(self, resend_after_s: float) -> float | None:
        """Return how long from now something is to be sent again; None: nothing waits."""
        if not self._held:
            return None
        soonest = min(self._due_ms(held, resend_after_s) for held in self._held.values())
        return max(0.0, (soonest - self._time.mono_ms()) / 1000)

    def message(self, held: Held) -> bytes:
        """Return the signed message to send now, with the age of now."""
        now = self._time.mono_ms()
        held.sends += 1
        held.sent_mono_ms = now
        age_ms = None if held.came_mono_ms is None else max(0, now - held.came_mono_ms)
        return seal_event(replace(held.event, age_ms=age_ms), self._keys.signing)

    def connection_lost(self) -> None:
        """Send everything again as soon as there is a connection."""
        for held in self._held.values():
            held.sends = 0

    def settle(
        self, boot: bytes, numbers: Sequence[int], refused: Sequence[tuple[int, str]] = ()
    ) -> None:
        """Forget what the hub has; keep on disk, marked, what it will never take."""
        for number in numbers:
            if self._held.pop((boot, number), None) is not None:
                self._gone[boot, number] = None
                self.receipted += 1
        for number, reason in refused:
            if self._held.pop((boot, number), None) is not None:
                self._gone[boot, number] = reason
                self.refused += 1
                log.error("event_refused", gateway=self._gateway, number=number, reason=reason)
        self._changed.set()

    async def keep(self) -> None:
        """Put events on disk as they come, and take off what is settled. Until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not await self.save():
                await asyncio.sleep(SAVE_AGAIN_S)
                self._changed.set()

    async def save(self) -> bool:
        """Bring the disk up to date; say whether that worked. Never raises for a sick disk."""
        new = [held for held in self._held.values() if not held.is_saved]
        gone = dict(self._gone)
        if not new and not gone and self._db is not None:
            return True
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, new, gone)
        except (apsw.Error, OSError) as error:
            self.save_failures += 1
            # The event goes out all the same; what to do: make room, or replace the disk.
            log.error("events_not_saved", gateway=self._gateway, why=type(error).__name__)  # noqa: TRY400 - foreseen
            return False
        self._take_loaded()
        for held in new:
            held.is_saved = True
        for key in gone:
            self._gone.pop(key, None)
        return True

    def close(self) -> None:
        """Wait for the disk and close the file."""
        self._thread.shutdown()
        if self._db is not None:
            self._db.close()
            self._db = None

    def _take_loaded(self) -> None:
        """Take what the file held; the disk's thread reads it, this thread owns what is held."""
        loaded, self._loaded = self._loaded, []
        for held in loaded:
            self._held.setdefault(held.key, held)
        if loaded:
            self.on_added()

    def _due_ms(self, held: Held, resend_after_s: float) -> float:
        if not held.sends:
            return 0
        wait_s: float = min(resend_after_s * 2.0 ** min(held.sends - 1, 20), RESEND_MOST_S)
        return held.sent_mono_ms + 1000 * max(wait_s, resend_after_s)

    def _write(self, new: Sequence[Held], gone: dict[Key, str | None]) -> None:
        if self._db is None:
            self._open_and_load()
        db = self._db
        if db is None:
            raise apsw.CantOpenError("the event file is not open")
        with _transaction(db):
            for (boot, number), reason in gone.items():
                if reason is None:
                    db.execute("DELETE FROM event WHERE boot = ? AND number = ?", (boot, number))
                else:
                    db.execute(
                        "UPDATE event SET refused = ? WHERE boot = ? AND number = ?",
                        (reason, boot, number),
                    )
            db.execute(
                "DELETE FROM event WHERE refused IS NOT NULL AND rowid NOT IN "
                "(SELECT rowid FROM event WHERE refused IS NOT NULL ORDER BY rowid DESC LIMIT ?)",
                (REFUSED_KEPT,),
            )
            for held in new:
                db.execute(
                    "INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, NULL)",
                    (
                        *held.key,
                        seal_event(held.event, self._keys.signing),
                        held.came_mono_ms or 0,
                        self._machine if held.came_mono_ms is not None else "",
                    ),
                )

    def _open_and_load(self) -> None:
        """Open the file; set a damaged one aside and begin anew."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = self._opened()
            self._load(self._db)
        except (apsw.CorruptError, apsw.NotADBError):
            log.error("events_damaged", path=str(self._path))  # noqa: TRY400 - foreseen
            if self._db is not None:
                self._db.close()
            for suffix in ("", "-wal", "-shm"):
                part = self._path.with_name(self._path.name + suffix)
                if part.exists():
                    part.replace(part.with_name(f"{part.name}.damaged-{secrets.token_hex(4)}"))
            self._db = self._opened()

    def _opened(self) -> apsw.Connection:
        db = apsw.Connection(str(self._path))
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        db.execute(_SCHEMA)
        db.execute(f"PRAGMA max_page_count = {self._max_pages}")
        return db

    def _load(self, db: apsw.Connection) -> None:
        rows = db.execute(
            "SELECT boot, number, sealed, came_mono_ms, machine_start FROM event "
            "WHERE refused IS NULL ORDER BY rowid"
        ).fetchall()
        for boot, number, sealed, came_mono_ms, machine in cast("list[_Row]", rows):
            try:
                event = open_event(sealed, self._keys.signing.public_key())
            except Rejected as error:
                self.lost += 1
                log.error("event_damaged", number=number, reason=error.reason)  # noqa: TRY400 - foreseen
                db.execute(
                    "UPDATE event SET refused = 'damaged' WHERE boot = ? AND number = ?",
                    (boot, number),
                )
                continue
            same = machine == self._machine and bool(machine)
            self._loaded.append(Held(event, came_mono_ms if same else None, is_saved=True))


@contextlib.contextmanager
def _transaction(db: apsw.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(apsw.Error):  # a full disk has rolled it back already
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _nobody() -> None:
    """Tell nobody."""

"""Watches the inbox of a running gateway, and hands its files to the spool one after the other.

What bands say now goes first: a file waits while the spool has much to send, so that a network that
is away finds the spool free for them, and on the uplink files travel as backlog. An expected fault
of the disk is waited out; the file stays where it is.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import structlog

from config.errors import Rejected
from ingest.batch.roster import RosterBand
from ingest.gateway.files import jobs
from ingest.gateway.files.journal import JOURNAL_FILE, Journal, open_journal
from ingest.gateway.files.taking import OLDEST_MS, Account, Progress, Put, spans_of, take
from ingest.gateway.heard import Heard

log = structlog.get_logger()

LOOK_S = 2.0
FAULT_S = 30.0
TIDY_S = 3_600.0
FAULTS = (OSError, apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)
"""Of a disk that is full, fails, or may be read alone."""
MOST_WAITING_BATCHES = 64
"""Beyond, the spool belongs to what is heard now."""


class Inbox:
    """The files of one box."""

    def __init__(
        self,
        data_dir: Path,
        worn: Callable[[str], Sequence[RosterBand]],
        *,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 10**6,
        look_s: float = LOOK_S,
    ) -> None:
        """`worn` gives the roster's entries of a band: nobody else's readings are taken."""
        self._data_dir, self._worn, self._now_ms, self._look_s = data_dir, worn, now_ms, look_s
        self._counts = dict.fromkeys(("waiting", "taken", jobs.REFUSED, "readings"), 0)

    async def run(
        self,
        put: Put,
        cursor: Callable[[], Awaitable[Mapping[str, str]]],
        waiting_batches: Callable[[], int],
    ) -> None:
        """Take files until cancelled. `put` returns once what it was given is on disk."""

        async def put_when_free(heard: Heard) -> None:
            while waiting_batches() > MOST_WAITING_BATCHES:  # noqa: ASYNC110 - no one event says so
                await asyncio.sleep(self._look_s)
            await put(heard)

        while True:
            try:
                async with _journal(self._data_dir, self._now_ms() - OLDEST_MS) as journal:
                    await self._look(journal, put_when_free, cursor)
            except FAULTS as error:
                # What to do: see to the disk. Nothing is taken meanwhile, and nothing is lost.
                log.error("inbox_waits", why=str(error))  # noqa: TRY400 - foreseen
                await asyncio.sleep(FAULT_S)

    async def _look(
        self,
        journal: Journal,
        put: Put,
        cursor: Callable[[], Awaitable[Mapping[str, str]]],
    ) -> None:
        tidied_s = None
        while True:
            if tidied_s is None or time.monotonic() - tidied_s > TIDY_S:
                await asyncio.to_thread(jobs.tidy, self._data_dir)
                tidied_s = time.monotonic()
            notes = await asyncio.to_thread(jobs.waiting, self._data_dir)
            for left, note in enumerate(notes):
                self._counts["waiting"] = len(notes) - left
                await self._one(note, journal, put, cursor)
            self._counts["waiting"] = 0
            await asyncio.sleep(self._look_s)

    def status(self) -> Mapping[str, int]:
        """Say how things stand, for the gateway's status."""
        return dict(self._counts)

    async def emptied(self) -> None:
        """Wait until no file waits: what was in them is in the spool."""
        while await asyncio.to_thread(self._has_files):  # noqa: ASYNC110 - a folder's
            await asyncio.sleep(self._look_s)

    def _has_files(self) -> bool:
        return bool(jobs.waiting(self._data_dir)) or self._counts["waiting"] > 0

    async def _one(
        self,
        note: Path,
        journal: Journal,
        put: Put,
        cursor: Callable[[], Awaitable[Mapping[str, str]]],
    ) -> None:
        try:
            if await asyncio.to_thread(jobs.is_finished, note):
                await asyncio.to_thread(note.unlink)
                return
            account = await self._account(note, journal, put, await cursor())
            where = jobs.DONE if account.is_clean else jobs.REFUSED
            said = account.as_dict() | {"finished_utc_ms": self._now_ms()}
            await asyncio.to_thread(jobs.finish, note, where, said)
        except FAULTS as error:
            # What to do: see to the disk. The file is begun again, and nothing counts twice.
            log.error("import_waits", job=note.stem, why=str(error))  # noqa: TRY400 - foreseen
            await asyncio.sleep(FAULT_S)
            return
        counts = {"taken": sum(account.taken.values()), "bad": sum(account.bad.values())}
        self._counts["taken" if where == jobs.DONE else where] += 1
        self._counts["readings"] += counts["taken"]
        reason = account.fault.reason if account.fault else None
        log.info("file_imported", job=note.stem, format=account.kind, reason=reason, **counts)

    async def _account(
        self, note: Path, journal: Journal, put: Put, cursor: Mapping[str, str]
    ) -> Account:
        try:
            job = await asyncio.to_thread(jobs.load, note)
            await asyncio.to_thread(jobs.begin, note)
        except Rejected as error:
            return Account(fault=error)
        progress = Progress.of(cursor, job.token) or Progress(
            job.token, spans_of(self._worn(job.asked.device_key), self._now_ms())
        )
        return await take(job.data, job.asked, progress, journal, put)


@asynccontextmanager
async def _journal(data_dir: Path, oldest_ms: int) -> AsyncIterator[Journal]:
    journal = await asyncio.to_thread(open_journal, data_dir / JOURNAL_FILE)
    try:
        await asyncio.to_thread(journal.forget_before, oldest_ms)
        yield journal
    finally:
        journal.close()

"""What the edge tells until the hub has it: in memory at once, on disk as soon as it can be.

An event here is an alarm, a claim or an offer: they share numbers, file and receipts.

An event is sent from memory, so a full or a sick disk delays nothing; a task beside it puts every
event on disk, from where it survives a crash. Between the two lies the time of one fsync: an event
raised within the last milliseconds before the power goes is lost, and raised again after the start
if it is still true. Each start of the gateway numbers its events under 16 random bytes of its own,
so a number that never reached the disk is never given twice.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import apsw
import structlog

from ingest.batch.content import BOOT_BYTES
from ingest.batch.keys import Keys
from ingest.batch.told import Told, seal_told
from ingest.gateway.edge_time import EdgeTime, machine_start
from ingest.gateway.event_file import EventFile, Filed, Key

log = structlog.get_logger()

EVENTS_FILE = "events.sqlite"
MAX_PAGES = 2048
MAX_HELD = 5_000
"""Some years of alarms without a network; of more the oldest go, and are counted."""
SAVE_AGAIN_S = 2.0
RESEND_MOST_S = 600.0


@dataclass(slots=True)
class Held:
    """An event that the hub has not answered for."""

    event: Told
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
        self.on_refused: Callable[[Told], None] = _ignored
        """Called with what the hub will never take."""
        self.raised = self.receipted = self.refused = self.lost = self.save_failures = 0
        self._keys, self._time = keys, time
        self._centre, self._gateway = centre, gateway
        self._next = 0
        self._held: dict[Key, Held] = {}
        self._gone: dict[Key, str | None] = {}
        """To be deleted on disk, or (with a reason) to be marked as refused."""
        self._changed = asyncio.Event()
        self._machine = machine_start()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="events")
        former = [one.public.signing for one in keys.with_former[1:]]
        self._file = EventFile(path, keys.signing, max_pages=max_pages, former=former)
        self._loaded: list[Held] = []
        with contextlib.suppress(apsw.Error, OSError):  # `keep` tries again
            self._open_and_load()
        self._take_loaded()

    def add(self, event: Told) -> None:
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

    @property
    def is_open(self) -> bool:
        """Whether the file could be opened, and what lay there is taken over."""
        return self._file.is_open

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
        return seal_told(replace(held.event, age_ms=age_ms), self._keys.signing)

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
            held = self._held.pop((boot, number), None)
            if held is not None:
                self.on_refused(held.event)
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
        if not new and not gone and self._file.is_open:
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
        self._file.close()

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
        if not self._file.is_open:
            self._open_and_load()
        self._file.write([self._filed(held) for held in new], gone)

    def _open_and_load(self) -> None:
        found, damaged = self._file.open()
        self.lost += damaged
        for event, came_mono_ms, machine in found:
            same = machine == self._machine and bool(machine)
            self._loaded.append(Held(event, came_mono_ms if same else None, is_saved=True))

    def _filed(self, held: Held) -> Filed:
        if held.came_mono_ms is None:
            return Filed(held.event, 0, "")
        return Filed(held.event, held.came_mono_ms, self._machine)


def _nobody() -> None:
    """Tell nobody."""


def _ignored(_told: Told) -> None:
    """Do nothing about it."""

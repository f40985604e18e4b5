"""One file, from its reader to the spool: whose it is, what is new, and the account of it all.

The spool's cursor holds the progress of the file in hand, in one transaction with the readings: a
box that was killed repeats the file, the journal knows what it had, and the one block that the
spool has and the journal may not have is recognised by its hash.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from config.errors import Rejected
from ingest.batch.reading import Reading
from ingest.batch.roster import RosterBand
from ingest.gateway.files.found import Asked
from ingest.gateway.files.journal import Fresh, Journal
from ingest.gateway.files.reader_process import Block, blocks_of
from ingest.gateway.heard import BadInput, Heard

CURSOR = "import"
OLDEST_MS = 399 * 86_400_000
"""The district puts aside what is 400 days older than its batch."""
AHEAD_MS = 5 * 60_000
"""Nothing can have been true later than now; this much a watch's clock may be wrong."""
PLACES_SHOWN = 20

Spans = tuple[tuple[int, int], ...]
Put = Callable[[Heard], Awaitable[None]]


def spans_of(bands: Sequence[RosterBand], now_ms: int) -> Spans:
    """Return when somebody wears the band, as [from, to) in ms UTC, as far back as is taken."""
    oldest, newest = now_ms - OLDEST_MS, now_ms + AHEAD_MS
    spans = (
        (
            max(band.worn_from_ms, oldest),
            newest if band.worn_until_ms is None else min(band.worn_until_ms, newest),
        )
        for band in bands
    )
    return tuple(span for span in spans if span[0] < span[1])


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a file is, as the spool's cursor keeps it."""

    job: str
    """Its `Job.token`."""
    spans: Spans
    """As they were when the file was begun: a new roster in its middle changes nothing."""
    taken: Mapping[str, int] = field(default_factory=dict)
    """Readings in the spool, by quantity."""
    bad: int = 0
    block_sha256: str = ""
    """The newest block in the spool."""

    def dumps(self) -> str:
        """Return it as the cursor's text."""
        return json.dumps(
            [self.job, self.spans, self.taken, self.bad, self.block_sha256], separators=(",", ":")
        )

    @classmethod
    def of(cls, cursor: Mapping[str, str], job: str) -> "Progress | None":
        """Return the progress of this job, if the cursor holds it."""
        if CURSOR not in cursor:
            return None
        name, spans, taken, bad, block = json.loads(cursor[CURSOR])
        if name != job:
            return None
        return cls(name, tuple((start, end) for start, end in spans), taken, bad, block)


@dataclass(slots=True)
class Account:
    """What became of the records of a file."""

    kind: str | None = None
    taken: Counter[str] = field(default_factory=Counter)
    """New readings in the spool, by quantity."""
    again: int = 0
    overlapping: int = 0
    not_worn: int = 0
    """At times when the band is nobody's, or too long ago, or still to come."""
    bad: Counter[str] = field(default_factory=Counter)
    places: list[tuple[int, str]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    """Records of other sources, by name."""
    first_utc_ms: int | None = None
    last_utc_ms: int | None = None
    fault: Rejected | None = None

    @property
    def is_clean(self) -> bool:
        """Say whether everything in the file could be read."""
        return self.fault is None and not self.bad

    def as_dict(self) -> dict[str, Any]:
        """Return the account as what JSON writes. It holds no value of a reading."""
        return {
            "format": self.kind,
            "taken": dict(self.taken),
            "again": self.again,
            "overlapping": self.overlapping,
            "not_worn": self.not_worn,
            "bad": dict(self.bad),
            "bad_places": [list(place) for place in self.places],
            "others": dict(self.others),
            "first_utc_ms": self.first_utc_ms,
            "last_utc_ms": self.last_utc_ms,
            "reason": None if self.fault is None else self.fault.reason,
            "detail": None if self.fault is None else self.fault.detail,
        }

    def see(self, block: Block) -> None:
        """Count what is no reading, and the time that the readings cover."""
        for record in block.bad:
            self.bad[record.reason] += 1
            if len(self.places) < PLACES_SHOWN:
                self.places.append((record.place, record.reason))
        for left in block.left:
            self.others[left.name] += left.records

    def spans(self, readings: Sequence[Reading]) -> None:
        """Widen the time covered."""
        if readings:
            times = [reading.at_utc_ms for reading in readings]
            self.first_utc_ms = min(times + [t for t in [self.first_utc_ms] if t is not None])
            self.last_utc_ms = max(times + [t for t in [self.last_utc_ms] if t is not None])


async def take(path: Path, asked: Asked, progress: Progress, journal: Journal, put: Put) -> Account:
    """Read a file and put what is new of it into the spool; return the account of it.

    `put` returns once the readings are on disk. What a repeated file gives is the same, so this may
    be broken off at any point and begun again.
    """
    account = Account()
    had = sum(progress.taken.values())
    if not progress.spans:
        account.fault = Rejected(
            "not_registered", "nobody wears the band in the time that is taken"
        )
        return account
    try:
        async with contextlib.aclosing(blocks_of(path, asked)) as blocks:
            async for block in blocks:
                if isinstance(block, str):
                    account.kind = block
                    continue
                account.see(block)
                progress = await _take_block(block, progress, journal, put, account)
    except Rejected as error:
        account.fault = error
    account.taken = Counter(progress.taken)
    account.again -= had
    return account


async def _take_block(
    block: Block, progress: Progress, journal: Journal, put: Put, account: Account
) -> Progress:
    readings = _worn(block.readings, progress.spans)
    account.not_worn += len(block.readings) - len(readings)
    account.spans(readings)
    kept = [record for record in block.bad if record.data]
    name = sha256(block.data).hexdigest()
    fresh = await asyncio.to_thread(journal.begin, readings, kept)
    try:
        if name == progress.block_sha256:
            # The spool has it. What the journal did not know of it was put there all the same.
            account.again += len(fresh.readings)
        elif fresh.readings or fresh.bad:
            progress = _after(progress, fresh, name)
            bad = tuple(BadInput(record.data, f"file_{record.reason}") for record in fresh.bad)
            await put(Heard(fresh.readings, "backlog", {CURSOR: progress.dumps()}, bad))
    except BaseException:
        journal.roll_back()
        raise
    await asyncio.to_thread(journal.commit)
    account.again += fresh.again
    account.overlapping += fresh.overlapping
    return progress


def _worn(readings: Sequence[Reading], spans: Spans) -> list[Reading]:
    """Return the readings of times when somebody wears the band, from their beginning to end."""
    return [
        reading
        for reading in readings
        if any(
            start <= reading.at_utc_ms < end and reading.at_utc_ms + reading.span_ms <= end
            for start, end in spans
        )
    ]


def _after(progress: Progress, fresh: Fresh, name: str) -> Progress:
    taken = Counter(progress.taken)
    taken.update(str(reading.quantity) for reading in fresh.readings)
    return Progress(progress.job, progress.spans, dict(taken), progress.bad + len(fresh.bad), name)

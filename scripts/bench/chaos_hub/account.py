"""What was sent against what is stored, reading by reading; receipts against commits, at once."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from config.errors import Unavailable
from scripts.bench.live.said import Sealed, pulses, said
from scripts.bench.live.town import Hall
from storage.database import Connection, border, connect

WAIT_S = 0.05
GIVE_UP_S = 60.0


@dataclass(frozen=True)
class Said:
    """What a hall has said and sealed: [from_ms, until_ms)."""

    hall: Hall
    from_ms: int
    until_ms: int


@dataclass
class Account:
    """How sent and stored differ."""

    sent: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    changed: int = 0
    """Stored with another value, or never sent."""
    dead_letters: int = 0

    @property
    def agrees(self) -> bool:
        """Whether every reading is there once, as it was sent."""
        return not (self.lost or self.doubled or self.changed or self.dead_letters)


def account_for(conn: Connection, all_said: Sequence[Said]) -> Account:
    """Compare every reading that was sealed with every row of the database."""
    account = Account()
    for hall in {one.hall.gateway: one.hall for one in all_said}.values():
        at_ms, band, bpm = _said_by(hall, all_said)
        stored_ms, stored_band, stored_bpm = _stored_of(conn, hall)
        sent_keys, stored_keys = (_key(at_ms, band), _key(stored_ms, stored_band))
        order, stored_order = np.argsort(sent_keys), np.argsort(stored_keys, kind="stable")
        sent_keys, stored_keys = sent_keys[order], stored_keys[stored_order]
        account.sent += len(sent_keys)
        account.stored += len(stored_keys)
        once, first = np.unique(stored_keys, return_index=True)
        account.doubled += len(stored_keys) - len(once)
        is_there = np.isin(sent_keys, once)
        account.lost += int((~is_there).sum())
        account.changed += int((~np.isin(once, sent_keys)).sum())
        found = stored_bpm[stored_order][first][np.searchsorted(once, sent_keys[is_there])]
        account.changed += int((found != bpm[order][is_there]).sum())
    with border():
        row = conn.execute("SELECT count(*) FROM dead_letter").fetchone()
    account.dead_letters = int(row[0]) if row else 0
    return account


def _key(at_ms: NDArray[np.int64], band: NDArray[np.int64]) -> NDArray[np.int64]:
    return at_ms * 1_000 + band


def _said_by(
    hall: Hall, all_said: Sequence[Said]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    parts = [
        said(len(hall.bands), one.from_ms, one.until_ms) for one in all_said if one.hall is hall
    ]
    at_ms = np.concatenate([at for at, _band in parts])
    band = np.concatenate([band for _at, band in parts])
    return at_ms, band, pulses(at_ms, band)


def _stored_of(
    conn: Connection, hall: Hall
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    with border():
        rows = conn.execute(
            "SELECT (extract(epoch FROM h.at) * 1000)::bigint,"
            " array_position(%(bands)s, device_key) - 1, h.value"
            " FROM heart_rate AS h JOIN device AS d ON d.id = h.device_id"
            " WHERE device_key = ANY (%(bands)s)",
            {"bands": list(hall.bands)},
        ).fetchall()
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return (
        np.array(columns[0], np.int64),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.float64),
    )


class ReceiptsChecked:
    """Asks the database, for each receipt as soon as it comes, whether its batches are there.

    A thread of its own; while the database is away what came waits. A context manager.
    """

    def __init__(self, dsn: str) -> None:
        self.checked = self.ahead = 0
        """Batches with a receipt; those that the database did not know then."""
        self._dsn = dsn
        self._waiting: deque[bytes] = deque()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="receipts")

    def came(self, batches: Sequence[Sealed]) -> None:
        """Take note of batches for which there is a receipt."""
        self._waiting.extend(batch.name for batch in batches)

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Check what is left, and end."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        end_s = None
        while self._waiting or not self._is_over.is_set():
            if self._is_over.is_set():
                end_s = end_s or time.monotonic() + GIVE_UP_S
                if time.monotonic() > end_s:
                    return  # what was not checked is missing in `checked`
            try:
                with connect(self._dsn, application="adhere bench") as conn:
                    self._check(conn)
            except Unavailable:
                time.sleep(WAIT_S)

    def _check(self, conn: Connection) -> None:
        while self._waiting or not self._is_over.is_set():
            names = list(self._waiting)
            if not names:
                time.sleep(WAIT_S)
                continue
            with border():
                row = conn.execute(
                    "SELECT count(*) FROM batch WHERE content_sha256 = ANY (%s)", (names,)
                ).fetchone()
            self.checked += len(names)
            self.ahead += len(names) - (int(row[0]) if row else 0)
            for _name in names:
                self._waiting.popleft()

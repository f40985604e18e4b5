"""The times by which the box judges and seals: one that nobody sets, and the best guess of UTC.

A box without a clock of its own wakes up in 1970; a box that finds a time server jumps. Neither may
raise an alarm or lose one, nor put a reading on another day. So what lasts is measured by a clock
that only runs, and what time of day it is comes from the hub as soon as it has said so: in an
answer to a question of ours, or in its receipts.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CONFIRMED_MS = 3_600_000
"""A hub's time that no receipt has borne out for so long was wrong: the next one's counts."""
SLACK_MS = 60_000
"""How much older than the latest a receipt may be and still bear it out."""
LONGEST_ANSWER_MS = 30_000
"""An answer that took longer says too little: it was read at some moment in between."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def mono_now_ms() -> int:
    """Return the milliseconds since the machine started, those it slept through too."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 10**6


def wall_now_ms() -> int:
    """Return the box's wall clock, right or wrong."""
    return time.time_ns() // 10**6


def machine_start() -> str:
    """Return which start of the machine this is; empty where the system does not say."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""


@dataclass(slots=True)
class EdgeTime:
    """Both clocks of the box, and what the hub has said of the time."""

    mono_ms: Callable[[], int] = mono_now_ms
    wall_ms: Callable[[], int] = wall_now_ms
    not_before_utc_ms: int = 0
    """Signed by the hub (a roster's issue): it cannot be earlier, whatever the wall clock says."""
    hub_ahead_ms: int | None = None
    """The hub's clock minus `mono_ms`, by its newest answer; None before it has answered."""
    _hub_ahead_ms: int | None = None
    """The same by whatever it has said, perhaps long ago: better than a wall clock that is wrong,
    and no reason to move a reading."""
    _confirmed_mono_ms: int = 0

    def heard_hub(self, hub_utc_ms: int) -> None:
        """Take the hub's clock out of a receipt.

        On the way it only gets older, and an old receipt may come again: so the latest time counts.
        But a hub whose clock once ran ahead must not be believed for ever.
        """
        now_ms = self.mono_ms()
        ahead, known = hub_utc_ms - now_ms, self._hub_ahead_ms
        if known is None or ahead > known or now_ms - self._confirmed_mono_ms > CONFIRMED_MS:
            self._hub_ahead_ms = known = ahead
        if ahead >= known - SLACK_MS:
            self._confirmed_mono_ms = now_ms

    def hub_answered(self, hub_utc_ms: int, asked_mono_ms: int) -> None:
        """Take the hub's clock out of an answer to what we asked then.

        It was read between asking and now, so half of that is the error at most; an answer that
        took long is no better than a receipt.
        """
        now_ms = self.mono_ms()
        if now_ms - asked_mono_ms > LONGEST_ANSWER_MS:
            self.heard_hub(hub_utc_ms)
            return
        self._hub_ahead_ms = self.hub_ahead_ms = hub_utc_ms - (asked_mono_ms + now_ms) // 2
        self._confirmed_mono_ms = now_ms

    def utc_ms(self) -> int:
        """Return the best guess of UTC now: the hub's word, else the wall clock if it can be."""
        ahead = self._hub_ahead_ms
        now_ms = self.wall_ms() if ahead is None else self.mono_ms() + ahead
        return max(now_ms, self.not_before_utc_ms)

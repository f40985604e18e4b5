"""One claim that goes on, and its times while the box learns what time it is.

A box without a clock of its own wakes with a time that is hours or years old, and somebody may
claim a band before any network is there. How long the claim has lasted is known all the same, by
the clock that nobody sets: so when the box learns the time, or learns it anew, the claim's times
move with it, forward or back, and all of one message are by one count. While the box does not know
the time it cannot know midnight either: a claim then lasts a day at most.

After a power cut nobody knows how long the box was off. A claim that began at a known time, and is
over before the hub has said what time it is, is told to the district once the hub has.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ingest.batch.claim import CLAIM_BYTES, WHY_ENDED_WORDS, WhyEnded
from ingest.batch.columns import is_device_key
from ingest.batch.parts import is_subject
from ingest.gateway.edge_time import EdgeTime

CLOCK_OFF_MS = 120_000
"""Within this the wall clock counts as right, and readings keep the times it gave them."""
SAVE_EVERY_MS = 60_000
"""How old the file's word of the newest reading may be."""
DAY_MS = 86_400_000


@dataclass(slots=True, kw_only=True)
class Standing:
    """A claim that goes on; `*_utc_ms` are the box's best guess, `*_mono_ms` of this start."""

    claim: str
    """Which one, in hexadecimal."""
    device_key: str
    family: str | None
    subject: str
    began_utc_ms: int
    latest_utc_ms: int
    is_sure: bool
    """Its times are by the hub's clock; False: by whatever the box's own says."""
    heard_utc_ms: int
    """Its newest reading, or its beginning."""
    heard_mono_ms: int
    ahead_ms: int = 0
    """UTC as this claim counts it, minus the steady clock."""
    machine: str = ""
    """The start of the machine whose steady clock that is."""
    is_fixed: bool = False
    """It began in an earlier start of the machine, at a time that was known: that stays."""
    is_heard_fixed: bool = False
    """And was not heard since: so the time of its newest reading stays too."""
    ended_utc_ms: int | None = None
    """It is over, by its own count, and guards nobody: the district hears of it later."""
    why_ended: WhyEnded | None = None

    def now_utc_ms(self, mono_ms: int) -> int:
        """Return what it is now, as this claim counts."""
        return mono_ms + self.ahead_ms

    def follow(self, time: EdgeTime, zone: ZoneInfo) -> bool:
        """Move its times to what it is now; say whether the district is to hear them anew.

        A small step forward is not followed: the readings before it keep their times too.
        """
        is_known = time.hub_ahead_ms is not None
        if self.is_sure and not is_known:
            return False  # its own count is better than the box's guess
        moved_ms = time.utc_ms() - self.now_utc_ms(time.mono_ms())
        if -CLOCK_OFF_MS <= moved_ms <= CLOCK_OFF_MS and (moved_ms >= 0 or self.is_sure):
            moved_ms = 0
        has_learned = is_known and not self.is_sure
        self.is_sure |= is_known
        self.ahead_ms += moved_ms
        if not self.is_heard_fixed:
            self.heard_utc_ms += moved_ms
        if self.ended_utc_ms is not None:
            self.ended_utc_ms += moved_ms
        if not self.is_fixed:
            self.began_utc_ms += moved_ms
            self.latest_utc_ms = latest_ms(self.began_utc_ms, zone, is_sure=self.is_sure)
        return has_learned or (self.is_sure and moved_ms != 0 and not self.is_fixed)


def latest_ms(began_ms: int, zone: ZoneInfo, *, is_sure: bool) -> int:
    """Return when a claim ends at the latest: at local midnight, or after a day if unsure."""
    if not is_sure:
        return began_ms + DAY_MS
    local = datetime.fromtimestamp(began_ms / 1000, UTC).astimezone(zone)
    midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), zone)
    return round(midnight.timestamp() * 1000)


def read_standing(path: Path) -> list[Standing]:
    """Return what the file says stood; raises OSError, ValueError, TypeError, KeyError."""
    return [_standing(item) for item in json.loads(path.read_bytes())]


def resumed(one: Standing, time: EdgeTime, machine: str) -> Standing:
    """Return a claim out of the file as it goes on in this start of the gateway.

    It may have been heard until just before the end of the last start. After another start of the
    machine nobody knows how long it was off: a time that was known is kept, a guess goes on as the
    guess of now, with what the claim had lasted.
    """
    mono_ms, guess_ms = time.mono_ms(), time.utc_ms()
    if not machine or one.machine != machine:
        one.machine, one.is_fixed = machine, one.is_sure
        one.is_heard_fixed = one.is_sure
        if one.is_sure:
            is_likely = one.heard_utc_ms <= guess_ms < one.latest_utc_ms
            now_ms = guess_ms if is_likely else one.heard_utc_ms
        else:
            now_ms = guess_ms
            back_ms = min(0, guess_ms - one.heard_utc_ms)
            one.began_utc_ms += back_ms
            one.latest_utc_ms += back_ms
            one.heard_utc_ms += back_ms
        one.ahead_ms = now_ms - mono_ms
    one.heard_mono_ms = mono_ms
    now_ms = one.now_utc_ms(mono_ms)
    one.heard_utc_ms = max(one.heard_utc_ms, min(now_ms, one.heard_utc_ms + SAVE_EVERY_MS))
    return one


def _standing(item: Any) -> Standing:  # noqa: ANN401 - whatever it says
    """Return a claim out of the file; raises ValueError, TypeError, KeyError."""
    one = Standing(**item)
    times = (
        one.began_utc_ms, one.latest_utc_ms, one.heard_utc_ms, one.heard_mono_ms, one.ahead_ms,
    )  # fmt: skip
    if (
        len(bytes.fromhex(one.claim)) != CLAIM_BYTES
        or not is_device_key(one.device_key)
        or not is_subject(one.subject)
        or not all(isinstance(at, int) for at in times)
        or not isinstance(one.machine, str)
        or not isinstance(one.is_sure, bool)
        or not isinstance(one.is_fixed, bool)
        or not isinstance(one.is_heard_fixed, bool)
        or (one.ended_utc_ms is None) != (one.why_ended is None)
        or not isinstance(one.ended_utc_ms, int | None)
        or one.why_ended not in {None, *WHY_ENDED_WORDS}
    ):
        raise ValueError("not a claim")
    return one

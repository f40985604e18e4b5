"""The box's wall clock against the one that nobody sets, and the times of what is sealed.

A reading heard now is stamped with the wall clock, right or wrong. Beside it the spool keeps by how
much that clock then stood ahead of the monotonic one (a `Stamp`). Once it is known what time it is,
because the hub has said so or the kernel says that a time service keeps the clock, that difference
puts right every reading stamped since the machine was started. After another start it says nothing.
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

from ingest.batch.columns import Chunk, readings_of
from ingest.batch.reading import Flag, Reading
from ingest.gateway.edge_time import EdgeTime, machine_start
from ingest.gateway.kernel_time import kernel_is_synchronised

AGREES_MS = 120_000
"""A wall clock no further than this from the hub's is right: its times are left as they are."""
JUMP_MS = 1_000
"""A wall clock that moves more than this against the monotonic one was set, not steered."""
HELD_MS = 600_000
"""No reading waits longer than this between its stamp and the disk."""
EARLY_MS = 2_000
"""A beat lies a little before the frame that tells of it."""


class SealTime(NamedTuple):
    """When a batch was sealed."""

    utc_ms: int
    mono_ms: int
    """Of a clock that no one sets: it orders batches where the wall clock jumped."""


class Stamp(NamedTuple):
    """By which clock the readings of a chunk were stamped."""

    machine_start: str
    wall_ahead_ms: int
    """The wall clock minus the monotonic one when they were stamped."""
    mono_ms: int
    """When they were handed to the spool."""
    known: bool
    """Whether that wall clock was known to be right."""


Part = tuple[Sequence[Reading] | Chunk, Stamp | None]


class Clock(Protocol):
    """Stamps what is heard, and says when a batch is sealed."""

    jumps: int
    """How often the wall clock was set, since the start."""

    def at_seal(self, newest_at_utc_ms: int) -> SealTime:
        """Return UTC and monotonic time, given the time of the newest reading."""
        ...

    def utc_ms(self) -> int:
        """Return the time now."""
        ...

    def is_known(self) -> bool:
        """Say whether it is known what time it is."""
        ...

    def knows_time(self) -> bool:
        """Say whether it is known what time it is, be the wall clock right or wrong."""
        ...

    def is_contradicted(self) -> bool:
        """Say whether a time service keeps the clock, and the hub says another time."""
        ...

    def look(self) -> None:
        """Notice where the wall clock was set; call it at least every second."""
        ...

    def stamped(self, readings: Sequence[Reading] | Chunk) -> Sequence[Part]:
        """Return what was stamped with the wall clock, by the clock that it was stamped with."""
        ...

    def shift_ms(self, stamp: Stamp) -> int | None:
        """Return what to add to times stamped so; 0: they are right; None: nobody can say."""
        ...


class BoxClock:
    """The box's own clocks. `stamped` and `look` belong to the event loop; the rest to anyone."""

    def __init__(
        self,
        time: EdgeTime | None = None,
        kernel_says: Callable[[], bool] = kernel_is_synchronised,
        start: str | None = None,
    ) -> None:
        """`time` is shared with the edge; `start` names this start of the machine."""
        self.time = EdgeTime() if time is None else time
        self._kernel_says = kernel_says
        self._start = machine_start() if start is None else start
        now_ms = self.time.mono_ms()
        self._stretches = deque([(now_ms - HELD_MS, self._wall_ahead_ms())], maxlen=64)
        """(since, wall ahead): between two jumps the wall clock stood ahead by about so much."""
        self.jumps = 0
        """How often the wall clock was set, since the start."""

    def look(self) -> None:
        """Notice where the wall clock was set; call it at least every second."""
        since_ms, ahead_ms = self._stretches[-1]
        now_ahead_ms = self._wall_ahead_ms()
        if abs(now_ahead_ms - ahead_ms) > JUMP_MS:
            self.jumps += 1
            self._stretches.append((self.time.mono_ms(), now_ahead_ms))
        else:  # steered a little
            self._stretches[-1] = (since_ms, now_ahead_ms)

    def at_seal(self, newest_at_utc_ms: int) -> SealTime:
        """Return the time now."""
        del newest_at_utc_ms
        return SealTime(self.utc_ms(), self.time.mono_ms())

    def utc_ms(self) -> int:
        """Return the wall clock where it is known to be right, else the best guess."""
        if self.is_known():
            return max(0, self.time.wall_ms())
        return max(0, self.time.utc_ms())

    def is_known(self) -> bool:
        """Say whether the wall clock is right: by the hub, or the kernel where the hub is silent.

        Where hub and kernel contradict each other nobody can say which is right.
        """
        hub_ms = self.time.hub_ahead_ms
        return self._kernel_says() if hub_ms is None else self._agrees(hub_ms)

    def is_contradicted(self) -> bool:
        """Say whether a time service keeps the clock, and the hub says another time."""
        hub_ms = self.time.hub_ahead_ms
        return hub_ms is not None and not self._agrees(hub_ms) and self._kernel_says()

    def knows_time(self) -> bool:
        """Say whether it is known what time it is, be the wall clock right or wrong."""
        return self.is_known() or (
            self.time.hub_ahead_ms is not None and not self.is_contradicted()
        )

    def stamped(self, readings: Sequence[Reading] | Chunk) -> Sequence[Part]:
        """Return the readings in as few parts as there were clocks that stamped them."""
        self.look()
        now_ms = self.time.mono_ms()
        recent = [
            (since_ms, ahead_ms)
            for (since_ms, ahead_ms), (until_ms, _) in zip(
                self._stretches, [*list(self._stretches)[1:], (now_ms, 0)], strict=True
            )
            if until_ms >= now_ms - HELD_MS
        ]
        if len(recent) == 1:
            return [(readings, self._stamp(now_ms, recent[0][1]))]
        one_by_one = list(readings_of(readings)) if isinstance(readings, Chunk) else readings
        return [
            (list(part), self._stamp(now_ms, ahead_ms))
            for ahead_ms, part in groupby(
                one_by_one, key=lambda reading: _stamped_by(reading, recent, now_ms)
            )
        ]

    def shift_ms(self, stamp: Stamp) -> int | None:
        """Return what to add to times stamped so; 0: they are right; None: nobody can say."""
        if not self._start or stamp.machine_start != self._start:
            return 0 if stamp.known else None
        hub_ms, true_ms = self.time.hub_ahead_ms, self._true_ahead_ms()
        if stamp.known:  # and where the hub says now that it was wrong, one of the two errs
            agrees = hub_ms is None or abs(hub_ms - stamp.wall_ahead_ms) <= AGREES_MS
            return 0 if agrees else None
        if true_ms is None:
            return None
        off_ms = true_ms - stamp.wall_ahead_ms
        return 0 if abs(off_ms) <= AGREES_MS else off_ms

    def _true_ahead_ms(self) -> int | None:
        """Return by how much UTC is ahead of the monotonic clock, where that is known."""
        if self.is_known():
            return self._wall_ahead_ms()
        return None if self.is_contradicted() else self.time.hub_ahead_ms

    def _agrees(self, hub_ms: int) -> bool:
        return abs(hub_ms - self._wall_ahead_ms()) <= AGREES_MS

    def _wall_ahead_ms(self) -> int:
        return self.time.wall_ms() - self.time.mono_ms()

    def _stamp(self, now_ms: int, ahead_ms: int | None) -> Stamp:
        if ahead_ms is None:
            return Stamp("", 0, now_ms, known=False)
        hub_ms = self.time.hub_ahead_ms
        if hub_ms is not None:
            known = abs(hub_ms - ahead_ms) <= AGREES_MS
        else:
            # What the kernel says is of the clock as it stands now, not as it stood before a jump.
            known = ahead_ms == self._stretches[-1][1] and self._kernel_says()
        return Stamp(self._start, ahead_ms, now_ms, known)


class ContentClock:
    """For replays: a batch counts as sealed when its newest reading was heard.

    So a recording gives the same batches whenever, and however often interrupted, it is replayed.
    """

    jumps = 0

    def at_seal(self, newest_at_utc_ms: int) -> SealTime:
        """Return the newest reading's time, twice."""
        return SealTime(newest_at_utc_ms, newest_at_utc_ms)

    def utc_ms(self) -> int:
        """Return the time now: whatever a replay seals is history."""
        return EdgeTime().utc_ms()

    def is_known(self) -> bool:
        """Say yes: a recording's times are its own."""
        return True

    def knows_time(self) -> bool:
        """Say yes, as above."""
        return True

    def is_contradicted(self) -> bool:
        """Say no, as above."""
        return False

    def look(self) -> None:
        """Do nothing: a recording's clock does not jump."""

    def stamped(self, readings: Sequence[Reading] | Chunk) -> Sequence[Part]:
        """Return the readings: no clock of this box has stamped them."""
        return [(readings, None)]

    def shift_ms(self, stamp: Stamp) -> int | None:
        """Return 0: a recording is played as it is."""
        del stamp
        return 0


def _stamped_by(reading: Reading, stretches: Sequence[tuple[int, int]], now_ms: int) -> int | None:
    """Return by how much the clock stood ahead that this reading was stamped with.

    A stamp fits the stretch in which that clock showed it; None where it fits none. What a band
    remembered is placed by the clock of now.
    """
    until_ms = now_ms
    if reading.flags & Flag.CLOCK_RECEIPT and reading.device_ts_ms is None:
        for since_ms, ahead_ms in reversed(stretches):
            if since_ms - EARLY_MS <= reading.at_utc_ms - ahead_ms <= until_ms + JUMP_MS:
                return ahead_ms
            until_ms = since_ms
        return None
    return stretches[-1][1]

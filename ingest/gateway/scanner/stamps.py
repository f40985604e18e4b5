"""How late a message comes, by the stamp that its scanner or phone gave it.

A wrong clock is a constant offset between stamp and coming; a delay is not, and never negative. So
the smallest offset of a sender is its clock, and what lies above it is delay. Offsets are taken
from the clock that nobody sets: that the box's own clock jumps changes none of them.

A message that comes within seconds of its stamp, by the box's clock, shows the offset at once. Any
other has to hold for a minute before it is believed: what a queue hands over late comes faster than
it was said, so its offset falls and falls.
"""

from collections import OrderedDict
from dataclasses import dataclass

PROMPT_MS = 5_000
"""A message that is no older than that is of now: its whole seconds say less than its coming."""
LEARNT_MS = 60_000
"""An offset that holds so long is that of a clock."""
SET_BACK_MS = 300_000
"""A known clock that seems late, always by as much, for so long: it was set back."""
DOUBTED_MS = 10_000
"""From then on it may have been: what a queue hands over keeps no delay for so long."""
OF_NOW_MS = 60_000
"""What is no later warns, and goes on warning while a clock is doubted."""
LONGEST_MS = 6 * 3_600_000
"""No queue of a scanner or phone is longer: what seems later has the stamp of another clock."""
MOST_SENDERS = 500


@dataclass(slots=True)
class _Clock:
    """One sender's clock; offsets are the steady clock minus the stamp."""

    smallest_ms: int
    since_ms: int
    """Since when it has been the smallest, give or take what is prompt."""
    is_known: bool
    later_ms: int | None = None
    """A larger offset that seems to hold, since then."""
    later_since_ms: int = 0


class Stamps:
    """The clocks of all senders; times are in milliseconds."""

    def __init__(self) -> None:
        """Know none."""
        self._clocks: OrderedDict[str, _Clock] = OrderedDict()

    def delay_ms(self, sender: str, stamp_utc_ms: int, *, mono_ms: int, wall_ms: int) -> int | None:
        """Return how late a message comes; None: nobody can say yet."""
        offset_ms = mono_ms - stamp_utc_ms
        agrees = abs(wall_ms - stamp_utc_ms) <= PROMPT_MS
        clock = self._clocks.get(sender)
        if clock is None or not -PROMPT_MS <= offset_ms - clock.smallest_ms <= LONGEST_MS:
            self._clocks[sender] = _Clock(offset_ms, mono_ms, agrees)
            while len(self._clocks) > MOST_SENDERS:
                self._clocks.popitem(last=False)
            return 0 if agrees else None
        if offset_ms - clock.smallest_ms <= PROMPT_MS:
            clock.smallest_ms = min(clock.smallest_ms, offset_ms)
            clock.is_known |= agrees or mono_ms - clock.since_ms >= LEARNT_MS
            clock.later_ms = None
        else:
            _look_for_a_clock_set_back(clock, offset_ms, mono_ms, agrees=agrees)
        late_ms = max(0, offset_ms - clock.smallest_ms)
        is_doubted = clock.later_ms is not None and mono_ms - clock.later_since_ms >= DOUBTED_MS
        if not clock.is_known or (is_doubted and late_ms > OF_NOW_MS):
            return None
        return late_ms

    def known_delay_ms(self, sender: str, offset_ms: int) -> int | None:
        """Return the delay of an earlier message of a sender whose clock is known by now.

        None: it has the stamp of another clock, from before it was set.
        """
        late_ms = max(0, offset_ms - self._clocks[sender].smallest_ms)
        return late_ms if late_ms <= LONGEST_MS else None

    def is_off(self, sender: str, limit_ms: int, *, mono_ms: int, wall_ms: int) -> bool:
        """Say whether a sender's clock, as far as it is known, disagrees with the box's."""
        clock = self._clocks.get(sender)
        return clock is not None and abs(wall_ms - mono_ms + clock.smallest_ms) > limit_ms


def _look_for_a_clock_set_back(
    clock: _Clock, offset_ms: int, mono_ms: int, *, agrees: bool
) -> None:
    """Take the larger offset for the clock's, once it has held for long."""
    if agrees and not clock.is_known:
        clock.smallest_ms, clock.since_ms, clock.is_known = offset_ms, mono_ms, True
    elif clock.later_ms is None or abs(offset_ms - clock.later_ms) > PROMPT_MS:
        clock.later_ms, clock.later_since_ms = offset_ms, mono_ms
    elif mono_ms - clock.later_since_ms >= (
        SET_BACK_MS if clock.is_known and not agrees else LEARNT_MS
    ):
        clock.smallest_ms, clock.since_ms = min(clock.later_ms, offset_ms), mono_ms
        clock.is_known, clock.later_ms = True, None

"""The times of the radio, in seconds: how long to wait, and when to try again."""

from dataclasses import dataclass

from config.waiting import spread_s


@dataclass(frozen=True, slots=True)
class Pace:
    """Times of the collector; those an operator may change stand in the settings."""

    flush_s: float = 0.5
    """What is heard goes towards the spool this often: it must be there within a second."""
    deal_s: float = 0.25
    """Links are dealt out, and who fell silent is looked for, this often."""
    retry_least_s: float = 1.0
    retry_most_s: float = 60.0
    """Doubling in between, each wait a random part of it: bands and boxes come back one by one."""
    connect_s: float = 10.0
    """A connection is given up after this: it begins at a band's next advert, or it does not."""
    disconnect_s: float = 5.0
    scan_s: float = 15.0
    """For a scan to begin; StartDiscovery given up halfway leaves an adapter that is busy."""
    ask_s: float = 5.0
    """For one answer of BlueZ or of a band."""
    look_again_s: float = 10.0
    """The list of adapters is asked for anew this often, should a signal have been lost."""
    quiet_s: float = 60.0
    """An adapter that hears nothing at all for this long is made to scan anew."""
    turn_s: float = 60.0
    """A link that is open this long gives way to a band that waits for one."""
    short_turn_s: float = 10.0
    """... or this long, where the band that waits is in a session."""
    read_turn_s: float = 180.0
    """... or this long, where it has not come to the end of its band's memory yet."""
    session_s: float = 300.0
    """A session goes on for so long after the last pulse of somebody who exercises."""
    reach_s: float = 15.0
    """A band that was heard within this time is tried before one that may have gone."""
    shake_s: float = 5.0
    """A band is made to vibrate for so long, and stayed with."""
    apart_s: float = 0.25
    """Between a vibration and what else is written: some bands lose what comes too soon."""


class Retry:
    """How long to wait before the next try: doubling, and back to the least after a success."""

    def __init__(self, pace: Pace) -> None:
        """Start with the least wait."""
        self._pace = pace
        self._wait_s = pace.retry_least_s

    def next_s(self) -> float:
        """Return the wait before the next try, a random half to whole of what is due."""
        wait_s = self._wait_s
        self._wait_s = min(2 * wait_s, self._pace.retry_most_s)
        return spread_s(wait_s)

    def worked(self) -> None:
        """Begin again with the least wait."""
        self._wait_s = self._pace.retry_least_s

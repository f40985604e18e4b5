"""The edge guard: says at once, with the network down, that somebody must slow down.

It hears each live heart rate in the call that brings it, before any queue, and touches no disk.
Who wears the band, and under which ceiling, is asked of the roster for the time of the reading.
How long an effort lasts is measured by the clock that nobody sets (see `edge_time`): a wall clock
that jumps neither raises an alarm nor loses one. Events name the readings' own times, so that the
district finds the same run in the readings it has stored.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from alerts.conditions import Change, Gate, Sample, Sustained, Tracker, What
from ingest.batch.event import Event, State
from ingest.batch.reading import Flag, Quantity, Reading
from ingest.batch.roster import RosterBand
from ingest.gateway.edge_time import EdgeTime

log = structlog.get_logger()

FRESH_MS = 60_000
"""Stamped longer ago, or ahead, it was stamped before the wall clock jumped: it is of now."""
GONE_AFTER_MS = 300_000
"""A band not heard for this long is not shown as here."""
ENDED_KEPT = 20

Lookup = Callable[[str, int], RosterBand | None]


@dataclass(frozen=True, slots=True)
class EdgeRule:
    """The rule that the edge evaluates; the district evaluates the same one by the same name."""

    name: str
    version: int
    sustained: Sustained
    gate: Gate


@dataclass(slots=True)
class Alarm:
    """An effort at or above the ceiling that goes on, or has ended."""

    device_key: str
    subject: str
    ceiling_bpm: float
    onset_utc_ms: int
    raised_utc_ms: int
    raised_mono_ms: int
    last_utc_ms: int
    peak_bpm: float
    samples: int
    ended_mono_ms: int | None = None


@dataclass(slots=True)
class Here:
    """A band that is heard, and who wears it."""

    worn: RosterBand
    bpm: float
    heard_mono_ms: int
    tracker: Tracker | None
    """None where no ceiling is set."""
    alarm: Alarm | None = None
    above: dict[int, int] = field(default_factory=dict)
    """Of a run that is no alarm yet: when its readings were by the steady clock, by the wall's."""


class EdgeGuard:
    """Keeps the alarms of one gateway. All methods belong to the event loop's thread."""

    def __init__(
        self, band: Lookup, rule: EdgeRule, add_event: Callable[[Event], None], time: EdgeTime
    ) -> None:
        """`band` says who wears a band at a time; `add_event` takes what is to be told."""
        self.alert: Callable[[str], object] = _nobody
        """Called with the band at each reading that raises or prolongs an alarm."""
        self._battery: dict[str, float] = {}
        self._band, self._rule, self._add_event, self._time = band, rule, add_event, time
        self._here: dict[str, Here] = {}
        self.ended: deque[Alarm] = deque(maxlen=ENDED_KEPT)
        """The newest last."""
        self.count: Counter[str] = Counter()
        """Readings since the start: `judged`, `poor_signal`, `nobody` (no wearer at its time)."""

    @property
    def alarms(self) -> list[Alarm]:
        """What is going on now, the longest first."""
        alarms = (here.alarm for here in self._here.values())
        return sorted((a for a in alarms if a is not None), key=lambda a: a.raised_mono_ms)

    @property
    def here(self) -> Mapping[str, Here]:
        """The bands that are heard, by their keys."""
        return self._here

    @property
    def battery_pct(self) -> Mapping[str, float]:
        """What bands last said of their batteries, by their keys."""
        return self._battery

    def heard(self, readings: Sequence[Reading]) -> None:
        """Judge what has just been heard; anything but a live heart rate is passed over."""
        mono_ms, wall_ms = self._time.mono_ms(), self._time.wall_ms()
        utc_ms = self._time.utc_ms()
        for reading in readings:
            if (
                reading.quantity is Quantity.HEART_RATE_BPM
                and reading.flags & Flag.CLOCK_RECEIPT
                and reading.device_ts_ms is None
            ):
                age_ms = wall_ms - reading.at_utc_ms
                if not 0 <= age_ms <= FRESH_MS:
                    age_ms = 0
                self._judge(reading, mono_ms - age_ms, utc_ms - age_ms)
            elif reading.quantity is Quantity.BATTERY_PCT:
                self._battery[reading.device_key] = reading.value

    def look(self) -> None:
        """End what nothing more was heard of; call it every second."""
        now = self._time.mono_ms()
        for key, here in list(self._here.items()):
            change = here.tracker.silent_at(now) if here.tracker is not None else None
            if change is not None:
                self._changed(here, change)
            if here.alarm is None and now - here.heard_mono_ms > GONE_AFTER_MS:
                del self._here[key]

    def _judge(self, reading: Reading, mono_ms: int, utc_ms: int) -> None:
        flags = reading.flags
        contact = bool(flags & Flag.CONTACT) if flags & Flag.CONTACT_KNOWN else None
        suspect = bool(flags & Flag.SUSPECT)
        if not self._rule.gate.passes(reading.value, contact=contact, suspect=suspect):
            self.count["poor_signal"] += 1
            return
        worn = self._band(reading.device_key, utc_ms)
        if worn is None:
            self.count["nobody"] += 1
            self._leave(reading.device_key)
            return
        self.count["judged"] += 1
        here = self._wearing(worn, mono_ms)
        here.bpm, here.heard_mono_ms = reading.value, max(mono_ms, here.heard_mono_ms)
        if here.tracker is None:
            return
        change = here.tracker.feed(Sample(mono_ms, reading.value))
        if change is not None and change.what is What.ENDED:
            self._changed(here, change)
        if reading.value < here.tracker.ceiling_bpm:
            here.above.clear()
        elif here.alarm is None:
            self._remember(here.above, mono_ms, reading.at_utc_ms)
        if change is not None and change.what is not What.ENDED:
            self._changed(here, change, reading.at_utc_ms)

    def _remember(self, above: dict[int, int], mono_ms: int, at_utc_ms: int) -> None:
        """Remember when a reading was by both clocks; before a long silence it was another run."""
        last_ms = next(reversed(above), mono_ms)
        if mono_ms - last_ms > self._rule.sustained.slow_max_gap_ms:
            above.clear()
        above.setdefault(mono_ms, at_utc_ms)

    def _wearing(self, worn: RosterBand, mono_ms: int) -> Here:
        """Return what is known of a band under its wearer and ceiling of now."""
        here = self._here.get(worn.device_key)
        if here is not None and (here.worn.subject, here.worn.ceiling_bpm) == (
            worn.subject,
            worn.ceiling_bpm,
        ):
            here.worn = worn
            return here
        self._leave(worn.device_key)
        ceiling = worn.ceiling_bpm
        tracker = None if ceiling is None else Tracker(ceiling, self._rule.sustained)
        here = self._here[worn.device_key] = Here(worn, 0.0, mono_ms, tracker)
        return here

    def _leave(self, device_key: str) -> None:
        """End what was going on: the band is another's now, or has another ceiling, or nobody's."""
        here = self._here.pop(device_key, None)
        if here is not None and here.alarm is not None:
            self._end(here, here.alarm)

    def _changed(self, here: Here, change: Change, at_utc_ms: int = 0) -> None:
        episode, alarm = change.episode, here.alarm
        if change.what is What.RAISED:
            here.alarm = alarm = Alarm(
                device_key=here.worn.device_key,
                subject=here.worn.subject,
                ceiling_bpm=self._ceiling(here),
                onset_utc_ms=here.above.get(episode.onset_ms, at_utc_ms),
                raised_utc_ms=at_utc_ms,
                raised_mono_ms=episode.raised_ms,
                last_utc_ms=at_utc_ms,
                peak_bpm=episode.peak_bpm,
                samples=episode.samples,
            )
            here.above.clear()
            self._tell(alarm, "raised")
            self.alert(alarm.device_key)
        elif alarm is not None and change.what is What.CONTINUES:
            alarm.last_utc_ms = at_utc_ms
            alarm.peak_bpm, alarm.samples = episode.peak_bpm, episode.samples
            self.alert(alarm.device_key)
        elif alarm is not None:
            self._end(here, alarm)

    def _ceiling(self, here: Here) -> float:
        return here.tracker.ceiling_bpm if here.tracker is not None else 0.0

    def _end(self, here: Here, alarm: Alarm) -> None:
        here.alarm = None
        here.above.clear()
        alarm.ended_mono_ms = self._time.mono_ms()
        self.ended.append(alarm)
        self._tell(alarm, "ended")

    def _tell(self, alarm: Alarm, state: State) -> None:
        log.warning("edge_alarm", state=state, rule=self._rule.name)
        self._add_event(
            Event(
                centre="",
                gateway="",
                boot=b"",
                number=0,
                rule=self._rule.name,
                rule_version=self._rule.version,
                device_key=alarm.device_key,
                subject=alarm.subject,
                onset_utc_ms=alarm.onset_utc_ms,
                raised_utc_ms=alarm.raised_utc_ms,
                last_utc_ms=alarm.last_utc_ms,
                state=state,
                age_ms=None,
                peak_bpm=alarm.peak_bpm,
                samples=alarm.samples,
                ceiling_bpm=alarm.ceiling_bpm,
            )
        )


def _nobody(_device_key: str) -> None:
    """Vibrate nobody's band."""

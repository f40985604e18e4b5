"""From a band's values to readings with time and marks: to the edge first, then on to disk."""

import time
from collections.abc import Callable, Sequence

from config.gateway_settings import RadioSettings
from devices.value import HEART_RATE_BPM, Value
from ingest.batch.limits import MAX_UTC_MS
from ingest.batch.reading import Flag, Quantity, Reading
from ingest.gateway.radio.bands import Band, Run
from ingest.gateway.radio.basket import Basket
from ingest.gateway.radio.counters import RadioCounters

FROZEN_S = 600.0
"""A pulse that has not changed for ten minutes is doubted: a person's does, even at rest."""
FROZEN_VALUES = 4
"""Out of a memory: so many of them at least, for three may be alike by chance where they lie five
minutes apart."""
FROZEN_GAP_S = 900.0
"""Longer apart, they show nothing of the time between."""
SESSION_BPM = RadioSettings().session_bpm
LATE_MS = 60_000
"""What was true longer ago tells of no effort that goes on: it is stored, and the edge not told."""
AWAY_S = 60.0
"""A band that was not heard for this long begins anew."""

QUANTITIES = {str(quantity): quantity for quantity in Quantity}


class Intake:
    """Where all that is heard passes."""

    def __init__(
        self,
        basket: Basket,
        on_heard: Callable[[Sequence[Reading]], None],
        counters: RadioCounters,
        *,
        session_bpm: float = SESSION_BPM,
    ) -> None:
        """Take who must know at once: told in the moment of hearing, whatever the disk does.

        A live pulse of at least `session_bpm` is one of somebody who exercises.
        """
        self._basket, self._on_heard, self._counters = basket, on_heard, counters
        self._session_bpm = session_bpm
        self.is_open = True
        """Closed at the end: after the last flush nothing is heard, so that nothing is lost."""

    def live(
        self, band: Band, values: Sequence[Value], mono_s: float, *, counted: bool = False
    ) -> int:
        """Take in what was true at the moment of hearing; return the number of readings.

        `counted`: the frame has a counter that shows it is new, so an even pulse is no doubt. The
        edge is told what is of now; not what came late, or at a time that nobody can say.
        """
        if not self.is_open:
            return 0
        now_utc_ms = time.time_ns() // 10**6
        readings = [
            self._reading(band, value, now_utc_ms, mono_s, counted=counted) for value in values
        ]
        of_now = [reading for reading in readings if _is_of_now(reading, now_utc_ms)]
        if of_now:
            self._on_heard(of_now)
        if readings:
            self._basket.put_live(readings)
        return len(readings)

    def history(self, band: Band, values: Sequence[Value]) -> bool:
        """Take in what the band remembered; say whether there was room for all of it."""
        readings = [reading for value in values if (reading := self._remembered(band, value))]
        return self.is_open and self._basket.put_history(readings)

    def rejected(self, data: bytes, reason: str) -> None:
        """Keep aside what could not be read."""
        self._counters.rejected[reason] += 1
        self._basket.put_rejected(data, reason)

    def _remembered(self, band: Band, value: Value) -> Reading | None:
        """Return a value with the time its talk gave it; None for one that no calendar has."""
        at_utc_ms = value.at_utc_ms
        if at_utc_ms is None:
            self._counters.readings_unplaced += 1
            return None
        if not 0 <= at_utc_ms <= MAX_UTC_MS:
            self.rejected(b"", "time")
            return None
        marks = _marks(value)
        if value.quantity == HEART_RATE_BPM and _was_frozen(band.remembered, value, at_utc_ms):
            marks |= Flag.SUSPECT
        self._counters.readings_suspect += bool(marks & Flag.SUSPECT)
        self._counters.readings_clock_suspect += bool(marks & Flag.CLOCK_SUSPECT)
        return Reading(
            band.key,
            QUANTITIES[value.quantity],
            value.value,
            at_utc_ms,
            value.span_ms,
            marks,
            value.device_ts_ms,
        )

    def _reading(
        self, band: Band, value: Value, now_utc_ms: int, mono_s: float, *, counted: bool
    ) -> Reading:
        marks = _marks(value) | Flag.CLOCK_RECEIPT
        is_pulse = value.quantity == HEART_RATE_BPM
        if is_pulse and not counted and self._is_frozen(band, value.value, mono_s):
            marks |= Flag.SUSPECT
        if is_pulse and value.value >= self._session_bpm and not marks & Flag.SUSPECT:
            band.session_mono_s = mono_s
        self._counters.readings_suspect += bool(marks & Flag.SUSPECT)
        # A box that woke in 1970 may place the beats before a frame where no time is.
        at_utc_ms = now_utc_ms if value.at_utc_ms is None else max(0, value.at_utc_ms)
        # Two frames in one millisecond are two readings; and a clock that was set back a little
        # does not make one reading replace another.
        last = band.last_at_utc_ms.get(value.quantity, 0)
        if last - at_utc_ms in range(1000):
            at_utc_ms = last + 1
        band.last_at_utc_ms[value.quantity] = at_utc_ms
        return Reading(
            band.key, QUANTITIES[value.quantity], value.value, at_utc_ms, value.span_ms, marks
        )

    def _is_frozen(self, band: Band, bpm: float, mono_s: float) -> bool:
        """Say whether this pulse has been the same for minutes on end."""
        if bpm != band.bpm or mono_s - band.heard_mono_s > AWAY_S:
            band.bpm, band.bpm_since_mono_s = bpm, mono_s
        return mono_s - band.bpm_since_mono_s >= FROZEN_S


def _is_of_now(reading: Reading, now_utc_ms: int) -> bool:
    is_placed = not reading.flags & Flag.CLOCK_SUSPECT
    return is_placed and now_utc_ms - reading.at_utc_ms <= LATE_MS


def _marks(value: Value) -> int:
    marks = 0
    if value.contact is not None:
        marks |= Flag.CONTACT_KNOWN | (Flag.CONTACT if value.contact else 0)
    if value.suspect:
        marks |= Flag.SUSPECT
    if value.clock_suspect:
        marks |= Flag.CLOCK_SUSPECT
    return int(marks)


def _was_frozen(run: Run, value: Value, at_utc_ms: int) -> bool:
    """Say whether a remembered pulse had been the same for minutes on end; go on with the run.

    A memory comes in the order of its times within a day; a day that begins anew is a new run.
    """
    if value.value != run.bpm or not 0 < at_utc_ms - run.last_utc_ms <= FROZEN_GAP_S * 1000:
        run.bpm, run.since_utc_ms, run.values = value.value, at_utc_ms, 0
    run.last_utc_ms = at_utc_ms
    run.values += 1
    return at_utc_ms - run.since_utc_ms >= FROZEN_S * 1000 and run.values >= FROZEN_VALUES

"""Sustained high heart rate in stored readings: from what was touched to the episodes in it.

The union of all gateways' readings of a band is judged in the order of their own times. Bands
whose new readings reach no ceiling cost one look at these; only the others are read further back.
Nothing here writes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from alerts.conditions import Episode, Gate, Sample, Sustained, episodes
from alerts.times import at, span
from config.alert_rules import CeilingRule
from config.conventions import Conventions
from storage.database import Connection
from storage.queries import query

LONGEST_LOOK_BACK_MS = 24 * 3_600_000
LONGEST_SPAN_MS = 24 * 3_600_000
"""A batch whose clock jumped may span years: of late readings no more than this is looked at."""
WIDEN = 8
"""How much further back each look goes when a run was under way before the last."""
CONTACT_KNOWN, CONTACT, SUSPECT = 1, 2, 4
"""Bits of a stored reading's flags (table heart_rate)."""


class TouchedBand(NamedTuple):
    """What one batch brought of one band; ms UTC, `queued_ms` by our clock."""

    device_id: int
    min_ms: int
    max_ms: int
    queued_ms: int


class Span(NamedTuple):
    """A stretch of time of one band, both ends in it."""

    device_id: int
    from_ms: int
    to_ms: int


class Found(NamedTuple):
    """An episode in the readings of one band while one patient wore it."""

    patient_id: int
    device_id: int
    ceiling_bpm: float
    episode: Episode
    sample_ms: tuple[int, ...]
    """Times of its readings that were read: all of them, or the newest."""
    is_live: bool
    """Its newest readings came when they were fresh: no back-fill."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A rule in the units of the condition, and what the method says of readings."""

    rule: CeilingRule
    sustained: Sustained
    gate: Gate
    utc_offset: timedelta

    @classmethod
    def of(cls, rule: CeilingRule, conventions: Conventions) -> "Terms":
        """Return the terms of a rule."""
        return cls(
            rule,
            Sustained(**rule.persistence),
            Gate(conventions.lowest_bpm, conventions.highest_bpm),
            timedelta(minutes=conventions.utc_offset_min),
        )

    @property
    def gap_ms(self) -> int:
        """The longest silence within a run."""
        return self.sustained.slow_max_gap_ms

    @property
    def freshness_ms(self) -> int:
        """Older than this is not urgent."""
        return self.rule.freshness_s * 1000

    @property
    def look_back_ms(self) -> int:
        """No run is longer than this before it is sustained, or not at all."""
        terms = self.sustained
        dense = max(terms.min_span_ms, terms.min_samples * terms.max_gap_ms)
        return (terms.slow_samples + 1) * terms.slow_max_gap_ms + dense


def find_episodes(
    conn: Connection, touched: Sequence[TouchedBand], also: Sequence[Span], terms: Terms
) -> list[Found]:
    """Return the episodes in what was touched, and in `also` whatever was touched there.

    Late data is looked at only where an episode is known already: it may complete one, and raises
    none.
    """
    live: dict[int, list[TouchedBand]] = defaultdict(list)
    for one in touched:
        # Readings from far ahead are as little of now as old ones: their clock was wrong.
        from_ms = max(one.min_ms, one.queued_ms - terms.freshness_ms)
        to_ms = min(one.max_ms, one.queued_ms + terms.freshness_ms)
        if from_ms <= to_ms:
            live[one.device_id].append(one._replace(min_ms=from_ms, max_ms=to_ms))
    spans = [*also, *_hot(conn, touched, live, terms)]
    if not spans:
        return []
    known = _known(conn, {one.device_id for one in spans}, terms)
    windows = _merged(_window(one, known.get(one.device_id), terms) for one in spans)
    found: list[Found] = []
    reach_ms = terms.look_back_ms
    while windows:
        wider = []
        for window, some in _judged(conn, windows, terms):
            if reach_ms < LONGEST_LOOK_BACK_MS and any(
                _began_before(window, one.episode, known.get(one.device_id), terms) for one in some
            ):
                wider.append(window._replace(from_ms=window.from_ms - reach_ms * WIDEN))
            else:
                found += some
        windows, reach_ms = wider, reach_ms * WIDEN
    return [
        one._replace(is_live=_came_fresh(one.episode, live[one.device_id], terms)) for one in found
    ]


def _hot(
    conn: Connection,
    touched: Sequence[TouchedBand],
    live: Mapping[int, Sequence[TouchedBand]],
    terms: Terms,
) -> list[Span]:
    """Return the stretches that are worth reading further back."""
    spans = [
        Span(device_id, min(one.min_ms for one in some), max(one.max_ms for one in some))
        for device_id, some in live.items()
    ]
    live_count = len(spans)
    # A live batch may bring old readings as well: those are late, like the batches of a backlog.
    late = [
        Span(one.device_id, one.min_ms, min(one.max_ms, one.min_ms + LONGEST_SPAN_MS))
        for one in touched
    ]
    spans += dict.fromkeys(late)
    if not spans:
        return []
    newest_from, newest_to = (
        min((one.from_ms for one in spans[:live_count]), default=0),
        max((one.to_ms for one in spans[:live_count]), default=0),
    )
    rows = conn.execute(
        query("hot_spans"),
        {
            **_columns(spans),
            "is_live": [number < live_count for number in range(len(spans))],
            "rule": terms.rule.id,
            "gap": span(terms.gap_ms),
            "offset": terms.utc_offset,
            "earliest": at(newest_from),
            "latest": at(newest_to),
        },
    ).fetchall()
    return [spans[number] for (number,) in rows]


def _columns(spans: Sequence[Span]) -> dict[str, object]:
    return {
        "number": list(range(len(spans))),
        "device_id": [one.device_id for one in spans],
        "from_at": [at(one.from_ms) for one in spans],
        "to_at": [at(one.to_ms) for one in spans],
    }


def _known(conn: Connection, device_ids: Iterable[int], terms: Terms) -> dict[int, Span]:
    rows = conn.execute(
        query("known_episodes"), {"device_id": sorted(device_ids), "rule": terms.rule.id}
    ).fetchall()
    return {device_id: Span(device_id, *bounds) for device_id, *bounds in rows}


def _window(one: Span, known: Span | None, terms: Terms) -> Span:
    """Return what to read: far enough back for any run that is not yet an episode."""
    from_ms, to_ms = one.from_ms, one.to_ms + terms.gap_ms + 1
    if known and known.to_ms >= from_ms - terms.look_back_ms and known.from_ms <= to_ms:
        from_ms = min(from_ms, known.to_ms)
    return Span(one.device_id, from_ms - terms.look_back_ms, to_ms)


def _merged(windows: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for one in sorted(windows):
        last = merged[-1] if merged else None
        if last and last.device_id == one.device_id and one.from_ms <= last.to_ms:
            merged[-1] = last._replace(to_ms=max(last.to_ms, one.to_ms))
        else:
            merged.append(one)
    return merged


def _began_before(window: Span, episode: Episode, known: Span | None, terms: Terms) -> bool:
    """Say whether the run may have begun before the window, and is none that is known."""
    if episode.onset_ms - window.from_ms > terms.gap_ms:
        return False
    return not (
        known
        and known.from_ms <= episode.onset_ms
        and known.to_ms >= episode.onset_ms - terms.gap_ms
    )


def _judged(
    conn: Connection, windows: Sequence[Span], terms: Terms
) -> Iterator[tuple[Span, list[Found]]]:
    rows = conn.execute(
        query("watched_readings"),
        {
            **_columns(windows),
            "offset": terms.utc_offset,
            "earliest": at(min(one.from_ms for one in windows)),
            "latest": at(max(one.to_ms for one in windows)),
        },
    )
    for number, of_window in groupby(rows, key=itemgetter(0)):
        window = windows[number]
        found: list[Found] = []
        # A new wearer or a new ceiling begins anew: no run goes over from one to the other.
        for (patient_id, ceiling_bpm), part in groupby(of_window, key=itemgetter(1, 2)):
            found += _found(window.device_id, patient_id, ceiling_bpm, part, terms)
        yield window, found


def _found(
    device_id: int,
    patient_id: int,
    ceiling_bpm: float,
    rows: Iterable[tuple[int, int, float, int, float, int]],
    terms: Terms,
) -> Iterator[Found]:
    samples = [
        Sample(at_ms, bpm)
        for _number, _patient, _ceiling, at_ms, bpm, flags in rows
        if terms.gate.passes(bpm, contact=_contact(flags), suspect=bool(flags & SUSPECT))
    ]
    for episode in episodes(samples, ceiling_bpm, terms.sustained):
        sample_ms = tuple(
            one.at_utc_ms for one in samples if episode.onset_ms <= one.at_utc_ms <= episode.last_ms
        )
        yield Found(patient_id, device_id, ceiling_bpm, episode, sample_ms, is_live=False)


def _contact(flags: int) -> bool | None:
    return bool(flags & CONTACT) if flags & CONTACT_KNOWN else None


def _came_fresh(episode: Episode, live: Sequence[TouchedBand], terms: Terms) -> bool:
    """Say whether a batch brought readings of the episode while they were fresh."""
    return any(
        one.min_ms <= episode.last_ms
        and episode.onset_ms <= one.max_ms
        and abs(one.queued_ms - min(one.max_ms, episode.last_ms)) <= terms.freshness_ms
        for one in live
    )

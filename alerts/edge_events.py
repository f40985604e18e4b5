"""What gateways raised by themselves: taken from the queue, given to whoever wore the band.

A gateway judges by the roster it has. The district's assignments are newer: where they name another
wearer the event is that person's, if it reaches that person's ceiling. Neither its freshness nor
its wearer is a matter of clocks on walls: the box says how old the event is by a clock that nobody
sets, and where its wall clock was wrong the event is placed by that age.
"""

from collections.abc import Iterator
from typing import NamedTuple

import structlog

from alerts.conditions import Episode
from alerts.evaluate import LONGEST_SPAN_MS, Span, Terms
from alerts.record import EDGE, Heard
from alerts.times import span
from storage.box_times import LONGEST_AGE_MS
from storage.database import Connection
from storage.queries import query

log = structlog.get_logger()

MOST_SAMPLES = 1_000_000
"""In one run; more than that no band gives."""


class _Event(NamedTuple):
    id: int
    rule: str
    state: str
    device_id: int | None
    wearer_id: int | None
    subject_id: int | None
    wearer_ceiling_bpm: float | None
    onset_ms: int
    raised_ms: int
    last_ms: int
    peak_bpm: float
    samples: int
    ceiling_bpm: float
    age_ms: int | None
    since_it_came_ms: int


def take_edge_events(conn: Connection, most: int, terms: Terms) -> list[Heard]:
    """Claim what gateways raised, in the caller's transaction."""
    given = {
        "most": most,
        "offset": terms.utc_offset,
        "tolerance": span(terms.freshness_ms),
        "longest_age_ms": LONGEST_AGE_MS,
    }
    rows = conn.execute(query("claim_edge_events"), given).fetchall()
    return list(_heard((_Event(*row) for row in rows), terms))


def spans_of(events: list[Heard]) -> list[Span]:
    """Return where the district's own readings are to be compared with these."""
    return [
        Span(one.device_id, one.episode.onset_ms, one.episode.last_ms)
        for one in events
        if one.device_id is not None
        and one.episode.last_ms - one.episode.onset_ms <= LONGEST_SPAN_MS
    ]


def _heard(events: Iterator[_Event], terms: Terms) -> Iterator[Heard]:
    for one in events:
        patient_id = one.wearer_id if one.wearer_id is not None else one.subject_id
        if one.rule != terms.rule.id or patient_id is None:
            log.warning("edge_event_ignored", number=one.id, why="rule or person unknown")
            continue
        ceiling_bpm = one.ceiling_bpm
        if one.wearer_id is not None and one.wearer_id != one.subject_id:
            if one.wearer_ceiling_bpm is None or one.peak_bpm < one.wearer_ceiling_bpm:
                log.warning("edge_event_ignored", number=one.id, why="ceiling of an earlier wearer")
                continue
            ceiling_bpm = one.wearer_ceiling_bpm
        # In order whatever the box said: one odd event must not stop the watch.
        onset_ms, raised_ms, last_ms = sorted((one.onset_ms, one.raised_ms, one.last_ms))
        episode = Episode(
            onset_ms,
            raised_ms,
            last_ms,
            one.peak_bpm,
            min(one.samples, MOST_SAMPLES),
            is_over=one.state == "ended",
        )
        yield Heard(
            patient_id,
            one.device_id,
            ceiling_bpm,
            episode,
            (),
            EDGE,
            may_open=True,
            is_fresh=_is_fresh(one, terms),
        )


def _is_fresh(one: _Event, terms: Terms) -> bool:
    """Say whether it was true lately; an age that the box lost track of is old.

    The age counts from the raising, or from the end of what has ended.
    """
    if one.age_ms is None:
        return False
    went_on_ms = one.last_ms - one.raised_ms if one.state == "raised" else 0
    return one.age_ms - went_on_ms + one.since_it_came_ms <= terms.freshness_ms

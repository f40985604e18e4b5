"""What cannot be stored, on its way to the dead letters: all of a set in one transaction."""

from collections.abc import Sequence

import structlog

from config.errors import Rejected
from ingest.hub.allowance import Allowance
from ingest.hub.counters import Counters
from ingest.hub.prepared import SetAside
from ingest.hub.unforeseen import alone
from storage.database import Connection
from storage.dead_letters import NewLetter, store_dead_letter, store_dead_letters

log = structlog.get_logger()

TOPIC_KEPT = 300
"""Longer topics are cut in the dead letters; the longest good one has 150 characters."""


def keep(
    conn: Connection, aside: Sequence[SetAside], allowance: Allowance, counters: Counters
) -> list[SetAside]:
    """Keep what was set aside, committed on return; count it; return what is kept.

    Raises Unavailable: some may be kept; giving all again is safe.
    """
    wanted = [one for one in aside if one.is_proven or allowance.has_room(_topic(one))]
    kept = _stored(conn, wanted)
    for one in aside:
        counters.dead_lettered += 1
        counters.dead_letters[one.reason] = counters.dead_letters.get(one.reason, 0) + 1
    counters.not_kept += len(aside) - len(kept)
    for one in kept:
        log.warning(
            "dead_letter",
            topic=_topic(one),
            reason=one.reason,
            detail=one.detail,
            length=len(one.message.payload),
        )
    if count := allowance.due():
        log.warning("dead_letters_not_kept", count=count, why="too many at once, signed by nobody")
    return kept


def _stored(conn: Connection, wanted: Sequence[SetAside]) -> list[SetAside]:
    """Store all in one transaction; when the database refuses one, each in its own."""
    if not wanted:
        return []
    try:
        with alone():
            if len(wanted) == 1:
                store_dead_letter(conn, *_letter(wanted[0]))
            else:
                store_dead_letters(conn, [_letter(one) for one in wanted])
    except Rejected as error:
        if len(wanted) > 1:
            return [kept for one in wanted for kept in _stored(conn, [one])]
        log.error("dead_letter_refused", topic=_topic(wanted[0]), why=str(error))  # noqa: TRY400
        return []
    return list(wanted)


def _letter(one: SetAside) -> NewLetter:
    return NewLetter(_topic(one), one.reason, one.detail, one.message.payload)


def _topic(one: SetAside) -> str:
    return one.message.topic[:TOPIC_KEPT]

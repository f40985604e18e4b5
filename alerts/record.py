"""Episodes into alerts: the same one is recognised, a new one opens an alert or adds to it.

An episode is known by patient, rule and time: what touches a known one within the longest silence
of a run is the same, whoever heard it. So data that comes again, in parts, in another order, or
from gateway and district, changes nothing but its bounds. One that goes on long after a person
closed its alert is an alert again: whoever closed it thought it over.
"""

from typing import NamedTuple

import structlog

from alerts.conditions import Episode
from alerts.evaluate import Found, Terms
from alerts.lifecycle import add_event
from alerts.times import at, span
from storage.database import Connection
from storage.queries import query

log = structlog.get_logger()

EDGE, DISTRICT, BOTH = "edge", "district", "both"


class Heard(NamedTuple):
    """An episode, and how it came to us."""

    patient_id: int
    device_id: int | None
    ceiling_bpm: float
    episode: Episode
    sample_ms: tuple[int, ...]
    """Times of its readings, as far as they are known here."""
    heard_by: str
    may_open: bool
    """False: it may add to what is known, and opens nothing (late readings)."""
    is_fresh: bool
    """Somebody could still act at once: only then is anybody told at once."""


def heard_in_district(found: Found, now_ms: int, terms: Terms) -> Heard:
    """Return what was found in stored readings: fresh while its newest reading is."""
    return Heard(
        found.patient_id,
        found.device_id,
        found.ceiling_bpm,
        found.episode,
        found.sample_ms,
        DISTRICT,
        may_open=found.is_live,
        is_fresh=found.is_live and abs(now_ms - found.episode.last_ms) <= terms.freshness_ms,
    )


def record(conn: Connection, heard: Heard, terms: Terms) -> int | None:
    """Write an episode in the caller's transaction; return the alert to be paged now, if any.

    The alert's row stays locked until the caller commits.
    """
    given = _row(heard, terms)
    row = conn.execute(query("find_episode"), given).fetchone()
    quiet_s: float | None = None
    outlives_its_alert = bool(row and row[-1])
    if row and not (outlives_its_alert and heard.may_open):
        episode_id, alert_id, *known, _ = row
        _extend(conn, heard, given | {"episode_id": episode_id, "alert_id": alert_id}, known)
    elif heard.may_open:
        alert_id, quiet_s = _add(conn, heard, given)
    else:
        return None
    conn.execute(query("sum_up_episodes"), {"alert_id": alert_id})
    if heard.is_fresh and _begins_round(conn, alert_id, quiet_s, terms):
        return int(alert_id)
    return None


def _row(heard: Heard, terms: Terms) -> dict[str, object]:
    rule, episode = terms.rule, heard.episode
    return {
        "patient_id": heard.patient_id,
        "device_id": heard.device_id,
        "rule": rule.id,
        "rule_version": rule.version,
        "tier": rule.tier,
        "direction": rule.direction,
        "onset_at": at(episode.onset_ms),
        "raised_at": at(episode.raised_ms),
        "last_at": at(episode.last_ms),
        "is_over": episode.is_over,
        "peak_bpm": episode.peak_bpm,
        "samples": episode.samples,
        "ceiling_bpm": heard.ceiling_bpm,
        "heard_by": heard.heard_by,
        "gap": span(terms.gap_ms),
        "again": span(1000 * rule.again_after_quiet_s),
    }


def _extend(conn: Connection, heard: Heard, given: dict[str, object], known: list[object]) -> None:
    """Add what was heard to a known episode; whoever heard further knows whether it is over."""
    was_over, known_by, known_last_ms = bool(known[0]), str(known[1]), int(str(known[2]))
    last_ms, is_over = heard.episode.last_ms, heard.episode.is_over
    if last_ms == known_last_ms:
        is_over = is_over or was_over
    elif last_ms < known_last_ms:
        is_over = was_over
    heard_by = known_by if known_by == heard.heard_by else BOTH
    conn.execute(
        query("extend_episode"),
        given
        | {
            "is_over": is_over,
            "heard_by": heard_by,
            "added": sum(at_ms > known_last_ms for at_ms in heard.sample_ms),
        },
    )
    alert_id = int(str(given["alert_id"]))
    if known_by not in {heard.heard_by, BOTH}:
        add_event(conn, alert_id, "heard_also", by=heard.heard_by)
    if is_over and not was_over:
        add_event(conn, alert_id, "ended")


def _add(conn: Connection, heard: Heard, given: dict[str, object]) -> tuple[int, float | None]:
    """Add a new episode to the open alert, or open one; return how long it had been quiet."""
    quiet_s = None
    row = conn.execute(query("lock_unclosed_alert"), given).fetchone()
    if row:
        alert_id = int(row[0])
        quiet = conn.execute(query("quiet_before"), given | {"alert_id": alert_id}).fetchone()
        quiet_s = quiet[0] if quiet else None
        add_event(conn, alert_id, "repeated", by=heard.heard_by)
    else:
        opened = conn.execute(query("open_alert"), given).fetchone()
        alert_id = int(opened[0]) if opened else 0
        add_event(conn, alert_id, "raised", by=heard.heard_by)
        log.info("alert_raised", alert=alert_id, rule=given["rule"], by=heard.heard_by)
    conn.execute(query("put_episode"), given | {"alert_id": alert_id})
    if heard.episode.is_over:
        add_event(conn, alert_id, "ended")
    return alert_id, quiet_s


def _begins_round(conn: Connection, alert_id: int, quiet_s: float | None, terms: Terms) -> bool:
    """Decide whether people are told, and begin: the first time, or anew after a quiet time.

    An episode that somebody has in hand tells nobody again, however long it lasts. A new one after
    a quiet time is a new event: it tells people again unless they are still being told.
    """
    row = conn.execute(query("lock_alert"), {"alert_id": alert_id}).fetchone()
    if row is None:
        return False
    state, was_paged, next_step = row
    is_first = state == "open" and not was_paged
    nobody_is_being_told = state == "acknowledged" or (state == "open" and next_step is None)
    is_anew = (
        quiet_s is not None and quiet_s >= terms.rule.again_after_quiet_s and nobody_is_being_told
    )
    if not (is_first or is_anew):
        return False
    if state == "acknowledged":
        add_event(conn, alert_id, "raised_again")
    conn.execute(query("begin_round"), {"alert_id": alert_id})
    return True

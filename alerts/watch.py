"""The watch: looks at what was committed, raises alerts, sees that somebody is told.

One at a time, by a lock that ends with its connection. Each look is one transaction: what was
claimed, the alerts made of it and the messages about them are written together or not at all, so
that a watch killed at any moment loses nothing and doubles nothing. All clocks are the database's.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

import structlog

from alerts.edge_events import spans_of, take_edge_events
from alerts.evaluate import Terms, TouchedBand, find_episodes
from alerts.findings import tell_findings
from alerts.lifecycle import add_event
from alerts.message import Writer
from alerts.outbox import Postman
from alerts.paging import Channels, escalate_due, page
from alerts.record import Heard, heard_in_district, record
from alerts.sending import Channel
from alerts.times import span
from alerts.weekly import judge_weeks
from config.alert_rules import AlertRules
from config.conventions import load_conventions
from config.errors import Rejected, Unavailable
from config.language import _
from config.waiting import spread_s
from storage.database import Connection, border, connect, exclusively
from storage.migrate import require_current
from storage.queries import query
from storage.roles import Role

log = structlog.get_logger()

MOST_AT_ONCE = 5_000
"""Bands of batches in one transaction."""
POLL_S = 1.0
"""A notice from the database wakes it earlier."""
HOUSEKEEPING_S = 1.0
WEEKS_S = 60.0
LEDGER_S = 10.0
FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.2, 10.0
WAIT_FOR_LOCK_S = 5.0
"""A watch that was killed holds its lock until the server has noticed."""


@dataclass(slots=True)
class Counters:
    """What a watch has done."""

    bands: int = 0
    """Bands of batches looked at."""
    edge_events: int = 0
    episodes: int = 0
    """Found in readings or heard from gateways, the same one each time it went on."""
    pages: int = 0
    """Alerts that people were to be told of at once."""
    messages: int = 0
    refused: int = 0
    """Episodes that the database would not take; each is logged."""
    database_failures: int = 0

    def add(self, more: "Counters") -> None:
        """Add what one look has done."""
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(more, part.name))


def look(
    conn: Connection, rules: AlertRules, channels: Channels, counters: Counters, most: int
) -> bool:
    """Take what is waiting, up to `most`, in one transaction; say whether there was anything.

    `conn` is in autocommit and in no transaction. Raises Unavailable: nothing was done then.
    """
    terms = Terms.of(rules.hr_ceiling, load_conventions())
    with border(), conn.transaction():
        touched = [
            TouchedBand(*row)
            for row in conn.execute(query("claim_touched_bands"), {"most": most}).fetchall()
        ]
        events = take_edge_events(conn, most, terms)
        heard = [*events, *_in_readings(conn, touched, events, terms)]
        done = Counters(bands=len(touched), edge_events=len(events), episodes=len(heard))
        for one in sorted(heard, key=lambda one: one.episode.raised_ms):
            try:
                # Each by itself: one that the database refuses must not hold up the others' alarms.
                with border(), conn.transaction():
                    alert_id = record(conn, one, terms)
                    if alert_id is not None:
                        done.messages += page(conn, alert_id, rules.hr_ceiling, channels)
                        done.pages += 1
            except Rejected as error:
                done.refused += 1
                log.error(  # noqa: TRY400 - foreseen
                    "episode_not_recorded", patient=one.patient_id, by=one.heard_by, why=str(error)
                )
    counters.add(done)
    return bool(touched or events)


def _in_readings(
    conn: Connection, touched: Sequence[TouchedBand], events: list[Heard], terms: Terms
) -> Iterator[Heard]:
    found = find_episodes(conn, touched, spans_of(events), terms)
    if found:
        row = conn.execute(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        ).fetchone()
        now_ms = int(row[0]) if row else 0
        for one in found:
            yield heard_in_district(one, now_ms, terms)


def keep_house(conn: Connection, rules: AlertRules, channels: Channels, counters: Counters) -> None:
    """Escalate what is due, note what has fallen silent, drop what nobody needs any more."""
    gap = span(rules.hr_ceiling.slow_max_gap_s * 1000)
    with border(), conn.transaction():
        counters.messages += escalate_due(conn, rules.hr_ceiling, channels)
    with border(), conn.transaction():
        for (alert_id,) in conn.execute(query("end_silent_episodes"), {"gap": gap}).fetchall():
            conn.execute(query("sum_up_episodes"), {"alert_id": alert_id})
            add_event(conn, alert_id, "ended", by="silence")
    with border():
        conn.execute(query("drop_waiting_deliveries"), {"alert_id": None})


class AnotherWatch(Unavailable):
    """Another process holds the watch's lock."""


class Watch:
    """The parts of one watch. It opens nothing before `run`."""

    def __init__(
        self,
        dsn: str,
        rules: AlertRules,
        channels: Sequence[Channel],
        on_call: tuple[str, ...],
        writer: Writer,
        stop: threading.Event,
    ) -> None:
        """Prepare; `stop` is set by the caller, or by us when we cannot go on."""
        self._dsn, self._rules, self._stop = dsn, rules, stop
        names = {channel.name for channel in channels}
        self._channels = Channels("mail" in names, "file" in names, on_call)
        self._postmen = [Postman(dsn, channel, writer, stop) for channel in channels]
        self._zone = writer.zone
        self._started_at = datetime.now(UTC)
        self._is_ready, self._failures = False, 0
        self.counters = Counters()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Work until `stop` is set: finish the look in hand and the message in hand, return.

        Raises Unavailable where another watch is at work, Misconfigured for a database that an
        operator must see to. A database that goes away is waited for.
        """
        if not self._postmen:
            log.warning("nobody_can_be_told", why="neither alerts.mail nor alerts.file is set")
        try:
            with ExitStack() as posts:
                while not self._stop.is_set():
                    try:
                        self._serve(on_ready, posts)
                    except AnotherWatch:
                        raise
                    except Unavailable as error:
                        self._back_off(error)
        finally:
            log.info("watch_stopped", **self.report())
        for postman in self._postmen:
            if postman.fault is not None:
                raise postman.fault

    def _serve(self, on_ready: Callable[[], None], posts: ExitStack) -> None:
        """Connect, be the only one, and watch until `stop` is set."""
        with connect(self._dsn, application="adhere watch", role=Role.ALERTS) as conn:
            require_current(conn)
            end = time.monotonic() + WAIT_FOR_LOCK_S
            while not self._stop.is_set():
                with exclusively(conn, "watch") as mine:
                    if mine:
                        if not self._is_ready:
                            for postman in self._postmen:
                                posts.enter_context(postman)
                            on_ready()
                            self._is_ready = True
                        self._watch(conn)
                        return
                if time.monotonic() >= end:
                    raise AnotherWatch(_("another watch is at work: there may be only one"))
                self._stop.wait(0.2)

    def report(self) -> dict[str, object]:
        """Return the counters so far; per channel how many attempts ended how."""
        posts = {
            postman.name: {fate.value: count for fate, count in postman.fates.items()}
            for postman in self._postmen
        }
        return {**asdict(self.counters), "post": posts}

    def _watch(self, conn: Connection) -> None:
        house_at = weeks_at = ledger_at = 0.0
        with border():
            conn.execute("LISTEN adhere_watch")
        while not self._stop.is_set():
            had_messages = self.counters.messages
            is_busy = look(conn, self._rules, self._channels, self.counters, MOST_AT_ONCE)
            now = time.monotonic()
            if now >= house_at:
                keep_house(conn, self._rules, self._channels, self.counters)
                with border():
                    conn.execute(query("beat"), {"started_at": self._started_at})
                house_at = now + HOUSEKEEPING_S
            if now >= weeks_at:
                judge_weeks(conn, self._rules, datetime.now(self._zone).date())
                weeks_at = now + WEEKS_S
            if now >= ledger_at:
                self.counters.messages += tell_findings(conn, self._channels)
                ledger_at = now + LEDGER_S
            if self.counters.messages > had_messages:
                for postman in self._postmen:
                    postman.look()
            self._failures = 0
            if not is_busy:
                _wait_for_notice(conn)

    def _back_off(self, error: Unavailable) -> None:
        self._failures += 1
        self.counters.database_failures += 1
        longest_s = min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * 2 ** min(self._failures, 10))
        wait_s = spread_s(longest_s)
        log.warning("database_away", why=str(error), retry_in_s=round(wait_s, 1))
        self._stop.wait(wait_s)


def _wait_for_notice(conn: Connection) -> None:
    """Return when something was committed, or after a while: a notice may have been missed."""
    with border():
        for _notice in conn.notifies(timeout=POLL_S, stop_after=1):
            return

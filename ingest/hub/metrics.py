"""Figures of a running hub for Prometheus: counters, room, delays; never a value of a person.

Read out of the hub's own counters when somebody asks, so a message costs nothing more.
`docs/howto/hub.md` says what each is for.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from config.errors import Misconfigured
from config.language import _
from ingest.hub.buffer import Buffer, Lane
from ingest.hub.counters import Counters, Delays, Times
from ingest.hub.link import Link
from ingest.hub.pace import Pace

if TYPE_CHECKING:
    from ingest.hub.rosters import RosterPublisher

log = structlog.get_logger()

COUNTED = {
    "batches_stored": ("stored", "Batches stored"),
    "batches_duplicate": ("duplicate", "Batches that were in the ledger already"),
    "batches_forked": ("forked", "Batches refused: their place holds another content"),
    "batches_repeated": ("repeated", "Batches that came twice while one of them waited"),
    "dead_letters_not_kept": ("not_kept", "Of those set aside, those too many to be kept"),
    "readings": ("readings", "Readings in the batches stored"),
    "sealed_bytes": ("bytes", "Bytes of the batches stored, as they came"),
    "events_stored": ("events", "Alarms, claims, offers and outages of gateways stored"),
    "events_duplicate": ("duplicate_events", "Those that were there already"),
    "events_forked": ("forked_events", "Those refused: their number is another's"),
    "states": ("states", "Words of gateways on how they stand"),
    "transactions": ("transactions", "Transactions that stored batches"),
    "receipts": ("receipts", "Receipts sent"),
    "database_failures": ("database_failures", "Times the database was away"),
}
ARRIVED = {
    "messages_received": ("received", "Messages that came"),
    "messages_ignored": ("ignored", "Messages ignored: retained, and no state"),
    "messages_dropped": ("dropped", "Messages that found no room; they come again"),
    "messages_not_taken": ("not_taken", "Messages of ours that the broker refused"),
}


@dataclass(frozen=True, slots=True)
class Watched:
    """The parts that figures are read from."""

    counters: Counters
    times: Times
    delays: Mapping[Lane, Delays]
    buffer: Buffer
    links: Mapping[Lane, Link]
    paces: Mapping[Lane, Pace]
    rosters: "RosterPublisher"


class HubCollector(Collector):
    """Makes the figures of one hub when they are asked for."""

    def __init__(self, watched: Watched) -> None:
        """Read nothing yet."""
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        counters = self._watched.counters
        for name, (attribute, meaning) in COUNTED.items():
            yield CounterMetricFamily(
                f"adhere_hub_{name}", meaning, value=getattr(counters, attribute)
            )
        letters = CounterMetricFamily(
            "adhere_hub_dead_letters", "Messages set aside, by reason", labels=["reason"]
        )
        for reason, count in dict(counters.dead_letters).items():
            letters.add_metric([reason], count)
        yield letters
        arrivals = {Lane.LIVE: counters.live, Lane.HISTORY: counters.history}
        for name, (attribute, meaning) in ARRIVED.items():
            family = CounterMetricFamily(f"adhere_hub_{name}", meaning, labels=["lane"])
            for lane, of_lane in arrivals.items():
                family.add_metric([_word(lane)], getattr(of_lane, attribute))
            yield family
        yield from self._by_lane()
        yield from self._delays()
        yield from self._times()
        yield GaugeMetricFamily(
            "adhere_hub_stuck_seconds",
            "For so long nothing was stored though something was there; 0: all moves",
            value=self._watched.buffer.stuck_s(),
        )
        yield GaugeMetricFamily(
            "adhere_hub_publishes_rosters",
            "1: this hub publishes the rosters; of all hubs one should",
            value=self._watched.rosters.publishes,
        )
        yield CounterMetricFamily(
            "adhere_hub_rosters_published",
            "Rosters published",
            value=self._watched.rosters.published,
        )

    def _by_lane(self) -> Iterator[Metric]:
        watched = self._watched
        said = {
            "waiting_messages": ("Messages that wait to be opened", watched.buffer.waiting),
            "connected": ("1: the broker is there", lambda at: watched.links[at].is_connected),
            "shared": (
                "1: the broker shares batches among hubs; 0: every hub gets them all",
                lambda at: watched.links[at].is_shared or False,
            ),
            "away": (
                "1: this hub left its share to the others, because it can store nothing",
                lambda at: watched.links[at].is_away,
            ),
            "transaction_rows": (
                "Readings that a transaction may hold just now",
                lambda at: watched.paces[at].rows,
            ),
        }
        for name, (meaning, value_of) in said.items():
            family = GaugeMetricFamily(f"adhere_hub_{name}", meaning, labels=["lane"])
            for lane in Lane:
                family.add_metric([_word(lane)], value_of(lane))
            yield family

    def _delays(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            "adhere_hub_message_delay_seconds",
            "From a message's coming to its COMMIT",
            labels=["lane"],
        )
        for lane, delays in self._watched.delays.items():
            bounds = [*map(str, delays.BOUNDS_S), "+Inf"]
            counted = list(zip(bounds, accumulate(delays.counts), strict=True))
            family.add_metric([_word(lane)], counted, delays.sum_s)
        yield family

    def _times(self) -> Iterator[Metric]:
        parts = self._watched.times.parts()
        for kind, meaning in (("wall", "Wall time"), ("cpu", "Processor time")):
            family = CounterMetricFamily(
                f"adhere_hub_{kind}_seconds", f"{meaning} of each part of the work", labels=["part"]
            )
            for part, watch in parts.items():
                family.add_metric([part], watch.wall_s if kind == "wall" else watch.cpu_s)
            yield family


def _word(lane: Lane) -> str:
    return lane.name.lower()


@contextmanager
def serving_metrics(host: str, port: int | None, watched: Watched) -> Iterator[int | None]:
    """Serve /metrics while the block runs, and yield the port; without a port serve nothing.

    Raises Misconfigured where nothing can listen there.
    """
    if port is None:
        yield None
        return
    collectors = CollectorRegistry()
    collectors.register(HubCollector(watched))
    ProcessCollector(registry=collectors)
    try:
        server, thread = start_http_server(port, host, collectors)
    except OSError as error:
        raise Misconfigured(
            _(
                "cannot serve metrics on %(host)s:%(port)d (%(why)s): choose another "
                "hub.metrics_port, one for each hub of a machine"
            )
            % {"host": host, "port": port, "why": os.strerror(error.errno or 0)}
        ) from error
    try:
        log.info("metrics_served", host=host, port=server.server_port)
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

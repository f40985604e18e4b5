"""A room with bands, a virtual radio, and the collector listening as it does in a gateway."""

import asyncio
import itertools
from collections import Counter
from contextlib import aclosing, asynccontextmanager

from config.gateway_settings import RadioSettings
from devices.virtual.bands import heart_rate_strap, mi_advert
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.pace import Pace
from ingest.gateway.radio.source import radio_source
from tests.patience import PATIENCE_S

HCI0, HCI1 = "00:00:00:00:00:01", "00:00:00:00:00:02"
QUICK = Pace(
    flush_s=0.02,
    deal_s=0.01,
    retry_least_s=0.02,
    retry_most_s=0.2,
    connect_s=2.0,
    disconnect_s=0.3,
    ask_s=0.5,
    scan_s=1.0,
    turn_s=0.3,
)
"""For tests: everything that is a matter of waiting is short."""


def rising(first=60):
    """A pulse that is another each time it is asked for, so that no advert is a repetition."""
    count = itertools.count()
    return lambda _utc_ms: first + next(count) % 100


def mi(number, pulse=None):
    return mi_advert(f"C0:FF:EE:00:01:{number:02X}", pulse or rising())


def strap(number, pulse=None):
    return heart_rate_strap(f"C0:FF:EE:00:02:{number:02X}", pulse or rising())


def roster(*bands, family=None):
    """The bands as a roster names them: in its own spelling, with the family of each."""
    return {
        band.address.lower(): family or ("hrs" if band.link is not None else "miband_advert")
        for band in bands
    }


class Collector:
    """The collector at work: what it told the edge, what went to the spool, what it counts."""

    def __init__(self, registered):
        self.registered = registered
        self.counters = RadioCounters()
        self.at_the_edge, self.stored, self.heard = [], [], []
        self.reading = self.listens = None

    def on_heard(self, readings):
        self.at_the_edge += readings

    def source(self, *, adapters=(HCI0, HCI1), pace=QUICK, device_key_of=None, **settings):
        self.listens = radio_source(
            RadioSettings(adapters=adapters).model_copy(update=settings),  # shorter than is allowed
            lambda: self.registered,
            self.on_heard,
            self.counters,
            pace,
            device_key_of=device_key_of,
        )
        return self.listens

    async def read(self, source, cursor):
        async with aclosing(source(cursor)) as hearing:
            async for heard in hearing:
                self.heard.append(heard)
                self.stored += heard.readings

    def of(self, band):
        """The readings of a band."""
        return [r for r in self.stored if r.device_key == band.address.lower()]

    def said(self, band):
        """How many readings of a band were heard live, stored or not yet."""
        return sum(r.device_key == band.address.lower() for r in self.at_the_edge)

    def has_mark(self, kind):
        """Say whether a mark of that kind was to be stored for any band."""
        return any(name.startswith(f"{kind}:") for heard in self.heard for name in heard.cursor)

    def quantities(self):
        return Counter(str(reading.quantity) for reading in self.stored)

    async def until(self, condition, timeout_s=PATIENCE_S):
        """Wait for a condition, but no longer than the collector runs."""

        async def holds():
            while not condition():  # noqa: ASYNC110 - the condition is made of many things
                await asyncio.sleep(0.005)

        waiting = asyncio.ensure_future(holds())
        done, _ = await asyncio.wait(
            {waiting, self.reading}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        waiting.cancel()
        if self.reading in done:
            await self.reading
        assert waiting in done, f"not in time: {self.counters.as_dict()}"

    async def end(self):
        """Stop as the gateway does."""
        self.reading.cancel()
        await asyncio.wait({self.reading})
        if not self.reading.cancelled():
            await self.reading
        assert_balanced(self.counters)


@asynccontextmanager
async def collecting(registered, *, cursor=None, **settings):
    """Run a collector until the end of the body."""
    collector = Collector(registered)
    source = collector.source(**settings)
    collector.reading = asyncio.ensure_future(collector.read(source, cursor or {}))
    try:
        yield collector
    finally:
        await collector.end()


def assert_balanced(counters):
    """Every advert has come to exactly one end, and every link and try too."""
    assert counters.adverts == (
        counters.adverts_taken
        + counters.adverts_repeated
        + counters.adverts_stale
        + counters.adverts_elsewhere
        + counters.adverts_linked
        + counters.adverts_rejected
        + counters.adverts_empty
    )
    assert counters.connects_tried == counters.links_opened + counters.connects_failed.total()
    assert counters.links_opened == counters.links_ended.total()
    assert counters.notifications >= counters.notifications_rejected
    came = counters.vibrations_done + counters.vibrations_limited
    assert counters.vibrations_asked >= came
    assert counters.rejected.total() >= counters.notifications_rejected


def values_sent(*bands):
    """What the bands said on the air and over links, by quantity."""
    return sum((band.sent_values for band in bands), Counter())

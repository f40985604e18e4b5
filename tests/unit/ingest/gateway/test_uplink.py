"""What the uplink does where the spool cannot give it what it asks for."""

import asyncio

import pytest

from config.fields import Broker
from ingest.gateway.batches import Waiting
from ingest.gateway.disk import SpoolAway
from ingest.gateway.spool_ground import SpoolFull
from ingest.gateway.uplink import Uplink, UplinkPolicy

WAITS = Waiting(7, 1, bytes(16), "backlog", 0, bytes(32), b"message", None, b"")


class Batches:
    """Live batches among which a damaged one has to be put aside, and one of the backlog."""

    def __init__(self, error):
        self.error = error

    def live(self, *, but, since_utc_ms):
        raise self.error

    def backlog(self, *, but, since_utc_ms, after):
        return None if WAITS.seq in but else WAITS


class Disk:
    def __init__(self, error):
        self.batches = Batches(error)

    async def do(self, what):
        return what(self)


class Link:
    def __init__(self):
        self.sent = []

    def publish(self, topic, message):
        self.sent.append((topic.rsplit("/", 1)[-1], message))


@pytest.mark.parametrize("error", [SpoolFull("the disk is full"), SpoolAway("the disk fails")])
def test_a_spool_that_cannot_put_a_damaged_batch_aside_ends_no_connection(keys, error):
    uplink = Uplink(
        Disk(error),
        Broker(host="localhost"),
        "centre",
        "hall-1",
        keys.public.signing,
        UplinkPolicy(),
        dict,
    )
    link = Link()

    asyncio.run(uplink._send(link))  # noqa: SLF001 - one turn of its loop

    assert link.sent == [("backlog", b"message")]

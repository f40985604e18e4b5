"""A watch in broadcast, from a stranger on the air to its wearer's protection by one claim."""

from alerts.conditions import Sustained
from config.fields import Broker
from config.gateway_settings import GatewaySettings
from devices.virtual.bands import heart_rate_strap
from ingest.batch.keys import make_keys
from ingest.batch.roster import Claimer, Limits, Roster, seal_roster
from ingest.gateway.safety import Edge
from tests.edges import RULE
from tests.radio_room import collecting, rising

HUB, BOX = make_keys(), make_keys()
WATCH = "5A:01:02:03:04:05"
PERSON = Claimer("p-1", bytes(16), bytes(16), (Limits(0, 50.0, None, None),))
"""Under a ceiling that every pulse of the band is above."""
AT_ONCE = RULE.__class__(
    RULE.name,
    RULE.version,
    Sustained(
        min_samples=3, max_gap_ms=60_000, min_span_ms=100, slow_samples=2, slow_max_gap_ms=60_000
    ),
    RULE.gate,
)


def test_a_claimed_watch_is_linked_stored_and_watched_and_before_it_was_not(on_the_air, tmp_path):
    settings = GatewaySettings(
        centre="centre", gateway="hall-1", data_dir=tmp_path, broker=Broker(host="127.0.0.1")
    )
    edge = Edge(settings, BOX, HUB.signing.public_key(), rule=AT_ONCE)
    roster = Roster("centre", "hall-1", 1, 0, 1, (), claimers=(PERSON,))
    edge.book.take(seal_roster(roster, HUB.signing, [BOX.encryption.public_key()]))
    vibrated = []
    edge.vibrate = vibrated.append

    async def scene(radio):
        watch = heart_rate_strap(WATCH, rising())
        radio.add_band(watch)
        async with collecting({}) as collector:
            edge.neighbours = lambda: list(collector.counters.offered.values())
            await collector.until(lambda: edge.sight().neighbours)
            [near] = edge.sight().neighbours
            assert (near.address, near.can_be_claimed) == (WATCH, True)
            assert near.rssi_dbm is not None
            assert collector.stored == []

            edge.claims.begin(near, PERSON)
            collector.registered = edge.registered()
            await collector.until(lambda: len(collector.stored) > 5)
            edge.heard(collector.at_the_edge)
            assert edge.sight().neighbours == []

            edge.claims.finish(edge.claims.standing[WATCH].claim)
            collector.registered = edge.registered()
            await collector.until(lambda: collector.counters.links_ended["unregistered"])
        assert {reading.device_key for reading in collector.stored} == {WATCH}

    on_the_air(scene)
    edge.events.close()

    assert [alarm.subject for alarm in edge.guard.alarms] == ["p-1"]
    assert set(vibrated) == {WATCH}

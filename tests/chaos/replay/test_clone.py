"""A spool copied to a second box, key and all: the hub refuses the clone, the first box goes on."""

import asyncio
import shutil

import pytest

from config.gateway_settings import GatewaySettings
from ingest.batch.columns import chunk_of
from ingest.batch.keys import make_keys
from ingest.gateway.clock import ContentClock
from ingest.gateway.heard import Heard
from ingest.gateway.run import run_gateway
from scripts.replay.gateways import ONE_CHUNK_ONE_BATCH, UPLINK
from storage.database import connect
from tests.boxes import NOON_UTC_MS, pulse
from tests.hubs import CENTRE, enrolled_box, hub_at_work, open_centre, settings_for
from tests.patience import PATIENCE_S


def hears(*heard):
    """A source that has heard these before, as its cursor says, and then ends."""

    async def source(cursor):
        for number, readings in enumerate(heard):
            if number >= int(cursor.get("heard", "0")):
                yield Heard(chunk_of(readings), "backlog", {"heard": str(number + 1)})
                await asyncio.sleep(0)

    return source


def drained(box, folder, mosquitto, hub_keys, source):
    """Run the box on its folder until the hub has answered for everything."""
    settings = GatewaySettings(
        centre=CENTRE, gateway=box.gateway, data_dir=folder, broker=settings_for(mosquitto)
    )

    async def run():
        async with asyncio.timeout(PATIENCE_S):
            return await run_gateway(
                settings,
                box.keys,
                hub_keys.public.signing,
                source,
                stop=asyncio.Event(),
                drain=True,
                clock=ContentClock(),
                sealing=ONE_CHUNK_ONE_BATCH,
                uplink=UPLINK,
            )

    return asyncio.run(run())


@pytest.mark.timeout(120)
def test_a_cloned_spool_is_refused_and_the_first_box_goes_on(database, mosquitto, tmp_path):
    hub_keys, first, clone = make_keys(), tmp_path / "first", tmp_path / "clone"
    first.mkdir()
    hour = 3_600_000
    begun, more, other, last = (
        pulse(100, start_utc_ms=NOON_UTC_MS + hours * hour, bpm=bpm)
        for hours, bpm in ((0, 80.0), (1, 90.0), (1, 150.0), (2, 85.0))
    )
    with connect(database) as db:
        open_centre(db)
        box = enrolled_box(db)

        with hub_at_work(database, mosquitto, hub_keys) as hub:
            drained(box, first, mosquitto, hub_keys, hears(begun))
            shutil.copytree(first, clone)
            went_on = drained(box, first, mosquitto, hub_keys, hears(begun, more))
            cloned = drained(box, clone, mosquitto, hub_keys, hears(begun, other))
            at_last = drained(box, first, mosquitto, hub_keys, hears(begun, more, last))

        stored = {row[0] for row in db.execute("SELECT DISTINCT value FROM heart_rate")}
        letters = db.execute("SELECT reason FROM dead_letter").fetchall()

    assert (went_on.receipted, went_on.refused) == (200, 0)
    assert (cloned.refused, cloned.refused_batches) == (100, 1)
    assert (at_last.receipted, at_last.refused) == (300, 0)
    assert stored == {80.0, 90.0, 85.0}
    assert letters == [("forked_spool",)]
    assert hub.counters.forked == 1

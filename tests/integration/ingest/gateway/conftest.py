import asyncio
from types import SimpleNamespace

import pytest

from config.fields import Broker
from config.gateway_settings import GatewaySettings
from ingest.batch.keys import make_keys
from ingest.batch.reading import Quantity, Reading
from ingest.gateway.clock import ContentClock
from ingest.gateway.heard import Heard
from ingest.gateway.run import run_gateway
from ingest.gateway.sealing import SealPolicy
from ingest.gateway.uplink import UplinkPolicy
from tests.patience import PATIENCE_S
from tests.small_hub import SmallHub

NOON_UTC_MS = 1_767_268_800_000
QUICK = UplinkPolicy(
    resend_after_s=0.3, resend_event_after_s=0.1, reconnect_least_s=0.05, reconnect_most_s=0.2
)
REPLAY = SealPolicy(backlog_chunks=3, backlog_after_s=None)


def pulses(count, first=0):
    return [
        Reading(f"band-{n % 3}", Quantity.HEART_RATE_BPM, 60.0 + n % 70, NOON_UTC_MS + 1000 * n)
        for n in range(first, first + count)
    ]


def in_chunks(readings, size, lane="backlog"):
    """A source that remembers in its cursor how many readings it has given."""

    async def source(cursor):
        for start in range(int(cursor.get("given", "0")), len(readings), size):
            end = min(start + size, len(readings))
            yield Heard(readings[start:end], lane, {"given": str(end)})

    return source


@pytest.fixture
def box(mosquitto, tmp_path):
    """A gateway ready to run against a real broker, and the hub it was enrolled with."""
    keys = make_keys()
    hub = SmallHub(mosquitto.host, mosquitto.port, keys.public.signing)
    settings = GatewaySettings(
        centre="centre",
        gateway="hall-1",
        data_dir=tmp_path / "box",
        broker=Broker(host=mosquitto.host, port=mosquitto.port),
    )

    usual = {"clock": ContentClock(), "sealing": REPLAY, "uplink": QUICK}

    async def run(source, *, stop=None, drain=True, settings=settings, **parts):
        async with asyncio.timeout(PATIENCE_S):
            return await run_gateway(
                settings,
                keys,
                hub.keys.public.signing,
                source,
                stop=stop or asyncio.Event(),
                drain=drain,
                **usual | parts,
            )

    yield SimpleNamespace(
        keys=keys,
        hub=hub,
        settings=settings,
        run=run,
        parts=usual,
        broker=mosquitto,
        folder=tmp_path / "box",
    )
    hub.stop()

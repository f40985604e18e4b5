"""The gateway and a real broker that speaks TLS and wants certificates."""

import asyncio

import pytest
from structlog.testing import capture_logs

from config.fields import Broker, Tls
from config.gateway_settings import GatewaySettings
from ingest.batch.keys import make_keys
from ingest.gateway.clock import ContentClock
from ingest.gateway.run import run_gateway
from tests.certificates import Authority
from tests.integration.ingest.gateway.conftest import QUICK, REPLAY, in_chunks, pulses
from tests.patience import PATIENCE_S
from tests.small_hub import SmallHub

READINGS = pulses(600)
KEYS = make_keys()


def another_ca(good, folder):
    return good.model_copy(update={"ca_file": Authority(folder, "another").ca_file})


def a_certificate_of_another_ca(good, folder):
    other = Authority(folder, "another").tls("hall-1")
    return other.model_copy(update={"ca_file": good.ca_file})


def no_certificate(good, _folder):
    return Tls(ca_file=good.ca_file)


FAULTS = {
    "another CA": (another_ca, ("127.0.0.1",), 1, "broker.tls.ca_file"),
    "no certificate": (no_certificate, ("127.0.0.1",), 1, "cert_file and key_file"),
    "a certificate of another CA": (
        a_certificate_of_another_ca,
        ("127.0.0.1",),
        1,
        "cert_file and key_file",
    ),
    "another address": (None, ("127.0.0.2",), 1, "broker.host"),
    "expired": (None, ("127.0.0.1",), -1, "has expired: renew it"),
}


async def run(folder, broker, tls, hub_key, *, until=None):
    """Run the gateway until the hub has everything, or until all is heard and `until()`."""
    settings = GatewaySettings(
        centre="centre",
        gateway="hall-1",
        data_dir=folder / "box",
        broker=Broker(host=broker.host, port=broker.port, tls=tls),
    )
    stop, all_heard = asyncio.Event(), asyncio.Event()

    async def source(cursor):
        async for heard in in_chunks(READINGS, 100)(cursor):
            yield heard
        all_heard.set()

    running = asyncio.create_task(
        run_gateway(
            settings, KEYS, hub_key, source, stop=stop, drain=until is None,
            clock=ContentClock(), sealing=REPLAY, uplink=QUICK,
        )
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        if until is not None:
            while not (running.done() or (all_heard.is_set() and until())):  # noqa: ASYNC110 - as `until`
                await asyncio.sleep(0.01)
            stop.set()
        return await running


def test_with_certificates_every_reading_arrives(authority, tls_broker, tmp_path):
    broker = tls_broker("127.0.0.1")
    hub = SmallHub(broker.plain.host, broker.plain.port, KEYS.public.signing)

    with hub:
        status = asyncio.run(
            run(tmp_path, broker, authority.tls("hall-1"), hub.keys.public.signing)
        )

    assert status.receipted == len(READINGS)
    assert sorted(hub.readings) == sorted(READINGS)


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_says_what_to_do_and_loses_nothing(case, authority, tls_broker, tmp_path):
    changed, hosts, days, advice = FAULTS[case]
    good = authority.tls("hall-1")
    tls = changed(good, tmp_path) if changed else good
    broker = tls_broker(*hosts, days=days)
    hub_key = make_keys().public.signing

    with capture_logs() as logs:

        def told():
            return [line["why"] for line in logs if line["event"] == "broker_away"]

        status = asyncio.run(run(tmp_path, broker, tls, hub_key, until=told))

    assert advice in told()[0]
    assert (status.stored, status.receipted) == (len(READINGS), 0)

    right = tls_broker("127.0.0.1")
    hub = SmallHub(right.plain.host, right.plain.port, KEYS.public.signing)
    with hub:
        asyncio.run(run(tmp_path, right, good, hub.keys.public.signing))
    assert sorted(hub.readings) == sorted(READINGS)

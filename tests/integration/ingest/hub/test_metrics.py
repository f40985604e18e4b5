"""/metrics of a hub at work: every figure is served, true, and told in the how-to."""

import re
import socket
import urllib.request
from pathlib import Path

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from config.errors import Misconfigured
from ingest.batch.reading import Quantity, Reading
from tests.boxes import NOON_UTC_MS
from tests.hubs import hub_at_work
from tests.integration.ingest.hub.test_kills import wait_until

HOWTO = Path(__file__).parents[4] / "docs/howto/hub.md"


@pytest.fixture
def broker(mosquitto):
    return mosquitto


def page(hub):
    url = f"http://127.0.0.1:{hub.hub.metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def figures(text):
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_figure_is_true_and_told_in_the_how_to(database, broker, hub_keys, box, ear):
    secret = [Reading("band-of-somebody", Quantity.HEART_RATE_BPM, 173.25, NOON_UTC_MS)]
    (live, name), (old, old_name) = box.batch(0, secret), box.batch(1)

    with hub_at_work(database, broker, hub_keys, metrics_port=0) as hub:
        ear.send(live)
        ear.send(old, box.topic("backlog"))
        ear.send(b"rubbish")
        ear.wait_for(name, old_name)
        wait_until(lambda: sum(map(sum, (d.counts for d in hub.hub.delays.values()))) == 3)
        wait_until(lambda: hub.hub.publishes_rosters)
        text = page(hub)

    found = figures(text)
    assert found["adhere_hub_batches_stored_total",] == 2
    assert found["adhere_hub_readings_total",] == 4
    assert found["adhere_hub_messages_received_total", "live"] == 2
    assert found["adhere_hub_messages_received_total", "history"] == 1
    assert found["adhere_hub_dead_letters_total", "not_cose"] == 1
    assert found["adhere_hub_publishes_rosters",] == 1
    assert found["adhere_hub_stuck_seconds",] == 0
    assert found["adhere_hub_shared", "live"] == found["adhere_hub_connected", "history"] == 1
    assert found["adhere_hub_message_delay_seconds_bucket", "live", "+Inf"] == 2
    assert found["adhere_hub_message_delay_seconds_count", "history"] == 1
    assert found["adhere_hub_cpu_seconds_total", "database"] > 0
    assert "band-of-somebody" not in text
    assert "173" not in text
    served = set(re.findall(r"^# TYPE (adhere_\w+) ", text, re.MULTILINE))
    told = set(re.findall(r"^\| `(adhere_\w+)`", HOWTO.read_text("utf-8"), re.MULTILINE))
    assert told == served


def test_figures_are_served_while_the_database_is_away(broker, hub_keys, box, ear):
    nowhere = "postgresql://nobody@127.0.0.1:1/none"

    with hub_at_work(nowhere, broker, hub_keys, metrics_port=0) as hub:
        ear.send(box.batch(0)[0])
        wait_until(lambda: figures(page(hub))["adhere_hub_stuck_seconds",] > 0)

        assert figures(page(hub))["adhere_hub_database_failures_total",] > 0


def test_a_port_that_is_taken_is_said_with_what_to_do(database, broker, hub_keys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(Misconfigured, match=r"hub\.metrics_port"),
            hub_at_work(database, broker, hub_keys, metrics_port=port),
        ):
            pass


def test_nothing_is_served_unless_it_is_asked_for(database, broker, hub_keys):
    with hub_at_work(database, broker, hub_keys) as hub:
        assert hub.hub.metrics_port is None


def test_the_log_says_from_time_to_time_how_the_hub_stands(database, broker, hub_keys, box, ear):
    sealed, name = box.batch(0)

    with (
        structlog.testing.capture_logs() as said,
        hub_at_work(database, broker, hub_keys, status_every_s=0.05) as hub,
    ):
        ear.send(sealed)
        ear.wait_for(name)
        wait_until(lambda: hub.hub.publishes_rosters and hub.counters.stored)
        count = len(said)  # one may be in the making
        wait_until(lambda: sum(one["event"] == "hub_status" for one in said[count:]) >= 2)

    status = [one for one in said[count:] if one["event"] == "hub_status"][1]
    assert status["stored"] == 1
    assert status["shared"] is True
    assert status["away"] is False
    assert status["publishes_rosters"] is True
    assert status["stuck_s"] == 0

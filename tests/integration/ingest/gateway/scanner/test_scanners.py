"""Scanners over a real broker: from a message to a reading, and over the broker's falls."""

import asyncio
import json
import time

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from config.fields import Broker
from config.gateway_settings import ScannerSettings
from ingest.gateway.scanner.source import ScannerSource
from tests.patience import PATIENCE_S

BAND = "AA:BB:CC:DD:EE:FF"
TOPIC = "home/hall/BTtoMQTT/AABBCCDDEEFF"


class Scanner:
    """An ESP32, as far as the broker can tell."""

    def __init__(self, broker):
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.will_set("home/hall/LWT", "offline", retain=True)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()
        self.client.publish("home/hall/LWT", "online", retain=True).wait_for_publish(PATIENCE_S)

    def say(self, bpm):
        said = {"id": BAND, "type": "BODY", "model_id": "MB/SW", "act_bpm": bpm}
        self.client.publish(TOPIC, json.dumps(said), qos=0)

    def end(self):
        self.client.loop_stop()
        self.client.reinitialise()


class Hall:
    """A source, and what came out of it."""

    def __init__(self, mosquitto):
        self.mosquitto, self.heard, self.at_once = mosquitto, [], []
        self.source = ScannerSource(
            ScannerSettings(prefixes=("home",)),
            Broker(host=mosquitto.host, port=mosquitto.port),
            lambda: {BAND: None},
            self.at_once.extend,
            session_bpm=100,
        )

    async def run(self):
        async for one in self.source({}):
            self.heard += [reading.value for reading in one.readings]

    async def until(self, what):
        end = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < end, self.source.status()
            await asyncio.sleep(0.02)


def in_hall(mosquitto, story):
    async def go():
        hall = Hall(mosquitto)
        running = asyncio.create_task(hall.run())
        await hall.until(lambda: hall.source.counters.connected)
        await asyncio.to_thread(time.sleep, 0.1)  # the subscription has no answer here
        await story(hall)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return hall

    return asyncio.run(go())


def test_what_a_scanner_says_is_handed_on_and_told_the_edge_at_once(mosquitto):
    scanner = Scanner(mosquitto)

    async def story(hall):
        await hall.until(lambda: scanner.say(120 + len(hall.at_once)) or len(hall.at_once) >= 5)
        hall.last = list(hall.at_once)

    hall = in_hall(mosquitto, story)
    scanner.end()

    assert hall.heard[:5] == [120, 121, 122, 123, 124]
    assert len(hall.heard) == len(hall.at_once), "what was heard last is handed on at the end"
    assert not hall.source.counters.offline


def test_a_broker_that_falls_is_waited_for_and_heard_again(mosquitto):
    async def story(hall):
        scanner = Scanner(mosquitto)
        await hall.until(lambda: scanner.say(100) or hall.at_once)
        mosquitto.kill()
        await hall.until(lambda: not hall.source.counters.connected)
        before = len(hall.at_once)
        mosquitto.start()
        await hall.until(lambda: hall.source.counters.connected)
        await hall.until(lambda: scanner.say(101) or len(hall.at_once) > before)
        scanner.end()

    in_hall(mosquitto, story)


def test_a_scanner_without_power_is_known_by_its_last_will(mosquitto):
    async def story(hall):
        scanner = Scanner(mosquitto)
        await hall.until(lambda: scanner.say(100) or hall.at_once)
        scanner.client.socket().close()  # the plug is pulled: no farewell
        scanner.end()
        await hall.until(lambda: "hall" in hall.source.counters.offline)

    in_hall(mosquitto, story)

"""Which MQTT is spoken: 5 where the broker does, 3.1.1 where not, found out by trying."""

import asyncio
import contextlib

import pytest

from config.errors import Unavailable
from config.fields import Broker
from ingest.broker import EmbeddedBroker
from ingest.gateway.link import V5, V311, Dialect, connected
from scripts.show.ports import held_port
from tests.hubs import settings_for
from tests.integration.ingest.gateway.conftest import in_chunks, pulses
from tests.integration.ingest.gateway.test_run import until
from tests.mosquitto import Mosquitto, installed

PROTOCOL_LEVEL_AT = 8
"""In a CONNECT shorter than 128 bytes: type, length, 2 + "MQTT", then the level (MQTT 5, 3.1.2)."""


@contextlib.asynccontextmanager
async def before(broker, refuses):
    """A door before a broker that hangs up on who speaks a level that `refuses` holds."""
    seen, tasks = [], set()

    async def pump(reader, writer, first=b""):
        writer.write(first)
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        await close(writer)

    async def close(writer):
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def join(reader, writer):
        tasks.add(asyncio.current_task())
        with contextlib.suppress(asyncio.CancelledError):
            first = await reader.readexactly(2)
            rest = 1 if first[1] < 128 else 2
            first += await reader.readexactly(PROTOCOL_LEVEL_AT + rest)
            level = first[first.index(b"MQTT") + 4]
            seen.append(level)
            if level in refuses:
                await close(writer)
                return
            to_reader, to = await asyncio.open_connection(broker.host, broker.port)
            try:
                await asyncio.gather(pump(reader, to, first), pump(to_reader, writer))
            finally:
                to.transport.abort()
                writer.transport.abort()

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    try:
        yield Broker(host="127.0.0.1", port=server.sockets[0].getsockname()[1]), seen
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the loop's next turn


async def connect(broker, dialect):
    async with connected(broker, centre="centre", gateway="hall-1", dialect=dialect):
        return dialect.spoken


def here(broker):
    return Broker(host=broker.host, port=broker.port)


def test_mqtt_5_is_spoken_where_the_broker_speaks_it(mosquitto):
    dialect = Dialect()

    assert asyncio.run(connect(here(mosquitto), dialect)) is V5
    assert dialect.name == "5"


def test_a_broker_that_speaks_3_1_1_alone_is_spoken_to_so():
    dialect = Dialect()
    with held_port() as port, EmbeddedBroker(port) as broker:
        assert asyncio.run(connect(settings_for(broker), dialect)) is V311

    assert dialect.name == "3.1.1"


def test_a_broker_that_hangs_up_on_mqtt_5_is_asked_so_once(mosquitto):
    async def scene():
        dialect = Dialect()
        async with before(mosquitto, refuses={5}) as (broker, seen):
            await connect(broker, dialect)
            await connect(broker, dialect)
            return seen

    assert asyncio.run(scene()) == [5, 4, 4]


def test_a_broker_that_no_longer_speaks_the_version_known_is_tried_anew(mosquitto):
    async def scene():
        dialect, refuses = Dialect(), set()
        async with before(mosquitto, refuses) as (broker, seen):
            assert await connect(broker, dialect) is V5
            refuses.add(5)  # an older broker took its place
            with pytest.raises(Unavailable):
                await connect(broker, dialect)
            assert await connect(broker, dialect) is V311
            refuses.symmetric_difference_update({4, 5})  # and a newer one that one's
            with pytest.raises(Unavailable):
                await connect(broker, dialect)
            assert await connect(broker, dialect) is V5
            return seen

    assert asyncio.run(scene()) == [5, 5, 5, 4, 4, 5]


def test_a_broker_that_is_away_is_no_reason_to_think_that_it_speaks_no_mqtt_5(mosquitto):
    dialect = Dialect()
    broker = here(mosquitto)
    mosquitto.stop()
    with pytest.raises(Unavailable, match="refused"):
        asyncio.run(connect(broker, dialect))
    mosquitto.start()

    assert asyncio.run(connect(broker, dialect)) is V5


def test_every_reading_arrives_over_3_1_1_too(box):
    readings = pulses(300)

    async def scene():
        async with before(box.broker, refuses={5}) as (broker, _seen):
            settings = box.settings.model_copy(update={"broker": broker})
            return await box.run(in_chunks(readings, 100), settings=settings)

    with box.hub:
        status = asyncio.run(scene())

    assert sorted(box.hub.readings) == sorted(readings)
    assert (status.mqtt, status.hub_listens, status.receipted) == ("3.1.1", None, 300)


def test_the_broker_says_whether_a_hub_listens(box):
    async def scene():
        async with connected(here(box.broker), centre="centre", gateway="hall-1") as link:
            link.publish_state({"state": "online"})
            await until(lambda: link.is_heard is not None)
            alone = link.is_heard
            with box.hub:
                link.publish_state({"state": "online"})
                await until(lambda: link.is_heard)
            return alone, link.is_heard

    assert asyncio.run(scene()) == (False, True)


@pytest.fixture
def strict(tmp_path):
    """A mosquitto whose access rules let nobody publish batches."""
    rules = tmp_path / "rules"
    rules.write_text(
        "topic readwrite adhere/v1/centre/hall-1/state\n"
        "topic readwrite adhere/v1/centre/hall-1/receipt\n"
        "topic read adhere/v1/centre/hall-1/roster\n",
        "utf-8",
    )
    rules.chmod(0o700)
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    broker = Mosquitto(installed(), folder, f"acl_file {rules}\n")
    broker.start()
    yield broker
    broker.stop()


def test_what_the_broker_does_not_take_is_said_in_words(strict):
    async def scene():
        async with connected(here(strict), centre="centre", gateway="hall-1") as link:
            link.publish("adhere/v1/centre/hall-1/live", b"a batch")
            await until(lambda: link.not_taken)
            return dict(link.not_taken)

    ((why, count),) = asyncio.run(scene()).items()

    assert count == 1
    assert "access rules" in why

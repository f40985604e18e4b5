import asyncio

from tests.integration.ingest.gateway.conftest import in_chunks, pulses


def test_every_reading_arrives_once_and_the_spool_is_empty_after(box):
    readings = pulses(1000)

    with box.hub:
        status = asyncio.run(box.run(in_chunks(readings, 100)))

    assert sorted(box.hub.readings) == sorted(readings)
    assert (status.stored, status.receipted, status.waiting_batches) == (1000, 1000, 0)
    assert [len(found) for _, found in box.hub.batches.values()] == [300, 300, 300, 100]

from types import SimpleNamespace

import pytest

from ingest.batch.columns import Chunk, readings_of
from ingest.batch.content import unpack
from ingest.batch.envelope import open_sealed
from ingest.batch.keys import make_keys
from ingest.batch.reading import Quantity, Reading
from ingest.batch.receipt import Receipt
from ingest.gateway.clock import ContentClock
from ingest.gateway.sealing import sealer
from ingest.gateway.spool import Spool

NOON_UTC_MS = 1_767_268_800_000
BOOT = bytes(range(16))


def pulses(count, first=0, device="band-1"):
    return [
        Reading(device, Quantity.HEART_RATE_BPM, 60.0 + n % 70, NOON_UTC_MS + 1000 * n)
        for n in range(first, first + count)
    ]


@pytest.fixture(scope="session")
def keys():
    return make_keys()


@pytest.fixture
def box(tmp_path, keys):
    """Opens spools in one folder, seals with one key, and reads what was sealed."""
    path = tmp_path / "spool.sqlite"
    make = sealer(centre="centre", gateway="hall-1", keys=keys, clock=ContentClock())
    spools = []

    def open_spool(*, quota_pages=10_000, keys=keys, boot=BOOT):
        spools.append(Spool(path, keys.spool_tag_key(), quota_pages=quota_pages, boot=boot))
        return spools[-1]

    def seal(spool, lane="backlog", max_chunks=8):
        return spool.seal(lane, max_chunks=max_chunks, make=make)

    def seal_all(spool, max_chunks=8):
        while spool.unsealed("backlog"):
            seal(spool, max_chunks=max_chunks)

    def waiting(spool):
        found = []
        while batch := spool.batches.backlog(but=[one.seq for one in found], since_utc_ms=0):
            found.append(batch)
        return found

    def readings(message):
        content = unpack(open_sealed(message, keys.public.signing))
        return list(readings_of(Chunk(content.devices, content.columns)))

    def receipt(committed=(), refused=(), boot=BOOT):
        return Receipt("centre", "hall-1", boot, NOON_UTC_MS, tuple(committed), tuple(refused))

    yield SimpleNamespace(
        path=path,
        make=make,
        open=open_spool,
        seal=seal,
        seal_all=seal_all,
        waiting=waiting,
        readings=readings,
        receipt=receipt,
        delivered=lambda spool: [r for b in waiting(spool) for r in readings(b.message)],
    )
    for spool in spools:
        spool.close()

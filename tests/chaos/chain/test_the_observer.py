"""The observer can tell: each way in which ledger and database may differ is found by its name."""

import subprocess
import sys

import numpy as np
import pytest

from ingest.batch.reading import Flag
from scripts.bench.chaos.compare import compare
from scripts.bench.chaos.ledger import BANDS, HISTORY_EVERY, Ledger
from storage.database import connect
from storage.ingest import ReadingColumns, store_batches
from tests.batches import a_batch, a_gateway

NOW_UTC_MS = 1_767_268_800_000
DAY_MS = 86_400_000


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    yield ledger
    ledger.close()


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


def in_columns(rows):
    """The rows as a batch carries them: a group for each quantity."""
    devices = sorted({row.device_key for row in rows})
    groups = []
    for quantity in sorted({row.quantity for row in rows}):
        of = [row for row in rows if row.quantity == quantity]
        stamps = [row.device_ts_ms for row in of]
        groups.append(
            ReadingColumns(
                quantity=quantity,
                device_index=np.array([devices.index(row.device_key) for row in of], np.uint16),
                at_utc_ms=np.array([row.at_utc_ms for row in of], np.int64),
                value=np.array([row.number for row in of], np.float64),
                span_ms=np.array([row.span_ms for row in of], np.uint32),
                flags=np.array([row.flags for row in of], np.uint8),
                device_ts_ms=None if stamps[0] is None else np.array(stamps, np.int64),
            )
        )
    return tuple(groups), tuple(devices)


def store(conn, seq, rows):
    groups, devices = in_columns(rows)
    batch = a_batch(
        a_gateway(conn), seq, *groups, devices=devices, sealed_utc_ms=NOW_UTC_MS + 2 * DAY_MS
    )
    store_batches(conn, [batch])


def made(ledger, pieces, *, ahead_ms=0):
    for number in range(pieces):
        ledger.make(NOW_UTC_MS + 100 * number, ahead_ms)
    return [reading for _piece, reading in ledger.readings()]


def test_a_database_with_every_reading_once_agrees(ledger, conn):
    rows = made(ledger, HISTORY_EVERY)
    store(conn, 0, rows)

    found = compare(ledger, conn)

    assert found.handed == found.in_database == HISTORY_EVERY * BANDS
    assert not any((found.missing, found.doubled, found.changed, found.unknown))
    assert not any((found.seqs_missing, found.quarantined, found.dead_letters))


def test_what_is_missing_doubled_changed_or_strange_is_named(ledger, conn):
    rows = made(ledger, 2)
    strange = rows[1]._replace(number=10**6)
    store(conn, 0, [rows[0]._replace(at_utc_ms=NOW_UTC_MS + 1), *rows[2:], strange])
    store(conn, 2, [rows[5]])

    found = compare(ledger, conn)

    assert [reading for _piece, reading in found.missing] == [rows[1]]
    assert found.doubled == [(rows[5].number, 2)]
    assert [handed for handed, _stored in found.changed] == [rows[0]]
    assert found.unknown == 1
    assert found.seqs_missing == [1]


def test_another_device_quantity_span_flag_or_stamp_is_a_change(ledger, conn):
    rows = made(ledger, HISTORY_EVERY)
    remembered, rest = rows[-1], rows[4:-1]
    changed = [
        rows[0]._replace(device_key="c0:ff:ee:0c:a0:ff"),
        rows[1]._replace(quantity="battery_pct"),
        rows[2]._replace(span_ms=1),
        rows[3]._replace(flags=rows[3].flags | Flag.SUSPECT),
        remembered._replace(device_ts_ms=remembered.device_ts_ms + 1),
    ]
    store(conn, 0, [*changed, *rest])

    found = compare(ledger, conn)

    assert [handed for handed, _stored in found.changed] == [*rows[:4], remembered]
    assert not any((found.missing, found.doubled, found.unknown))


def test_only_where_the_clock_was_wrong_may_a_time_be_put_right(ledger, conn):
    wrong = made(ledger, 1, ahead_ms=DAY_MS)
    right = list(made(ledger, 1))[BANDS:]
    shifted = [row._replace(at_utc_ms=row.at_utc_ms - DAY_MS + 900) for row in wrong[1:3]]
    too_far = wrong[3]._replace(at_utc_ms=wrong[3].at_utc_ms - DAY_MS + 9_000)
    moved = right[0]._replace(at_utc_ms=right[0].at_utc_ms + 900)
    store(conn, 0, [wrong[0], *shifted, too_far, *wrong[4:], moved, *right[1:]])

    found = compare(ledger, conn)

    assert found.corrected == 2
    assert [handed for handed, _stored in found.changed] == [wrong[3], right[0]]


def test_only_where_the_clock_was_wrong_may_a_reading_be_kept_apart_for_it(ledger, conn):
    wrong = made(ledger, 1, ahead_ms=DAY_MS)
    right = list(made(ledger, 1))[BANDS:]
    marked = [row._replace(flags=row.flags | Flag.CLOCK_SUSPECT) for row in (wrong[0], right[0])]
    store(conn, 0, [*marked, *wrong[1:], *right[1:]])

    found = compare(ledger, conn)

    assert dict(found.quarantined) == {"clock_suspect": 2}
    assert [handed for handed, _stored in found.changed] == [right[0]]
    assert not found.missing


FULL = """
import sys
from pathlib import Path
from ingest.batch.reading import Quantity, Reading
from ingest.gateway.spool import Spool
from ingest.gateway.spool_ground import SpoolFull
from scripts.bench.chaos.full_disk import make_fullable

flag, path = Path(sys.argv[1]), Path(sys.argv[2])
make_fullable(flag)

def append(spool, number):
    spool.append([Reading("b", Quantity.HEART_RATE_BPM, 60.0, number)], lane="live")

with Spool(path, bytes(32), quota_pages=1000) as spool:
    append(spool, 1)
    flag.touch()
    for number in (2, 3):
        try:
            append(spool, number)
        except SpoolFull:
            print("full")
    flag.unlink()
    append(spool, 4)
    print(spool.counters["stored"])
"""


def test_where_no_partition_may_be_mounted_sqlite_meets_a_full_disk_all_the_same(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "full"), str(tmp_path / "spool")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.split() == ["full", "full", "2"], done.stderr


def test_a_reading_that_the_hub_keeps_apart_is_named_with_its_reason(ledger, conn):
    rows = made(ledger, 1)
    late = rows[0]._replace(at_utc_ms=NOW_UTC_MS + 90 * DAY_MS)
    store(conn, 0, [late, *rows[1:]])

    found = compare(ledger, conn)

    assert dict(found.quarantined) == {"too_late": 1}
    assert [stored for _handed, stored in found.changed] == [late]
    assert not found.missing

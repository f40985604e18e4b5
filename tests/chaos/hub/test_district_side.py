"""`adhere bench chaos-hub`, the short form: each kind of fault once, and the accounts that notice.

The long form is the command itself: `adhere bench chaos-hub --faults 200 --seed 1`.
"""

import asyncio
import json
import tempfile
from pathlib import Path

import pytest

from ingest.batch.keys import make_keys
from ingest.batch.to_hub import Recipient
from scripts.bench.chaos_hub import shown
from scripts.bench.chaos_hub.account import ReceiptsChecked, Said, account_for
from scripts.bench.chaos_hub.faults import FAULTS, NEEDS_A_PARTITION
from scripts.bench.chaos_hub.run import Plan, run
from scripts.bench.live.said import S, Sealed, pulses, said
from scripts.bench.live.town import CENTRE, Hall
from storage.database import connect
from storage.ingest import store_batches
from tests.batches import a_batch, a_gateway, columns

BEGIN_MS = 1_767_268_800_000


def test_whatever_falls_on_the_district_side_nothing_is_lost_and_it_comes_back():
    plan = Plan(faults=len(FAULTS), seed=3, calm_s=(0.1, 0.4))

    with tempfile.TemporaryDirectory(prefix="adhere-chaos-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # as root the database's server runs as another account
        outcome = asyncio.run(run(plan, folder, lambda *_: None))

    told = json.loads(json.dumps(shown.as_json(outcome), allow_nan=False))
    assert outcome.differences == [], told
    assert set(outcome.done) >= set(FAULTS) - {NEEDS_A_PARTITION}
    assert told["stored"] == told["sent"] > 10_000
    assert told["receipts_checked"] == told["batches"] > 0
    assert len(outcome.back_s) == len(FAULTS)
    assert sum(told["restarts"].values()) >= 3  # of two hubs, one killed, then both


@pytest.fixture
def hall():
    to_hub = Recipient(make_keys().public.encryption, CENTRE, "hall-1")
    return Hall("hall-1", 0, ("live-0", "live-1"), to_hub)


def stored(conn, hall, rows):
    """Store (ms, place of the band, bpm) as one batch."""
    at_ms, places, bpm = zip(*rows, strict=True)
    part = columns(list(at_ms), list(bpm))
    part.device_index[:] = places
    store_batches(
        conn,
        [a_batch(a_gateway(conn), 1, part, devices=hall.bands, sealed_utc_ms=BEGIN_MS + 60 * S)],
    )


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (lambda rows: rows, {}),
        (lambda rows: rows[1:], {"lost": 1}),
        (lambda rows: [*rows, rows[0]], {"doubled": 1}),
        (lambda rows: [(rows[0][0], rows[0][1], 33.0), *rows[1:]], {"changed": 1}),
        (lambda rows: [*rows, (BEGIN_MS - S, 0, 90.0)], {"changed": 1}),
    ],
    ids=["as sent", "lost", "doubled", "changed", "never sent"],
)
def test_the_account_names_each_kind_of_difference(database, hall, wrong, found):
    at_ms, band = said(2, BEGIN_MS, BEGIN_MS + 5 * S)
    rows = list(zip(at_ms.tolist(), band.tolist(), pulses(at_ms, band).tolist(), strict=True))
    with connect(database) as conn:
        stored(conn, hall, wrong(rows))
        account = account_for(conn, [Said(hall, BEGIN_MS, BEGIN_MS + 5 * S)])

    differences = {
        name: getattr(account, name)
        for name in ("lost", "doubled", "changed")
        if getattr(account, name)
    }
    assert differences == found
    assert account.agrees == (not found)


def test_a_receipt_for_what_is_not_there_is_noticed(database, hall):
    with connect(database) as conn:
        stored(conn, hall, [(BEGIN_MS, 0, 80.0)])
        (there,) = conn.execute("SELECT content_sha256 FROM batch").fetchone()
    with ReceiptsChecked(database) as checked:
        checked.came([Sealed(1, bytes(there), b"", 1), Sealed(2, bytes(32), b"", 1)])

    assert (checked.checked, checked.ahead) == (2, 1)

"""A box's own count against the ledger's: whatever was refused, damaged or is not here yet."""

import contextlib
import random
from datetime import UTC, datetime

import apsw
import pytest

from ingest.batch.receipt import Receipt
from ingest.batch.to_hub import HubSecrets
from ingest.gateway.clock import ContentClock
from ingest.gateway.sealing import sealer
from ingest.gateway.spool import Spool
from ingest.hub.buffer import Message
from ingest.hub.counters import Times
from ingest.hub.keyring import Keyring
from ingest.hub.reader import opened
from storage import ledger
from storage.gateways import find_gateway_key
from storage.ingest import Outcome, store_batches
from tests.boxes import NOON_UTC_MS, pulse

EVER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Life:
    """A spool file over its life, and what of it has come to the hub."""

    def __init__(self, path, box, db):
        self.path, self.box, self.db = path, box, db
        self.make = sealer(
            centre=box.centre, gateway=box.gateway, keys=box.keys, clock=ContentClock()
        )
        self.messages, self.heard = [], 0
        self.keyring = Keyring(lambda *of: find_gateway_key(db, *of), refresh_s=60)

    @contextlib.contextmanager
    def spool(self):
        tag_key = self.box.keys.spool_tag_key()
        with Spool(self.path, tag_key, quota_pages=10_000, boot=self.box.boot) as spool:
            yield spool

    def seal(self, spool, readings):
        """Hear so many pulses and seal them; return their place and hash."""
        spool.append(pulse(readings, start_utc_ms=NOON_UTC_MS + 1000 * self.heard), lane="backlog")
        self.heard += readings
        sealed = spool.seal("backlog", max_chunks=600, make=self.make)
        self.messages.append(sealed.message)
        return len(self.messages) - 1, sealed.sha256

    def give_up(self, spool, seq, sha256):
        """The hub refuses a batch, and an operator gives it up."""
        refused = ((seq, sha256, "database_refused"),)
        receipt = (self.box.centre, self.box.gateway, self.box.boot, NOON_UTC_MS)
        spool.batches.settle(Receipt(*receipt, (), refused))
        assert spool.batches.release([seq])

    def damage(self, seq):
        """Some bytes of a batch flip on the box's disk, and it notices."""
        with contextlib.closing(apsw.Connection(str(self.path))) as disk:
            disk.execute("UPDATE batch SET sealed = zeroblob(100) WHERE id = ?", (seq,))
        with self.spool() as spool:
            while spool.batches.backlog(but=(), since_utc_ms=0, after=seq - 1).seq <= seq:
                pass

    def come(self, seqs):
        """Batches come to the hub, which reads and stores them."""
        batches = [
            opened(
                Message(self.box.topic("backlog"), self.messages[seq]),
                self.keyring,
                HubSecrets([]),
                Times(),
            ).batch
            for seq in seqs
        ]
        assert set(store_batches(self.db, batches)) == {Outcome.STORED}


@pytest.fixture
def life(tmp_path, db, box):
    return Life(tmp_path / "spool.sqlite", box, db)


@pytest.mark.parametrize("seed", range(3))
def test_the_ledger_comes_to_the_boxes_own_count(life, db, seed):
    dice = random.Random(seed)
    with life.spool() as spool:
        names = [life.seal(spool, dice.randint(1, 40)) for _ in range(30)]
        given_up = sorted(dice.sample(range(30), 4))
        for seq in given_up:
            life.give_up(spool, *names[seq])
    damaged = dice.choice([seq for seq in range(29) if seq not in given_up])
    life.damage(damaged)
    with life.spool() as spool:
        last, _sha256 = life.seal(spool, 7)
        count = dict(spool.counters)
    gone = {*given_up, damaged}
    here = [seq for seq in range(30) if seq not in gone and dice.random() < 0.6]
    life.come(dice.sample([*here, last], len(here) + 1))

    ledger.catch_up(db)

    (box,) = ledger.boxes(db, *EVER)
    stored = db.execute("SELECT count(*) FROM heart_rate").fetchone()[0]
    assert count["lost_sealed"] > 0
    assert count["released"] > 0
    assert box.counted.expected == count["sealed"] == life.heard
    assert box.counted.stored == stored
    assert box.counted.lost == count["released"] + count["lost_sealed"]
    assert box.counted.pending == count["sealed"] - stored - box.counted.lost
    assert ledger.findings(db) == []


def test_a_whole_chain_of_a_box_holds_nothing_against_it(life, db):
    with life.spool() as spool:
        names = [life.seal(spool, 3) for _ in range(20)]
    life.come([seq for seq, _sha256 in reversed(names)])

    ledger.catch_up(db)

    (box,) = ledger.boxes(db, *EVER)
    assert box.counted[:5] == (60, 60, 0, 0, 0)
    assert ledger.gaps(db) == []
    assert ledger.findings(db) == []

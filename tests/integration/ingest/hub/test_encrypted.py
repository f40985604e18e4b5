"""Batches that only the hub reads: stored as any other, also after its key was changed."""

from dataclasses import replace

from ingest.batch.content import content_sha256
from ingest.batch.envelope import seal
from ingest.batch.keys import make_keys
from ingest.batch.to_hub import Recipient
from storage.dead_letters import latest
from tests.boxes import listening, pulse
from tests.hubs import hub_at_work


def sealed_for(box, keys, packed):
    to = Recipient(keys.public.encryption, box.centre, box.gateway)
    return seal(packed, box.keys.signing, box.keys.kid, readable_by=to)


def stored(db):
    return db.execute("SELECT count(*) FROM heart_rate").fetchone()[0]


def test_the_same_batch_encrypted_twice_is_stored_once_and_receipted(db, hub, box, hub_keys, ear):
    packed = box.packed(0, pulse(3))

    for _ in range(2):
        ear.send(sealed_for(box, hub_keys, packed))
        before = ear.receipts
        ear.wait(lambda before=before: ear.receipts > before)
    ear.send(box.sealed(packed))
    ear.wait(lambda: hub.counters.duplicate == 2)

    assert ear.committed == {content_sha256(packed): 0}
    assert stored(db) == 3


def test_what_is_kept_as_evidence_is_what_the_gateway_signed(db, hub, box, hub_keys, ear):
    packed = box.packed(0, pulse(3))
    message = sealed_for(box, hub_keys, packed)

    ear.send(message)
    ear.wait_for(content_sha256(packed))

    kept = db.execute("SELECT content_sha256, sealed FROM batch_payload").fetchone()
    assert tuple(map(bytes, kept)) == (content_sha256(packed), message)


def test_a_batch_for_another_key_is_set_aside_and_taken_when_the_key_is_there(
    database, db, mosquitto, box, hub_keys
):
    former = make_keys()
    packed = box.packed(0, pulse(3))
    message = sealed_for(box, former, packed)
    with (
        listening(mosquitto, box, hub_keys.public.signing) as ear,
        hub_at_work(database, mosquitto, hub_keys) as working,
    ):
        ear.send(message)
        names = []
        for seq in (1, 2):  # receipts go out before what was set aside is kept: the next one knows
            good, name = box.batch(seq)
            ear.send(good)
            ear.wait_for(name)
            names.append(name)
        assert working.counters.dead_letters == {"another_hub_key": 1}
        assert [letter.reason for letter in latest(db)] == ["another_hub_key"]
        # No word of it to the gateway: it keeps the batch and sends it again.
        assert (ear.committed, ear.refused) == ({names[0]: 1, names[1]: 2}, {})

    both = replace(hub_keys, encryption=former.encryption)
    with (
        listening(mosquitto, box, hub_keys.public.signing) as ear,
        hub_at_work(database, mosquitto, both),
    ):
        ear.send(message)
        ear.wait_for(content_sha256(packed))

    assert stored(db) == 9

"""Whatever comes, it is set aside with its reason, and the good batch behind it is not held up."""

import hashlib
import math
from array import array
from dataclasses import replace

import cbor2
import pytest
import zstandard

from ingest.batch import content as content_keys
from ingest.batch import sign1
from ingest.batch.columns import chunk_of
from ingest.batch.envelope import TYP
from storage.gateways import revoke_gateway_key
from tests.boxes import NOON_UTC_MS, Box, pulse

pytestmark = pytest.mark.usefixtures("hub")

CUT_AT = 262_144
"""Longer bytes are cut in the dead letters; storage/ingest.py."""


def forged(box):
    """Signed by a stranger who names the gateway's key."""
    stranger = Box(box.centre, box.gateway)
    packed = box.packed(0, pulse(3))
    return sign1.sign(
        zstandard.compress(packed), typ=TYP, key=stranger.keys.signing, kid=box.keys.kid
    )


def flipped(box):
    sealed, _ = box.batch(0)
    return sealed[:-5] + bytes([sealed[-5] ^ 1]) + sealed[-4:]


def signed(box, compressed, typ=TYP):
    return sign1.sign(compressed, typ=typ, key=box.keys.signing, kid=box.keys.kid)


def raw_content(box, packed):
    """Signed by the gateway, whatever it says."""
    return signed(box, zstandard.compress(packed))


def edited(box, **changes):
    """A good content with some of its items replaced (keys by their names in the contract)."""
    items = cbor2.loads(box.packed(0, pulse(3)))
    items |= {getattr(content_keys, name): value for name, value in changes.items()}
    return raw_content(box, cbor2.dumps(items))


def edited_column(box, name, value):
    items = cbor2.loads(box.packed(0, pulse(3)))
    items[content_keys.COLUMNS][0][getattr(content_keys, name)] = value
    return raw_content(box, cbor2.dumps(items))


def doubles(*values):
    return cbor2.CBORTag(86, array("d", values).tobytes())


def nested(depth):
    return b"\x81" * depth + b"\x00"


BAD = {
    "nothing": (lambda _: b"", "not_cose"),
    "text": (lambda _: b"heart_rate=80", "not_cose"),
    "zeros": (lambda _: bytes(1000), "not_cose"),
    "truncated": (lambda box: box.batch(0)[0][:-10], "not_cose"),
    "bytes left over": (lambda box: box.batch(0)[0] + b"\0", "not_cose"),
    "a million levels": (lambda _: nested(60_000), "not_cose"),
    "a bare COSE null": (lambda _: cbor2.dumps(cbor2.CBORTag(18, None)), "not_cose"),
    "oversize by one byte": (lambda _: bytes(65_537), "oversize"),
    "one megabyte": (lambda _: bytes(1_000_000), "oversize"),
    "forged": (forged, "bad_signature"),
    "one bit flipped": (flipped, "bad_signature"),
    "a receipt sent as a batch": (
        lambda box: signed(box, b"", typ="adhere-receipt"),
        "bad_signature",
    ),
    "not compressed": (lambda box: signed(box, box.packed(0, pulse(3))), "malformed"),
    "a zstd bomb": (lambda box: signed(box, zstandard.compress(bytes(2**23))), "unpacked_oversize"),
    "not CBOR": (lambda box: raw_content(box, b"\xff\xff"), "malformed"),
    "deep nesting": (lambda box: raw_content(box, nested(100_000)), "malformed"),
    "an array that claims 2**40 items": (
        lambda box: raw_content(box, b"\x9b" + (2**40).to_bytes(8) + b"\0"),
        "malformed",
    ),
    "a million empty arrays": (
        lambda box: raw_content(box, b"\x9a\x00\x0f\x42\x40" + b"\x80" * 1_000_000),
        "malformed",
    ),
    "a fraction over zero": (lambda box: raw_content(box, b"\xd8\x1e\x82\x01\x00"), "malformed"),
    "a number with an exponent of 2**60": (
        lambda box: raw_content(box, b"\xc4\x82\x1b" + (2**60).to_bytes(8) + b"\x01"),
        "malformed",
    ),
    "a number of a megabyte": (
        lambda box: raw_content(box, b"\xc2\x5a" + (10**6).to_bytes(4) + b"\xff" * 10**6),
        "malformed",
    ),
    "a list that holds itself": (
        lambda box: raw_content(box, b"\xd8\x1c\x81\xd8\x1d\x00"),
        "malformed",
    ),
    "a list without an end": (lambda box: raw_content(box, b"\x9f" * 5_000), "malformed"),
    "two equal keys": (lambda box: raw_content(box, b"\xa2\x01\x01\x01\x02"), "malformed"),
    "two zstd frames": (
        lambda box: signed(
            box, zstandard.compress(box.packed(0, pulse(3))) + zstandard.compress(bytes(2**20))
        ),
        "malformed",
    ),
    "a zstd frame that hides its size": (
        lambda box: signed(
            box,
            zstandard.ZstdCompressor(write_content_size=False).compress(box.packed(0, pulse(3))),
        ),
        "malformed",
    ),
    "rubbish as if it were encrypted": (
        lambda box: signed(box, bytes(100), typ="adhere-batch-hpke"),
        "malformed",
    ),
    "a text that is not UTF-8": (lambda box: raw_content(box, b"\x62\xff\xff"), "malformed"),
    "NaN": (lambda box: edited_column(box, "VALUES", doubles(80, math.nan, 81)), "malformed"),
    "infinity": (lambda box: edited_column(box, "VALUES", doubles(80, math.inf, 1)), "malformed"),
    "a column too short": (lambda box: edited_column(box, "VALUES", doubles(80, 81)), "malformed"),
    "a column that ends inside a number": (
        lambda box: edited_column(box, "VALUES", cbor2.CBORTag(86, b"1234567")),
        "malformed",
    ),
    "a time of the year 10000": (
        lambda box: edited_column(box, "FIRST_AT", 253_402_300_800_000),
        "malformed",
    ),
    "a device that is not there": (
        lambda box: edited_column(box, "INDEX", cbor2.CBORTag(64, b"\0\1\0")),
        "malformed",
    ),
    "an unknown quantity": (
        lambda box: edited_column(box, "QUANTITY", "blood_glucose"),
        "unsupported_quantity",
    ),
    "a negative number": (lambda box: edited(box, SEQ=-1), "malformed"),
    "a number of 65 bits": (lambda box: edited(box, SEQ=2**64), "malformed"),
    "a boot id too short": (lambda box: edited(box, BOOT=b"short"), "malformed"),
    "a NUL in a device": (lambda box: edited(box, DEVICES=["band\0"]), "malformed"),
    "schema 2": (lambda box: edited(box, SCHEMA=2), "unsupported_schema"),
    "another gateway inside": (lambda box: edited(box, GATEWAY="box-2"), "wrong_identity"),
    "another centre inside": (lambda box: edited(box, CENTRE="west"), "wrong_identity"),
}


def sha256(data):
    return hashlib.sha256(data).digest()


def letters(db):
    return db.execute(
        "SELECT topic, reason, full_length, times_seen, sha256 FROM dead_letter ORDER BY id"
    ).fetchall()


def sent_between_good_ones(ear, box, *bad):
    """Send a good batch, the bad messages, a good one; both good ones must be receipted.

    Then one more: when its receipt is there, the hub is done with all before it.
    """
    (before, first), (after, second), (last, third) = map(box.batch, (1_000, 1_001, 1_002))
    ear.send(before)
    for message in bad:
        ear.send(*message)
    ear.send(after)
    ear.wait_for(first, second)
    ear.send(last)
    ear.wait_for(third)


@pytest.fixture
def broker(mosquitto):
    return mosquitto


def test_bad_messages_are_dead_letters_and_hold_nobody_up(hub, ear, box, db):
    payloads = {case: make(box) for case, (make, _) in BAD.items()}

    sent_between_good_ones(ear, box, *((payload,) for payload in payloads.values()))

    kept = {digest: row for *row, digest in letters(db)}
    found = {case: kept.get(sha256(payload)) for case, payload in payloads.items()}
    assert found == {
        case: [box.topic(), BAD[case][1], len(payload), 1] for case, payload in payloads.items()
    }
    assert len(kept) == len(BAD)
    assert db.execute("SELECT count(*) FROM batch").fetchone()[0] == 3
    assert sum(hub.counters.dead_letters.values()) == len(BAD)
    assert not ear.refused


def test_the_bytes_of_a_dead_letter_are_kept_up_to_a_limit(ear, box, db):
    payload = bytes(range(256)) * 4096

    sent_between_good_ones(ear, box, (payload,))

    assert db.execute("SELECT bytes, full_length, sha256 FROM dead_letter").fetchone() == (
        payload[:CUT_AT],
        len(payload),
        sha256(payload),
    )


def test_the_same_bad_bytes_again_only_count_up(ear, box, db):
    for times in range(1, 4):
        ear.send(b"the same rubbish")
        sealed, name = box.batch(times)
        ear.send(sealed)
        ear.wait_for(name)

    assert [row[3] for row in letters(db)] == [3]


def test_a_gateway_cannot_speak_on_anothers_topic(ear, box, enrolled, db):
    other = enrolled("box-2")
    sealed, name = other.batch(0)

    sent_between_good_ones(ear, box, (sealed,))

    assert [row[:2] for row in letters(db)] == [(box.topic(), "unknown_key")]
    assert name not in ear.committed


def test_a_gateway_of_an_unknown_centre_is_refused(ear, box, db):
    stranger = Box("west", "box-1")

    sent_between_good_ones(ear, box, (stranger.batch(0)[0], stranger.topic()))

    assert [row[:2] for row in letters(db)] == [(stranger.topic(), "unknown_gateway")]


def test_a_topic_that_no_code_may_have_is_refused(ear, box, db):
    topic = "adhere/v1/East Side/盒子/live"

    sent_between_good_ones(ear, box, (box.batch(0)[0], topic))

    assert [row[:2] for row in letters(db)] == [(topic, "unknown_topic")]


def test_a_revoked_gateway_is_refused_from_then_on(ear, box, enrolled, db):
    other = enrolled("box-2")
    revoke_gateway_key(db, other.public_keys[0])

    sent_between_good_ones(ear, box, (other.batch(0)[0], other.topic()))

    assert [row[:2] for row in letters(db)] == [(other.topic(), "revoked_key")]


def test_a_gateway_enrolled_after_its_first_message_is_taken_when_it_sends_again(
    hub, ear, box, enrolled, db
):
    late = Box("east", "late")
    sealed, _ = late.batch(0)
    sent_between_good_ones(ear, box, (sealed, late.topic()))
    assert [row[1] for row in letters(db)] == ["unknown_gateway"]

    enrolled_late = replace(enrolled("late"), boot=late.boot)
    ear.send(enrolled_late.batch(0)[0], late.topic())
    again, name = box.batch(1_003)
    ear.send(again)
    ear.wait_for(name)

    assert hub.counters.stored == 5


def test_a_forked_spool_is_refused_by_name_and_kept(hub, ear, box, db):
    first, name = box.batch(0)
    forked, other_name = box.batch(0, pulse(5, start_utc_ms=NOON_UTC_MS + 7))
    ear.send(first)
    ear.wait_for(name)

    sent_between_good_ones(ear, box, (forked,))
    ear.wait(lambda: ear.refused)

    assert ear.refused == {other_name: "forked_spool"}
    assert set(ear.committed).isdisjoint(ear.refused)
    assert [row[1] for row in letters(db)] == ["forked_spool"]
    assert db.execute("SELECT count(*) FROM heart_rate").fetchone()[0] == 12
    assert hub.counters.forked == 1


def test_two_forks_that_come_together_are_told_apart(ear, box, db):
    forks = [box.batch(0, pulse(3, bpm=60.0 + bpm)) for bpm in range(8)]

    for sealed, _ in forks:
        ear.send(sealed)
    ear.wait(lambda: len(ear.committed) + len(ear.refused) == 8)

    assert len(ear.committed) == 1
    assert db.execute("SELECT count(*) FROM heart_rate").fetchone()[0] == 3


def test_readings_outside_the_batchs_time_are_quarantined_and_the_batch_is_receipted(ear, box, db):
    good, old = pulse(3), pulse(2, device="band-2", start_utc_ms=NOON_UTC_MS - 401 * 86_400_000)
    packed = box.packed(0, good + old)

    ear.send(box.sealed(packed))
    ear.wait(lambda: ear.committed)

    assert db.execute("SELECT count(*) FROM heart_rate").fetchone()[0] == 3
    assert db.execute("SELECT reason, count(*) FROM quarantined_reading GROUP BY 1").fetchall() == [
        ("too_early", 2)
    ]


def test_what_the_database_refuses_is_told_to_the_gateway_and_the_rest_goes_on(ear, box, db):
    db.execute("ALTER TABLE batch ADD CONSTRAINT no_thirteen CHECK (seq <> 13)")
    bad, bad_name = box.batch(13)

    sent_between_good_ones(ear, box, (bad,))
    ear.wait(lambda: ear.refused)

    assert ear.refused == {bad_name: "database_refused"}
    assert [row[1] for row in letters(db)] == ["database_refused"]
    detail = db.execute("SELECT detail FROM dead_letter").fetchone()[0]
    assert "no_thirteen" in detail


def test_no_reading_stands_in_a_dead_letters_detail(ear, box, db):
    sent_between_good_ones(
        ear, box, (edited_column(box, "VALUES", doubles(80, math.nan, 121.625)),)
    )

    assert "121" not in db.execute("SELECT detail FROM dead_letter").fetchone()[0]


def test_the_hub_ignores_receipts_of_its_own(hub, ear, box, db):
    sealed, name = box.batch(0)
    ear.send(sealed)
    ear.wait_for(name)
    again, last = box.batch(1)
    ear.send(again)
    ear.wait_for(last)

    assert hub.counters.received == 2
    assert letters(db) == []


def test_chunks_of_several_quantities_keep_their_places(ear, box, db):
    readings = pulse(3) + pulse(2, device="band-2", bpm=0.0)
    assert len(chunk_of(readings).devices) == 2

    sealed, name = box.batch(0, readings)
    ear.send(sealed)
    ear.wait_for(name)

    assert db.execute(
        "SELECT device_key, count(*), min(value) FROM heart_rate"
        " JOIN device ON device.id = device_id GROUP BY 1 ORDER BY 1"
    ).fetchall() == [("band-1", 3, 80.0), ("band-2", 2, 0.0)]

import contextlib
import math
import tracemalloc
from itertools import groupby

import cbor2
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from config.errors import Rejected
from ingest.batch import cbor, sign1
from ingest.batch.columns import chunk_of, merged, readings_of
from ingest.batch.content import Content, content_sha256, pack, unpack
from ingest.batch.envelope import TYP, compressed, kid_of, open_sealed, seal
from ingest.batch.event import TYP as EVENT_TYP
from ingest.batch.event import open_event, seal_event
from ingest.batch.keys import key_id, make_keys
from ingest.batch.limits import MAX_EXACT_INTEGER, MAX_UTC_MS
from ingest.batch.reading import Quantity, Reading
from ingest.batch.receipt import Receipt, open_receipt, seal_receipt
from ingest.batch.roster import SUITE, open_roster
from ingest.batch.roster import TYP as ROSTER_TYP
from tests.edges import event, roster, sealed, worn

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC, KID = KEY.public_key(), bytes(8)
MEMORY_BOUND = 64 * 2**20

readings = st.builds(
    Reading,
    device_key=st.text(
        st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64
    ),
    quantity=st.sampled_from(Quantity),
    value=st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-MAX_EXACT_INTEGER, MAX_EXACT_INTEGER).map(float),
    at_utc_ms=st.integers(0, MAX_UTC_MS),
    span_ms=st.integers(0, 2**32 - 1),
    flags=st.integers(0, 255),
    device_ts_ms=st.none() | st.integers(-MAX_EXACT_INTEGER, MAX_EXACT_INTEGER),
)
lists_of_readings = st.lists(readings, min_size=1, max_size=40)


def content_of(chunk):
    return Content(1, "c", "g", bytes(16), 3, None, 5, 6, chunk.devices, chunk.columns)


def by_group(found):
    def group(reading):
        return reading.quantity, reading.device_ts_ms is None

    return {key: list(rows) for key, rows in groupby(sorted(found, key=group), group)}


@settings(deadline=None)
@given(lists_of_readings)
def test_all_readings_survive_packing_and_sealing_in_order(found):
    packed = pack(content_of(chunk_of(found)))

    content = unpack(open_sealed(seal(packed, KEY, KID), PUBLIC))

    assert by_group(readings_of(chunk_of(found))) == by_group(found)
    assert content == content_of(chunk_of(found))
    assert content_sha256(pack(content)) == content_sha256(packed)


@settings(deadline=None)
@given(st.lists(lists_of_readings, min_size=1, max_size=5))
def test_merging_chunks_loses_nothing_and_keeps_order(parts):
    together = merged(chunk_of(part) for part in parts)

    assert by_group(readings_of(together)) == by_group([r for part in parts for r in part])


def is_plain(item):
    """Nothing that our reader and cbor2 show in different ways."""
    if isinstance(item, cbor.Tagged):
        return False
    if isinstance(item, list):
        return all(map(is_plain, item))
    if isinstance(item, dict):
        return all(map(is_plain, item.values()))
    return not (isinstance(item, float) and math.isnan(item))


def as_cbor2(item):
    if isinstance(item, memoryview):
        return bytes(item)
    if isinstance(item, list):
        return [as_cbor2(one) for one in item]
    if isinstance(item, dict):
        return {key: as_cbor2(value) for key, value in item.items()}
    return item


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=64))
def test_what_our_reader_accepts_cbor2_reads_the_same(data):
    with contextlib.suppress(Rejected):
        item = cbor.read(data)
        if is_plain(item):
            assert as_cbor2(item) == cbor2.loads(data)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300)
    | st.text(max_size=30) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(st.integers(-5, 300) | st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


def depth(item):
    inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return max((1 + depth(one) for one in inner), default=0)


@settings(deadline=None)
@given(plain)
def test_what_cbor2_writes_our_reader_reads(item):
    assume(depth(item) <= cbor.MAX_DEPTH)

    assert as_cbor2(cbor.read(cbor2.dumps(item))) == item


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_refused_and_nothing_worse(data):
    for read in (
        lambda: unpack(data),
        lambda: open_sealed(data, PUBLIC),
        lambda: kid_of(data),
        lambda: open_receipt(data, PUBLIC),
        lambda: open_sealed(sign1.sign(data, typ=TYP, key=KEY, kid=KID), PUBLIC),
        lambda: open_receipt(sign1.sign(data, typ="adhere-receipt", key=KEY, kid=KID), PUBLIC),
    ):
        with contextlib.suppress(Rejected):
            read()


@st.composite
def mutations(draw, data):
    """The same bytes with a few changed, cut out, doubled or put in."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(changed) - 1)))
        match draw(st.sampled_from(["flip", "set", "cut", "insert", "double"])):
            case "flip" if changed:
                changed[at] ^= 1 << draw(st.integers(0, 7))
            case "set" if changed:
                changed[at] = draw(st.sampled_from([0, 0x1B, 0x5B, 0x9B, 0xBB, 0xDB, 0x7F, 0xFF]))
            case "cut":
                del changed[at : at + draw(st.integers(1, 20))]
            case "insert":
                changed[at:at] = draw(st.binary(max_size=9))
            case "double":
                changed[at:at] = changed[at : at + draw(st.integers(1, 50))]
    return bytes(changed)


SAMPLE = pack(
    content_of(
        chunk_of(
            [
                Reading(f"band-{n % 3}", quantity, float(n), 10**12 + n, 0, 0, stamp)
                for n in range(20)
                for quantity in Quantity
                for stamp in (None, n)
            ]
        )
    )
)


@settings(max_examples=500, deadline=None)
@given(mutations(SAMPLE))
def test_mutated_content_is_read_whole_or_refused_in_bounded_memory(data):
    tracemalloc.start()
    try:
        with contextlib.suppress(Rejected):
            content = unpack(data)
            for group in content.columns:
                assert len(group) == len(group.value) == len(group.device_index)
                assert max(group.device_index) < len(content.devices)
                assert all(map(math.isfinite, group.value))
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BOUND
    finally:
        tracemalloc.stop()


@settings(max_examples=300, deadline=None)
@given(mutations(zstandard.compress(SAMPLE)))
def test_mutated_compression_is_refused_or_opened(data):
    with contextlib.suppress(Rejected):
        unpack(open_sealed(sign1.sign(data, typ=TYP, key=KEY, kid=KID), PUBLIC))


SEALED = seal(SAMPLE, KEY, KID)


@settings(max_examples=300, deadline=None)
@given(mutations(SEALED))
def test_a_mutated_message_never_opens_to_anything_else(data):
    with contextlib.suppress(Rejected):
        assert open_sealed(data, PUBLIC) == SAMPLE


RECEIPT = Receipt("c", "g", bytes(16), 5, ((1, bytes(32)),), ((2, bytes(32), "forked_spool"),))


@settings(max_examples=300, deadline=None)
@given(mutations(seal_receipt(RECEIPT, KEY)))
def test_a_mutated_receipt_never_says_anything_else(data):
    with contextlib.suppress(Rejected):
        assert open_receipt(data, PUBLIC) == RECEIPT


EVENT = seal_event(event(), KEY)
EVENT_ITEMS = bytes(cbor2.loads(EVENT).value[2])


@settings(max_examples=300, deadline=None)
@given(mutations(EVENT), mutations(EVENT_ITEMS))
def test_a_mutated_event_never_says_anything_else(data, items):
    with contextlib.suppress(Rejected):
        assert open_event(data, PUBLIC) == event()
    # Signed by the box: whatever it says, it is an event or none.
    with contextlib.suppress(Rejected):
        open_event(sign1.sign(items, typ=EVENT_TYP, key=KEY, kid=KID), PUBLIC)


BOX, HUB = make_keys(), make_keys()
ROSTER = roster(worn(), worn("strap", "p-2", ceiling_bpm=None))
SEALED_ROSTER = sealed(ROSTER, HUB, BOX)
INSIDE = cbor2.dumps({1: 5, 2: 6, 3: ROSTER.bands})


@settings(max_examples=300, deadline=None)
@given(mutations(SEALED_ROSTER))
def test_a_mutated_roster_never_says_anything_else(data):
    with contextlib.suppress(Rejected):
        assert open_roster(data, HUB.signing.public_key(), BOX) == ROSTER


@settings(max_examples=300, deadline=None)
@given(mutations(INSIDE))
def test_whatever_a_hub_writes_into_a_roster_it_is_one_or_none(inside):
    ciphertext = SUITE.encrypt(
        compressed(inside), BOX.encryption.public_key(), b"adhere roster 1|centre|hall-1|7"
    )
    recipients = [[key_id(BOX.encryption.public_key()), ciphertext]]
    items = cbor2.dumps({1: 1, 2: "centre", 3: "hall-1", 4: 7, 5: recipients})
    message = sign1.sign(items, typ=ROSTER_TYP, key=HUB.signing, kid=HUB.kid)

    with contextlib.suppress(Rejected):
        assert open_roster(message, HUB.signing.public_key(), BOX).version == 7

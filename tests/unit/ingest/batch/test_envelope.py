import random

import cbor2
import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cwt import COSE
from cwt.algs.okp import OKPKey

from config.errors import Rejected
from ingest.batch import sign1
from ingest.batch.content import pack
from ingest.batch.envelope import TYP, kid_of, open_sealed, seal
from ingest.batch.keys import kid_for
from ingest.batch.limits import MAX_SEALED_BYTES, MAX_UNPACKED_BYTES
from ingest.batch.receipt import Receipt, open_receipt, seal_receipt

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PUBLIC = KEY.public_key()
KID = kid_for(PUBLIC)
GOOD = {1: -8, 16: TYP}


def reason_of(sealed, key=PUBLIC):
    with pytest.raises(Rejected) as rejected:
        open_sealed(sealed, key)
    return rejected.value.reason


def message(protected=GOOD, unprotected=None, payload=None, *, tag=18, context="Signature1"):
    """A COSE message built by hand, correctly signed for what it is."""
    encoded = cbor2.dumps(protected) if protected is not None else b""
    payload = zstandard.compress(b"content") if payload is None else payload
    signature = KEY.sign(cbor2.dumps([context, encoded, b"", payload]))
    unprotected = {4: KID} if unprotected is None else unprotected
    return cbor2.dumps(cbor2.CBORTag(tag, [encoded, unprotected, payload, signature]))


def test_a_sealed_batch_opens_with_the_key_that_sealed_it(content):
    packed = pack(content)

    sealed = seal(packed, KEY, KID)

    assert open_sealed(sealed, PUBLIC) == packed
    assert kid_of(sealed) == KID


def test_the_message_built_by_hand_opens_so_that_the_refusals_below_mean_something():
    assert open_sealed(message(), PUBLIC) == b"content"


@pytest.mark.parametrize("at", [-1, -64, 40])
def test_a_changed_byte_is_refused(content, at):
    sealed = bytearray(seal(pack(content), KEY, KID))
    sealed[at] ^= 1

    assert reason_of(bytes(sealed)) == "bad_signature"


def test_another_key_is_refused(content):
    assert reason_of(seal(pack(content), KEY, KID), OTHER.public_key()) == "bad_signature"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(message({1: -7, 16: TYP}), id="another algorithm's name"),
        pytest.param(message({16: TYP}), id="no algorithm"),
        pytest.param(message(None), id="no protected header"),
        pytest.param(message({16: TYP}, {1: -8, 4: KID}), id="algorithm not protected"),
        pytest.param(message(GOOD, {1: -7, 4: KID}), id="algorithm twice"),
        pytest.param(message(GOOD | {2: [99], 99: 1}), id="critical header"),
        pytest.param(message(GOOD, {2: [4], 4: KID}), id="critical header, unprotected"),
        pytest.param(message({1: -8}), id="does not say what it is"),
        pytest.param(message(GOOD, {}), id="no kid"),
        pytest.param(message(GOOD, {4: b"short"}), id="kid of another length"),
        pytest.param(message(tag=17, context="MAC0"), id="a MAC"),
        pytest.param(message(tag=98), id="another structure"),
        pytest.param(message() + b"\x00", id="bytes after it"),
        pytest.param(message()[:-1], id="cut short"),
        pytest.param(cbor2.dumps(cbor2.loads(message()).value), id="no tag"),
        pytest.param(cbor2.dumps(cbor2.CBORTag(18, [b"", {}, None, b""])), id="detached"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xd2" * 1000, id="tags upon tags"),
        pytest.param(b"\x81" * 60_000, id="arrays in arrays"),
        pytest.param(b"\xd2\x9b" + b"\x7f" * 8, id="an array said to be huge"),
        pytest.param(b"\xd2\x84\x5b" + b"\x7f" * 8, id="bytes said to be huge"),
        pytest.param(cbor2.dumps(["a"] * 30_000), id="many items"),
    ],
)
def test_what_is_no_sign1_with_eddsa_is_refused(wrong):
    assert reason_of(wrong) == "not_cose"


def test_a_receipt_never_passes_for_a_batch_nor_a_batch_for_a_receipt(content):
    receipt = seal_receipt(Receipt("c", "g", bytes(16), 0, ()), KEY)
    batch = seal(pack(content), KEY, KID)

    assert reason_of(receipt) == "bad_signature"
    with pytest.raises(Rejected, match="bad_signature"):
        open_receipt(batch, PUBLIC)


def test_unknown_headers_that_are_not_critical_are_ignored():
    assert open_sealed(message(GOOD | {99: "x"}, {4: KID, "y": [1, None]}), PUBLIC) == b"content"


def test_a_message_over_the_limit_is_refused_unparsed():
    assert reason_of(b"\xff" * (MAX_SEALED_BYTES + 1)) == "oversize"


def test_content_over_the_limits_cannot_be_sealed():
    noise = random.Random(1).randbytes(MAX_SEALED_BYTES)
    for packed in (noise, bytes(MAX_UNPACKED_BYTES + 1)):
        with pytest.raises(Rejected, match="oversize"):
            seal(packed, KEY, KID)


def unsized(data):
    return zstandard.ZstdCompressor(write_content_size=False).compress(data)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (zstandard.compress(bytes(2**30 // 4)), "unpacked_oversize"),
        (zstandard.compress(bytes(MAX_UNPACKED_BYTES + 1)), "unpacked_oversize"),
        (unsized(bytes(2**28)), "malformed"),
        (unsized(b"short"), "malformed"),
        (zstandard.compress(b"one") + zstandard.compress(b"two"), "malformed"),
        (zstandard.compress(b"content")[:-2], "malformed"),
        (b"no zstd", "malformed"),
        (b"", "malformed"),
    ],
    ids=["bomb", "one too many", "bomb of no size", "no size", "two", "cut", "not zstd", "empty"],
)
def test_a_signed_bomb_costs_nothing(payload, reason):
    assert reason_of(message(payload=payload)) == reason


def test_a_frame_that_lies_about_its_size_is_refused():
    frame = bytearray(zstandard.compress(bytes(200)))
    assert zstandard.frame_content_size(frame) == 200
    frame[5] = 7  # the size, in a frame as small as this

    assert reason_of(message(payload=bytes(frame))) == "malformed"


def test_cwt_opens_what_we_sign_and_we_open_what_cwt_signs():
    params = OKPKey.to_cose_key(KEY) | {2: KID}
    peer, cose = OKPKey(params), COSE.new()

    theirs = cose.encode(b"payload", peer, protected=GOOD, unprotected={4: KID})

    assert cose.decode(sign1.sign(b"payload", typ=TYP, key=KEY, kid=KID), peer) == b"payload"
    parsed = sign1.parse(theirs, max_bytes=1000)
    assert sign1.verify(parsed, typ=TYP, key=PUBLIC) == b"payload"

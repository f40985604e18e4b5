"""Rosters and events on the wire: they open for whom they are meant, and nothing else opens."""

import hmac
import json
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import cbor2
import pycddl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from config.errors import Rejected
from ingest.batch import event as event_keys
from ingest.batch import roster as roster_keys
from ingest.batch import sign1
from ingest.batch.envelope import decompressed
from ingest.batch.event import MAX_EVENT_BYTES, open_event, seal_event
from ingest.batch.keys import Keys, make_keys
from ingest.batch.receipt import Receipt, open_receipt, seal_receipt
from ingest.batch.roster import MAX_BANDS, open_roster, seal_roster
from tests.edges import event, roster, sealed, worn

CDDL = Path(__file__).parents[4].joinpath("docs/reference/batch.cddl").read_text("utf-8")
VECTOR = json.loads(files("ingest.batch").joinpath("vectors/edge_1.json").read_text("utf-8"))
BOX = Keys(
    Ed25519PrivateKey.from_private_bytes(bytes(range(32))),
    X25519PrivateKey.from_private_bytes(bytes(range(64, 96))),
)
HUB = Keys(
    Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64))),
    X25519PrivateKey.from_private_bytes(bytes(range(96, 128))),
)
HUB_KEY, BOX_KEY = HUB.signing.public_key(), BOX.signing.public_key()
BANDS = (
    worn(),
    worn("C0:FF:EE:00:00:02", "张-2", family=None, worn_until_ms=1_767_300_000_000),
    worn("strap", "p-3", ceiling_bpm=None, zone_lo_bpm=None, zone_hi_bpm=None),
)


def conforms(rule, data):
    pycddl.Schema(f"start = {rule}\n{CDDL}").validate_cbor(data)


def payload_of(message):
    return cbor2.loads(message).value[2]


def reason_of(opening, *given):
    with pytest.raises(Rejected) as raised:
        opening(*given)
    return raised.value.reason


# --- rosters ----------------------------------------------------------------------------------


def test_a_roster_opens_for_its_gateway_and_for_no_other():
    given = roster(*BANDS, version=7)
    message = sealed(given, HUB, BOX)

    assert open_roster(message, HUB_KEY, BOX) == given
    assert reason_of(open_roster, message, HUB_KEY, make_keys()) == "another_key"


def test_a_roster_shows_no_wearer_and_no_band_to_who_carries_it():
    message = sealed(roster(*BANDS), HUB, BOX)

    for band in BANDS:
        assert band.subject.encode() not in message
        assert band.device_key.encode() not in message


def test_while_keys_are_changed_a_roster_opens_with_either_key():
    old, new = make_keys(), make_keys()
    message = seal_roster(
        roster(*BANDS), HUB.signing, [keys.encryption.public_key() for keys in (new, old)]
    )

    assert open_roster(message, HUB_KEY, old) == open_roster(message, HUB_KEY, new)


def test_a_roster_of_another_hub_is_refused_before_it_is_decrypted():
    stranger = make_keys()

    assert reason_of(open_roster, sealed(roster(), stranger, BOX), HUB_KEY, BOX) == "bad_signature"


@pytest.mark.parametrize(
    ("field", "value"), [("VERSION", 99), ("GATEWAY", "hall-2"), ("CENTRE", "west")]
)
def test_a_ciphertext_moved_into_another_roster_does_not_open(field, value):
    items = cbor2.loads(payload_of(sealed(roster(version=7), HUB, BOX)))
    items[getattr(roster_keys, field)] = value
    moved = sign1.sign(cbor2.dumps(items), typ=roster_keys.TYP, key=HUB.signing, kid=HUB.kid)

    assert reason_of(open_roster, moved, HUB_KEY, BOX) == "another_key"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SCHEMA": 2}, "unsupported_schema"),
        ({"SCHEMA": None}, "malformed"),
        ({"VERSION": 0}, "malformed"),
        ({"CENTRE": "East Centre"}, "malformed"),
        ({"RECIPIENTS": []}, "malformed"),
        ({"RECIPIENTS": [[b"short"]]}, "malformed"),
        ({"RECIPIENTS": [[bytes(8), b""]]}, "another_key"),
        ({"RECIPIENTS": [[bytes(8), b""]] * 5}, "malformed"),
    ],
)
def test_a_roster_that_breaks_the_rules_is_refused(change, reason):
    items = cbor2.loads(payload_of(sealed(roster(), HUB, BOX)))
    items |= {getattr(roster_keys, name): value for name, value in change.items()}
    message = sign1.sign(cbor2.dumps(items), typ=roster_keys.TYP, key=HUB.signing, kid=HUB.kid)

    assert reason_of(open_roster, message, HUB_KEY, BOX) == reason


@pytest.mark.parametrize("message", [b"", b"no roster", bytes(65_537), b"\xd2\x84"])
def test_garbage_is_no_roster(message):
    assert reason_of(open_roster, message, HUB_KEY, BOX) in {"not_cose", "oversize"}


@pytest.mark.parametrize(
    "change",
    [
        {"device_key": ""},
        {"device_key": "a b"},
        {"subject": "x" * 65},
        {"subject": "a\nb"},
        {"family": "No Family"},
        {"worn_from_ms": -1},
        {"worn_until_ms": 1.5},
        {"ceiling_bpm": 0},
        {"ceiling_bpm": float("nan")},
        {"zone_lo_bpm": True},
    ],
)
def test_a_roster_with_one_bad_band_is_refused_whole(change):
    message = sealed(roster(worn(), worn(**change)), HUB, BOX)

    assert reason_of(open_roster, message, HUB_KEY, BOX) == "malformed"


def test_a_roster_of_too_many_bands_is_not_sealed():
    bands = [worn(f"band-{number}") for number in range(MAX_BANDS + 1)]

    assert reason_of(sealed, roster(*bands), HUB, BOX) == "oversize"
    assert len(sealed(roster(*bands[:-1]), HUB, BOX)) < 65_536


@pytest.mark.parametrize("raw", [bytes(32), bytes([1]) + bytes(31)])
def test_a_key_of_small_order_is_refused(raw):
    with pytest.raises(Rejected, match="bad_key"):
        seal_roster(roster(), HUB.signing, [X25519PublicKey.from_public_bytes(raw)])


def test_the_vector_of_a_roster_opens():
    assert open_roster(bytes.fromhex(VECTOR["sealed_roster"]), HUB_KEY, BOX) == roster(
        *BANDS, version=7
    )


def expand(secret, info, length):
    return hmac.new(secret, info + b"\x01", sha256).digest()[:length]


def opened_by_the_book(ciphertext, private_key, info):
    """HPKE's single-shot opening, step by step from RFC 9180, 4.1, 5.1 and 6.1."""
    enc, sealed_part = ciphertext[:32], ciphertext[32:]
    kem = b"KEM" + (0x0020).to_bytes(2)
    suite = b"HPKE" + b"".join(number.to_bytes(2) for number in (0x0020, 0x0001, 0x0003))

    def extract(suite_id, salt, label, secret):
        return hmac.new(salt or bytes(32), b"HPKE-v1" + suite_id + label + secret, sha256).digest()

    def expanded(suite_id, secret, label, context, length):
        return expand(secret, length.to_bytes(2) + b"HPKE-v1" + suite_id + label + context, length)

    shared = private_key.exchange(X25519PublicKey.from_public_bytes(enc))
    context = enc + private_key.public_key().public_bytes_raw()
    secret = expanded(kem, extract(kem, b"", b"eae_prk", shared), b"shared_secret", context, 32)
    schedule = (
        b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    )
    key_secret = extract(suite, secret, b"secret", b"")
    key = expanded(suite, key_secret, b"key", schedule, 32)
    nonce = expanded(suite, key_secret, b"base_nonce", schedule, 12)
    return ChaCha20Poly1305(key).decrypt(nonce, sealed_part, b"")


def test_the_encryption_is_that_of_the_rfc():
    items = cbor2.loads(payload_of(bytes.fromhex(VECTOR["sealed_roster"])))
    [[_name, ciphertext]] = items[roster_keys.RECIPIENTS]

    plain = opened_by_the_book(ciphertext, BOX.encryption, b"adhere roster 1|centre|hall-1|7")

    assert cbor2.loads(decompressed(plain))[roster_keys.BANDS][1][2] == "张-2"


# --- events -----------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [{}, {"state": "ended"}, {"age_ms": None}, {"subject": "张"}])
def test_an_event_comes_out_as_it_went_in(changed):
    given = event(**changed)

    assert open_event(seal_event(given, BOX.signing), BOX_KEY) == given


def test_an_event_of_another_box_is_refused():
    assert reason_of(open_event, seal_event(event(), HUB.signing), BOX_KEY) == "bad_signature"


def test_what_is_signed_as_a_batch_is_no_event():
    message = sign1.sign(b"\xa0", typ="adhere-batch", key=BOX.signing, kid=BOX.kid)

    assert reason_of(open_event, message, BOX_KEY) == "bad_signature"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SCHEMA": 2}, "unsupported_schema"),
        ({"SCHEMA": True}, "malformed"),
        ({"BOOT": b"short"}, "malformed"),
        ({"NUMBER": -1}, "malformed"),
        ({"RULE": "Red Alert"}, "malformed"),
        ({"RULE_VERSION": 0}, "malformed"),
        ({"DEVICE": "a\x00b"}, "malformed"),
        ({"SUBJECT": ""}, "malformed"),
        ({"ONSET": None}, "malformed"),
        ({"RAISED": 2**63}, "malformed"),
        ({"STATE": "maybe"}, "malformed"),
        ({"STATE": ["raised"]}, "malformed"),
        ({"AGE": -5}, "malformed"),
        ({"PEAK": float("inf")}, "malformed"),
        ({"PEAK": 149.0}, "malformed"),
        ({"SAMPLES": 0}, "malformed"),
        ({"CEILING": "150"}, "malformed"),
    ],
)
def test_an_event_that_breaks_the_rules_is_refused(change, reason):
    items = cbor2.loads(payload_of(seal_event(event(), BOX.signing)))
    items |= {getattr(event_keys, name): value for name, value in change.items()}
    message = sign1.sign(cbor2.dumps(items), typ=event_keys.TYP, key=BOX.signing, kid=BOX.kid)

    assert reason_of(open_event, message, BOX_KEY) == reason


@pytest.mark.parametrize("message", [b"", b"{}", bytes(MAX_EVENT_BYTES + 1)])
def test_garbage_is_no_event(message):
    assert reason_of(open_event, message, BOX_KEY) in {"not_cose", "oversize"}


def test_the_vector_of_an_event_is_exactly_these_bytes():
    assert seal_event(event(), BOX.signing).hex() == VECTOR["sealed_event"]


def test_the_largest_event_is_within_its_limit():
    largest = event(
        centre="c" * 63, gateway="g" * 63, device_key="d" * 64, subject="张" * 64, rule="r" * 32,
        number=2**63 - 1, age_ms=2**63 - 1, samples=2**31 - 1, peak_bpm=999.875,
    )  # fmt: skip

    assert len(seal_event(largest, BOX.signing)) <= MAX_EVENT_BYTES


# --- receipts of events -----------------------------------------------------------------------


def test_a_receipt_names_events_and_says_which_are_refused():
    receipt = Receipt("centre", "hall-1", bytes(16), 5, (), (), (0, 3), ((4, "forked_event"),))

    message = seal_receipt(receipt, HUB.signing)

    assert open_receipt(message, HUB_KEY) == receipt
    conforms("receipt", payload_of(message))


@pytest.mark.parametrize("item", [5, [-1], ["0"], [True]])
def test_a_receipt_of_no_numbers_is_refused(item):
    message = seal_receipt(Receipt("c", "g", bytes(16), 5, ()), HUB.signing)
    items = cbor2.loads(payload_of(message)) | {8: item}
    signed = sign1.sign(cbor2.dumps(items), typ="adhere-receipt", key=HUB.signing, kid=HUB.kid)

    assert reason_of(open_receipt, signed, HUB_KEY) == "malformed"


# --- the contract -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ("message", sealed(roster(*BANDS), HUB, BOX)),
        ("roster", payload_of(sealed(roster(*BANDS), HUB, BOX))),
        ("message", seal_event(event(), BOX.signing)),
        ("event", payload_of(seal_event(event(age_ms=None, state="ended"), BOX.signing))),
        ("protected-header", cbor2.loads(seal_event(event(), BOX.signing)).value[0]),
        ("protected-header", cbor2.loads(sealed(roster(), HUB, BOX)).value[0]),
        (
            "roster-inside",
            cbor2.dumps({1: 5, 2: 6, 3: [tuple(band) for band in BANDS]}),
        ),
    ],
)
def test_what_is_written_conforms_to_the_cddl(rule, data):
    conforms(rule, data)


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ("event", cbor2.dumps({1: 1})),
        ("event", payload_of(seal_event(replace(event(), number=0), BOX.signing))[:-9]),
        ("roster", cbor2.dumps({1: 1, 2: "c", 3: "g", 4: 1, 5: []})),
        ("roster-inside", cbor2.dumps({1: 5, 2: 6, 3: [["band"]]})),
    ],
)
def test_the_cddl_refuses_what_is_not_of_the_contract(rule, data):
    with pytest.raises((pycddl.ValidationError, ValueError)):
        conforms(rule, data)

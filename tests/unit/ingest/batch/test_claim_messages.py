"""Claims, offers, and what rosters say for them: on the wire, between old and new."""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import cbor2
import pycddl
import pytest

from config.errors import Rejected
from ingest.batch import claim as claim_keys
from ingest.batch import roster as roster_keys
from ingest.batch import sign1
from ingest.batch.claim import Claim, Offer, open_claim, open_offer, seal_claim, seal_offer
from ingest.batch.claim_code import code_hash, is_code, is_right, new_code, new_salt
from ingest.batch.envelope import compressed
from ingest.batch.event import MAX_EVENT_BYTES, open_event
from ingest.batch.keys import make_keys
from ingest.batch.roster import (
    MAX_CLAIMERS,
    MAX_LIMITS,
    Claimer,
    IdentityKey,
    Limits,
    open_roster,
    seal_roster,
)
from ingest.batch.told import open_told, seal_told
from tests.edges import BAND, NOON_UTC_MS, event, roster, worn
from tests.unit.ingest.batch.test_edge_messages import BOX, BOX_KEY, HUB, HUB_KEY

CDDL = Path(__file__).parents[4].joinpath("docs/reference/batch.cddl").read_text("utf-8")
VECTOR = json.loads(files("ingest.batch").joinpath("vectors/claim_1.json").read_text("utf-8"))
HOUR = 3_600_000
CLAIM = Claim(
    centre="centre",
    gateway="hall-1",
    boot=bytes(range(16)),
    number=3,
    age_ms=12,
    claim=bytes(range(16, 32)),
    device_key="5A:01:02:03:04:05",
    family="hrs",
    subject="张-2",
    began_utc_ms=NOON_UTC_MS,
    latest_utc_ms=NOON_UTC_MS + 4 * HOUR,
    ended_utc_ms=None,
    why_ended=None,
    said_utc_ms=NOON_UTC_MS,
    is_sure=True,
)
OVER = replace(CLAIM, number=4, ended_utc_ms=NOON_UTC_MS + HOUR, why_ended="silent", age_ms=None)
OFFER = Offer(
    centre="centre",
    gateway="hall-1",
    boot=bytes(range(16)),
    number=5,
    age_ms=0,
    device_key=BAND,
    families=("hrs", "colmi"),
    offered_utc_ms=NOON_UTC_MS,
)
FULL = replace(
    roster(worn(), version=7),
    identity_keys=(IdentityKey(BAND, bytes(range(16))),),
    claimers=(
        Claimer("张-2", bytes(16), bytes(range(16)), (Limits(0, 150.0, 100.0, 130.5),)),
        Claimer("p-3", bytes(16), bytes(16), ()),
    ),
)


def conforms(rule, data):
    pycddl.Schema(f"start = {rule}\n{CDDL}").validate_cbor(data)


def payload_of(message):
    return cbor2.loads(message).value[2]


def reason_of(opening, *given):
    with pytest.raises(Rejected) as raised:
        opening(*given)
    return raised.value.reason


def to_box(given):
    return seal_roster(given, HUB.signing, [BOX.encryption.public_key()])


# --- claims and offers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told", [CLAIM, OVER, replace(CLAIM, family=None, is_sure=False), OFFER, event()]
)
def test_what_is_told_comes_out_as_it_went_in(told):
    assert open_told(seal_told(told, BOX.signing), BOX_KEY) == told


@pytest.mark.parametrize("told", [CLAIM, OFFER])
def test_what_another_box_signed_is_refused(told):
    assert reason_of(open_told, seal_told(told, HUB.signing), BOX_KEY) == "bad_signature"


def test_one_kind_never_passes_for_another():
    assert reason_of(open_offer, seal_claim(CLAIM, BOX.signing), BOX_KEY) == "bad_signature"
    assert reason_of(open_claim, seal_offer(OFFER, BOX.signing), BOX_KEY) == "bad_signature"
    # What a hub of before claims does with them: a dead letter, and no receipt.
    for told in (seal_claim(CLAIM, BOX.signing), seal_offer(OFFER, BOX.signing)):
        assert reason_of(open_event, told, BOX_KEY) == "bad_signature"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"SCHEMA": 2}, "unsupported_schema"),
        ({"SCHEMA": True}, "malformed"),
        ({"BOOT": b"short"}, "malformed"),
        ({"NUMBER": -1}, "malformed"),
        ({"AGE": -1}, "malformed"),
        ({"DEVICE": "a b"}, "malformed"),
        ({"CLAIM": b"short"}, "malformed"),
        ({"FAMILY": "No Family"}, "malformed"),
        ({"SUBJECT": ""}, "malformed"),
        ({"BEGAN": None}, "malformed"),
        ({"LATEST": NOON_UTC_MS}, "malformed"),
        ({"LATEST": NOON_UTC_MS + 25 * HOUR + 1}, "malformed"),
        ({"ENDED": NOON_UTC_MS}, "malformed"),
        ({"WHY_ENDED": "silent"}, "malformed"),
        ({"ENDED": NOON_UTC_MS, "WHY_ENDED": "bored"}, "malformed"),
        ({"ENDED": NOON_UTC_MS - 1, "WHY_ENDED": "silent"}, "malformed"),
        ({"SAID": -1}, "malformed"),
        ({"IS_SURE": 1}, "malformed"),
    ],
)
def test_a_claim_that_breaks_the_rules_is_refused(change, reason):
    items = cbor2.loads(payload_of(seal_claim(CLAIM, BOX.signing)))
    items |= {getattr(claim_keys, name): value for name, value in change.items()}
    signed = sign1.sign(cbor2.dumps(items), typ=claim_keys.CLAIM_TYP, key=BOX.signing, kid=BOX.kid)

    assert reason_of(open_claim, signed, BOX_KEY) == reason


@pytest.mark.parametrize("families", [None, "hrs", ["No Family"], ["hrs"] * 17])
def test_an_offer_of_no_families_we_know_how_to_write_is_refused(families):
    items = cbor2.loads(payload_of(seal_offer(OFFER, BOX.signing)))
    items[claim_keys.FAMILIES] = families
    signed = sign1.sign(cbor2.dumps(items), typ=claim_keys.OFFER_TYP, key=BOX.signing, kid=BOX.kid)

    assert reason_of(open_offer, signed, BOX_KEY) == "malformed"


@pytest.mark.parametrize("message", [b"", b"{}", bytes(MAX_EVENT_BYTES + 1)])
def test_garbage_is_nothing_told(message):
    assert reason_of(open_told, message, BOX_KEY) in {"not_cose", "oversize"}


def test_the_largest_claim_is_within_its_limit():
    largest = replace(
        OVER, centre="c" * 63, gateway="g" * 63, device_key="d" * 64, subject="张" * 64,
        family="f" * 32, number=2**63 - 1, age_ms=2**63 - 1, why_ended="another_wearer",
    )  # fmt: skip

    assert len(seal_claim(largest, BOX.signing)) <= MAX_EVENT_BYTES


# --- rosters, old and new ---------------------------------------------------------------------


def test_identity_keys_and_people_come_out_as_they_went_in():
    assert open_roster(to_box(FULL), HUB_KEY, BOX) == FULL


def test_neither_a_key_nor_a_hash_is_shown_by_whoever_prints_a_roster():
    shown = repr(FULL)

    assert repr(bytes(range(16))) not in shown
    assert "\\x0f" not in shown


def test_a_roster_shows_no_key_to_who_carries_it():
    assert bytes(range(16)) not in to_box(FULL)


@pytest.mark.parametrize(
    "extra",
    [
        {4: 5},
        {4: [[BAND, b"short"]]},
        {4: [[BAND]]},
        {5: [["p-1", bytes(16), bytes(15), []]]},
        {5: [["p-1", bytes(16), bytes(16), [[0, 0, 1, 2]]]]},
        {5: [["p-1", bytes(16), bytes(16), [[0, 1, 2]]]]},
        {5: [["p-1", bytes(16), bytes(16), [[0, 1, 2, 3]] * (MAX_LIMITS + 1)]]},
        {5: [["", bytes(16), bytes(16), []]]},
    ],
)
def test_a_roster_with_one_bad_part_is_refused_whole(extra):
    assert reason_of(open_roster, inside({1: 5, 2: 6, 3: []} | extra), HUB_KEY, BOX) == "malformed"


def inside(plain):
    """A roster of whatever content, rightly signed and encrypted."""
    message = cbor2.loads(payload_of(to_box(roster(version=7))))
    info = b"adhere roster 1|centre|hall-1|7"
    encrypted = roster_keys.SUITE.encrypt(
        compressed(cbor2.dumps(plain)), BOX.encryption.public_key(), info
    )
    message[roster_keys.RECIPIENTS][0][1] = bytes(encrypted)
    return sign1.sign(cbor2.dumps(message), typ=roster_keys.TYP, key=HUB.signing, kid=HUB.kid)


def test_a_roster_of_a_hub_that_knows_neither_is_taken():
    given = open_roster(inside({1: 5, 2: 6, 3: [tuple(worn())]}), HUB_KEY, BOX)

    assert (given.bands, given.identity_keys, given.claimers) == ((worn(),), (), ())


def test_what_a_later_hub_adds_is_skipped_as_a_box_of_before_skips_ours():
    given = open_roster(inside({1: 5, 2: 6, 3: [tuple(worn())], 9: "news"}), HUB_KEY, BOX)

    assert given.bands == (worn(),)


def test_too_many_people_are_not_sealed_and_the_most_allowed_fit():
    people = [
        Claimer(f"p-{number}", new_salt(), new_salt(), (Limits(number, 150.0, 100.0, 130.0),))
        for number in range(MAX_CLAIMERS + 1)
    ]

    assert reason_of(to_box, replace(FULL, claimers=tuple(people))) == "oversize"
    assert len(to_box(replace(FULL, claimers=tuple(people[:-1])))) < 65_536


# --- codes ------------------------------------------------------------------------------------


def test_a_code_is_right_with_its_own_salt_alone():
    salt = new_salt()
    made = code_hash("0042", salt)

    assert is_right("0042", salt, made)
    assert not is_right("0043", salt, made)
    assert not is_right("0042", new_salt(), made)


@pytest.mark.parametrize(
    "typed", ["", "123", "12345", "12 4", "abcd", "１２３４", "-123", "1234\n"]
)
def test_what_is_not_four_digits_is_no_code(typed):
    assert not is_code(typed)
    assert not is_right(typed, bytes(16), bytes(16))


def test_new_codes_are_codes_and_differ():
    codes = {new_code() for _ in range(200)}

    assert all(map(is_code, codes))
    assert len(codes) > 150


# --- the contract -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ("message", seal_claim(CLAIM, BOX.signing)),
        ("claim", payload_of(seal_claim(CLAIM, BOX.signing))),
        ("claim", payload_of(seal_claim(OVER, BOX.signing))),
        ("offer", payload_of(seal_offer(OFFER, BOX.signing))),
        ("protected-header", cbor2.loads(seal_claim(CLAIM, BOX.signing)).value[0]),
        ("protected-header", cbor2.loads(seal_offer(OFFER, BOX.signing)).value[0]),
        (
            "roster-inside",
            cbor2.dumps({1: 5, 2: 6, 3: [], 4: FULL.identity_keys, 5: FULL.claimers}),
        ),
    ],
)
def test_what_is_written_conforms_to_the_cddl(rule, data):
    conforms(rule, data)


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ("claim", payload_of(seal_offer(OFFER, BOX.signing))),
        ("offer", payload_of(seal_claim(CLAIM, BOX.signing))),
        ("roster-inside", cbor2.dumps({1: 5, 2: 6, 3: [], 4: [[BAND, b"short"]]})),
    ],
)
def test_the_cddl_refuses_what_is_not_of_the_contract(rule, data):
    with pytest.raises((pycddl.ValidationError, ValueError)):
        conforms(rule, data)


def test_the_vectors_are_exactly_these_bytes_and_the_roster_opens():
    assert seal_claim(CLAIM, BOX.signing).hex() == VECTOR["sealed_claim"]
    assert seal_claim(OVER, BOX.signing).hex() == VECTOR["sealed_end_of_claim"]
    assert seal_offer(OFFER, BOX.signing).hex() == VECTOR["sealed_offer"]
    assert open_roster(bytes.fromhex(VECTOR["sealed_roster"]), HUB_KEY, BOX) == FULL
    assert is_right(VECTOR["claim_code"], *map(bytes.fromhex, VECTOR["salt_and_hash"]))
    assert reason_of(open_roster, bytes.fromhex(VECTOR["sealed_roster"]), HUB_KEY, make_keys())

from functools import partial

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from config.errors import Misconfigured, Rejected
from ingest.batch import sign1
from ingest.batch.content import content_sha256
from ingest.batch.envelope import open_sealed, seal
from ingest.batch.keys import key_id, make_keys
from ingest.batch.limits import MAX_SEALED_BYTES
from ingest.batch.to_hub import TYP, HubSecrets, Recipient

BOX, HUB, FORMER = make_keys(), make_keys(), make_keys()
PACKED = b"what a batch says, " * 40


def to(keys, centre="east", gateway="hall-1"):
    return Recipient(keys.public.encryption, centre, gateway)


def sealed_to(recipient, packed=PACKED):
    return seal(packed, BOX.signing, BOX.kid, readable_by=recipient)


def opened(message, *keys, centre="east", gateway="hall-1"):
    secrets = HubSecrets(key.encryption for key in keys)
    decrypt = partial(secrets.decrypted, centre=centre, gateway=gateway)
    return open_sealed(message, BOX.public.signing, decrypt)


def reason_of(call):
    with pytest.raises(Rejected) as caught:
        call()
    return caught.value.reason


def test_the_hub_reads_what_was_sealed_to_it():
    assert opened(sealed_to(to(HUB)), HUB) == PACKED


def test_what_is_on_the_way_does_not_show_what_it_says():
    plain = seal(b"heart_rate_bpm", BOX.signing, BOX.kid)
    secret = sealed_to(to(HUB), b"heart_rate_bpm")

    assert b"heart_rate_bpm" in plain
    assert b"heart_rate_bpm" not in secret


def test_the_same_content_gives_other_bytes_and_the_same_name():
    first, again = sealed_to(to(HUB)), sealed_to(to(HUB))

    assert first != again
    assert content_sha256(opened(first, HUB)) == content_sha256(opened(again, HUB))


def test_a_hub_with_a_new_key_still_reads_what_was_written_to_the_former():
    assert opened(sealed_to(to(FORMER)), HUB, FORMER) == PACKED


def test_a_hub_without_that_key_says_so():
    assert reason_of(lambda: opened(sealed_to(to(FORMER)), HUB)) == "another_hub_key"


def test_it_opens_for_the_centre_and_gateway_it_was_written_for_alone():
    message = sealed_to(to(HUB))

    assert reason_of(lambda: opened(message, HUB, gateway="hall-2")) == "another_hub_key"
    assert reason_of(lambda: opened(message, HUB, centre="west")) == "another_hub_key"


def test_a_batch_that_is_not_encrypted_opens_as_before():
    assert opened(seal(PACKED, BOX.signing, BOX.kid), HUB) == PACKED


def test_a_reader_of_before_takes_an_encrypted_batch_for_none_of_its_own():
    message = sealed_to(to(HUB))

    assert reason_of(lambda: open_sealed(message, BOX.public.signing)) == "bad_signature"


def test_nothing_is_decrypted_that_the_gateway_has_not_signed():
    tried = []

    def decrypt(payload):
        tried.append(payload)
        return b""

    stranger = make_keys()
    message = seal(PACKED, stranger.signing, BOX.kid, readable_by=to(HUB))

    assert reason_of(lambda: open_sealed(message, BOX.public.signing, decrypt)) == "bad_signature"
    assert tried == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({}, "malformed"),
        ([b"12345678"], "malformed"),
        (["12345678", b"x"], "malformed"),
        ([key_id(HUB.public.encryption), b""], "another_hub_key"),
        ([key_id(HUB.public.encryption), bytes(100)], "another_hub_key"),
    ],
)
def test_a_signed_payload_that_is_no_ciphertext_is_refused(payload, reason):
    message = sign1.sign(cbor2.dumps(payload), typ=TYP, key=BOX.signing, kid=BOX.kid)

    assert reason_of(lambda: opened(message, HUB)) == reason


def test_a_key_that_nothing_can_be_written_to_is_refused_at_once():
    weak = X25519PublicKey.from_public_bytes(bytes(32))

    with pytest.raises(Misconfigured, match="made anew"):
        Recipient(weak, "east", "hall-1")


def test_the_limit_holds_for_the_encrypted_message():
    noise = b"".join(X25519PrivateKey.generate().private_bytes_raw() for _ in range(2048))
    room = MAX_SEALED_BYTES - len(seal(b"", BOX.signing, BOX.kid)) - 20
    seal(noise[:room], BOX.signing, BOX.kid)

    assert reason_of(lambda: sealed_to(to(HUB), noise[:room])) == "oversize"

import json
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path

import cbor2
import pycddl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from config.errors import Rejected
from ingest.batch.content import Declared, content_sha256, pack, unpack
from ingest.batch.envelope import kid_of, open_sealed, seal
from ingest.batch.keys import kid_for
from ingest.batch.receipt import Receipt, open_receipt, seal_receipt
from ingest.batch.to_hub import HubSecrets
from tests.unit.ingest.batch.conftest import NOON_UTC_MS, READINGS, content_of

VECTOR = json.loads(files("ingest.batch").joinpath("vectors/schema_1.json").read_text("utf-8"))
GATEWAY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HUB = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
CDDL = Path(__file__).parents[4].joinpath("docs/reference/batch.cddl").read_text("utf-8")


def vector(name):
    return bytes.fromhex(VECTOR[name])


def conforms(rule, data):
    """Validate against one rule: the validator takes the first of a file."""
    pycddl.Schema(f"start = {rule}\n{CDDL}").validate_cbor(data)


def test_a_content_packs_to_exactly_these_bytes_and_this_hash():
    packed = pack(content_of(READINGS))

    assert packed == vector("content")
    assert content_sha256(packed) == vector("content_sha256")


def test_the_bytes_unpack_to_the_content():
    assert unpack(vector("content")) == content_of(READINGS)


def test_the_sealed_batch_opens_to_the_content():
    key = Ed25519PublicKey.from_public_bytes(vector("gateway_public_key"))

    assert open_sealed(vector("sealed_batch"), key) == vector("content")
    assert kid_of(vector("sealed_batch")) == kid_for(key)


def test_the_receipt_is_exactly_these_bytes_and_opens():
    receipt = Receipt(
        "lujiazui",
        "hall-1",
        bytes(range(16)),
        NOON_UTC_MS + 3000,
        ((7, vector("content_sha256")),),
        ((8, bytes(32), "forked_spool"),),
    )

    assert seal_receipt(receipt, HUB) == vector("sealed_receipt")
    assert open_receipt(vector("sealed_receipt"), HUB.public_key()) == receipt


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ("batch", vector("content")),
        ("message", vector("sealed_batch")),
        ("message", vector("sealed_receipt")),
        ("protected-header", cbor2.loads(vector("sealed_batch")).value[0]),
        ("protected-header", cbor2.loads(vector("sealed_receipt")).value[0]),
        ("receipt", cbor2.loads(vector("sealed_receipt")).value[2]),
        ("message", seal(pack(content_of(READINGS[:1])), GATEWAY, bytes(8))),
        ("batch", pack(content_of(READINGS[:1], previous_sha256=None))),
    ],
)
def test_what_is_written_conforms_to_the_cddl(rule, data):
    conforms(rule, data)


@pytest.mark.parametrize(
    ("key", "value"), [(1, 2), (2, "UPPER"), (4, b"short"), (5, -1), (6, 0), (9, []), (10, [{}])]
)
def test_the_cddl_refuses_what_is_no_batch(key, value):
    wrong = cbor2.loads(vector("content")) | {key: value}

    with pytest.raises(pycddl.ValidationError):
        conforms("batch", cbor2.dumps(wrong))


def test_the_encrypted_batch_opens_to_the_same_content():
    encrypted = json.loads(
        files("ingest.batch").joinpath("vectors/to_hub_1.json").read_text("utf-8")
    )
    hub = bytes.fromhex(encrypted["hub_encryption_private_key"])
    secrets = HubSecrets([X25519PrivateKey.from_private_bytes(hub)])
    sealed = bytes.fromhex(encrypted["sealed_batch"])
    key = Ed25519PublicKey.from_public_bytes(vector("gateway_public_key"))
    decrypt = partial(secrets.decrypted, centre="lujiazui", gateway="hall-1")

    packed = open_sealed(sealed, key, decrypt)

    assert packed == vector("content")
    assert content_sha256(packed).hex() == encrypted["content_sha256"]
    conforms("message", sealed)
    conforms("to-hub", bytes(cbor2.loads(sealed).value[2]))


def test_what_is_declared_lost_is_as_the_contract_says():
    content = replace(content_of(READINGS), declared=Declared(1, 2, 3, 4))

    packed = pack(content)

    assert unpack(packed) == content
    conforms("batch", packed)


@pytest.mark.parametrize("declared", [[1, 2, 3], [1, 2, 3, -4], [1, 2, 3, "4"], 7])
def test_a_declaration_that_is_not_four_counts_is_malformed(declared):
    items = cbor2.loads(pack(content_of(READINGS))) | {11: declared}

    with pytest.raises(Rejected, match="malformed"):
        unpack(cbor2.dumps(items))

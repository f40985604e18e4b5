"""Batches that programs have sent: whatever the hub becomes, it reads each of them to the same."""

import json
from importlib.resources import files

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ingest.batch.to_hub import HubSecrets
from ingest.hub.buffer import Message
from ingest.hub.counters import Times
from ingest.hub.keyring import Keyring
from ingest.hub.reader import opened
from storage.gateways import GatewayKey

RECORDED = json.loads(
    files("ingest.batch").joinpath("vectors/batches_read.json").read_text("utf-8")
)
GATEWAY_ID = 5


def read(recorded):
    """Open a message as the hub does, with its key and the hub's."""
    signing = bytes.fromhex(RECORDED["gateway_public_key"])
    hub = X25519PrivateKey.from_private_bytes(bytes.fromhex(RECORDED["hub_encryption_private_key"]))
    return opened(
        Message(RECORDED["topic"], bytes.fromhex(recorded["message"])),
        Keyring(lambda *_of: GatewayKey(GATEWAY_ID, signing, bytes(32)), refresh_s=60),
        HubSecrets([hub]),
        Times(),
    )


def rows_of(batch):
    """Every reading: band, quantity, value, at, span, flags, the band's own stamp."""
    rows = []
    for group in batch.columns:
        for place in range(len(group.at_utc_ms)):
            stamps = group.device_ts_ms
            rows.append(
                [
                    batch.devices[group.device_index[place]],
                    group.quantity,
                    float(group.value[place]),
                    int(group.at_utc_ms[place]),
                    int(group.span_ms[place]),
                    int(group.flags[place]),
                    None if stamps is None else int(stamps[place]),
                ]
            )
    return sorted(rows, key=str)


@pytest.mark.parametrize("recorded", RECORDED["batches"], ids=lambda one: one["name"])
def test_a_recorded_batch_says_what_it_said_then(recorded):
    one = read(recorded)

    batch, says = one.batch, recorded["says"]
    assert one.identity.content_sha256.hex() == recorded["content_sha256"]
    assert (one.identity.centre, one.identity.gateway) == (says["centre"], says["gateway"])
    assert (batch.boot.hex(), batch.seq) == (says["boot"], says["seq"])
    assert batch.previous_sha256.hex() == says["previous_sha256"]
    assert (batch.sealed_utc_ms, batch.sealed_mono_ms) == (
        says["sealed_utc_ms"],
        says["sealed_mono_ms"],
    )
    assert (None if batch.declared is None else list(batch.declared)) == says["declared"]
    assert batch.readings_before == says["readings_before"]
    assert list(batch.unread) == says["unread"]
    assert rows_of(batch) == recorded["readings"]


@pytest.mark.parametrize("recorded", RECORDED["batches"], ids=lambda one: one["name"])
def test_all_of_it_is_kept_as_it_came(recorded):
    assert read(recorded).batch.sealed.hex() == recorded["message"]

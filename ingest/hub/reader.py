"""From a message to a batch that may be stored: whose key, whose signature, what it says.

The order is the cheapest and safest first: topic, size, key, signature, and only then the content.
The key is looked up by the centre and gateway of the topic, so a gateway can speak for itself only.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from config.errors import Rejected
from ingest.batch.content import Content, content_sha256, unpack_head
from ingest.batch.envelope import open_sealed, parsed
from ingest.batch.to_hub import HubSecrets
from ingest.batch.topics import Lane, is_lane, parse_topic
from ingest.hub.buffer import Message
from ingest.hub.columns import reading_columns
from ingest.hub.counters import Times
from ingest.hub.keyring import Keyring
from storage.ingest import IncomingBatch, ReadingColumns


class Identity(NamedTuple):
    """Which batch of which gateway: what a receipt names."""

    centre: str
    gateway: str
    boot: bytes
    seq: int
    content_sha256: bytes


class Opened(NamedTuple):
    """A batch whose signature and content are sound."""

    message: Message
    identity: Identity
    batch: IncomingBatch

    @property
    def reading_count(self) -> int:
        """How many rows it makes."""
        return self.batch.reading_count


def opened(message: Message, keyring: Keyring, secrets: HubSecrets, times: Times) -> Opened:
    """Return the batch in a message, or raise Rejected with a reason of the reference."""
    with times.verify:
        topic = parse_topic(message.topic)
        if not is_lane(topic.lane):
            raise Rejected("unknown_topic", "no batches travel there")
        signed = parsed(message.payload)
        key = keyring.key(topic.centre, topic.gateway, signed.kid)
        packed = open_sealed(
            signed,
            Ed25519PublicKey.from_public_bytes(key.signing_key),
            partial(secrets.decrypted, centre=topic.centre, gateway=topic.gateway),
        )
        sha256 = content_sha256(packed)
    with times.unpack:
        content, groups = unpack_head(packed)
        if (content.centre, content.gateway) != (topic.centre, topic.gateway):
            raise Rejected("wrong_identity", "signed as another gateway than the topic's")
        columns = reading_columns(groups, len(content.devices))
        batch = _incoming(content, columns, topic.lane, key.gateway_id, sha256, message.payload)
    identity = Identity(content.centre, content.gateway, content.boot, content.seq, sha256)
    return Opened(message, identity, batch)


def _incoming(
    content: Content,
    columns: Sequence[ReadingColumns],
    lane: Lane,
    gateway_id: int,
    sha256: bytes,
    sealed: bytes,
) -> IncomingBatch:
    return IncomingBatch(
        gateway_id=gateway_id,
        boot=content.boot,
        seq=content.seq,
        content_sha256=sha256,
        previous_sha256=content.previous_sha256,
        lane=lane,
        schema_version=content.schema,
        sealed_utc_ms=content.sealed_utc_ms,
        sealed_mono_ms=content.sealed_mono_ms,
        devices=content.devices,
        columns=columns,
        sealed=sealed,
        declared=content.declared,
        readings_before=content.readings_before,
        unread=content.unread,
    )

"""A batch on its way through the gateway: drafted, sealed, waiting, settled."""

from typing import NamedTuple

from ingest.batch.columns import Chunk
from ingest.batch.content import Declared
from ingest.batch.topics import Lane


class Draft(NamedTuple):
    """What is to become the next batch."""

    boot: bytes
    seq: int
    previous_sha256: bytes | None
    readings: Chunk
    declared: Declared | None = None
    readings_before: int | None = None
    """In all batches that this spool has sealed before."""


class Sealed(NamedTuple):
    """A batch made of a draft."""

    message: bytes
    sha256: bytes
    sealed_utc_ms: int


class Waiting(NamedTuple):
    """A row of `batch`: a message that has no receipt yet, or a refusal."""

    seq: int
    readings: int
    boot: bytes
    lane: Lane
    sealed_utc_ms: int
    sha256: bytes
    message: bytes
    refused: str | None
    tag: bytes


class Settled(NamedTuple):
    """What a receipt changed."""

    committed: tuple[int, ...]
    refused: tuple[tuple[int, str], ...]
    unknown: int
    """Batches it named that are not here: a receipt again, or one with another hash."""


class Refused(NamedTuple):
    """A batch that the hub has refused for good; its bytes are kept until it is released."""

    seq: int
    readings: int
    sealed_utc_ms: int
    reason: str
    bytes: int

"""Sealing: from a draft to the signed message, by the contract of `ingest.batch`."""

from collections.abc import Callable
from dataclasses import dataclass

from ingest.batch.content import Content, content_sha256, pack
from ingest.batch.envelope import seal
from ingest.batch.keys import Keys
from ingest.batch.limits import SCHEMA_VERSION
from ingest.batch.topics import Lane
from ingest.gateway.batches import Draft, Sealed
from ingest.gateway.clock import Clock

MAX_CHUNKS = 64
"""In one batch: of 60,000 bytes each, within the limit on what a batch may unpack to."""


@dataclass(frozen=True, slots=True)
class SealPolicy:
    """When chunks become a batch."""

    live_after_s: float = 5.0
    """A live chunk waits this long at most."""
    backlog_chunks: int = 8
    """A backlog batch is exactly so many chunks: its bounds follow from what was heard alone."""
    backlog_after_s: float | None = 60.0
    """Fewer chunks than that wait so long for more; None: until the source ends (replays)."""

    def chunks(self, lane: Lane) -> int:
        """How many chunks are enough for a batch, and the most in one."""
        return MAX_CHUNKS if lane == "live" else self.backlog_chunks

    def after_s(self, lane: Lane) -> float | None:
        """How long fewer than enough wait; None: for ever."""
        return self.live_after_s if lane == "live" else self.backlog_after_s


def sealer(*, centre: str, gateway: str, keys: Keys, clock: Clock) -> Callable[[Draft], Sealed]:
    """Return what makes this gateway's batches; Rejected("oversize") where a draft is too much."""

    def make(draft: Draft) -> Sealed:
        sealed_at = clock.at_seal(draft.readings.newest_at_utc_ms)
        packed = pack(
            Content(
                schema=SCHEMA_VERSION,
                centre=centre,
                gateway=gateway,
                boot=draft.boot,
                seq=draft.seq,
                previous_sha256=draft.previous_sha256,
                sealed_utc_ms=sealed_at.utc_ms,
                sealed_mono_ms=sealed_at.mono_ms,
                devices=draft.readings.devices,
                columns=draft.readings.columns,
            )
        )
        message = seal(packed, keys.signing, keys.kid)
        return Sealed(message, content_sha256(packed), sealed_at.utc_ms)

    return make

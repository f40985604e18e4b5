"""Sealing: from a draft to the signed message, by the contract of `ingest.batch`; and when."""

from collections.abc import Callable
from dataclasses import dataclass

from config.errors import Rejected
from ingest.batch.content import Content, content_sha256, pack
from ingest.batch.envelope import seal
from ingest.batch.keys import Keys
from ingest.batch.limits import MAX_SEALED_BYTES, SCHEMA_VERSION
from ingest.batch.to_hub import Recipient
from ingest.batch.topics import Lane
from ingest.gateway.batches import Draft, Sealed
from ingest.gateway.clock import Clock

MAX_CHUNKS = 600
"""In one batch: five minutes of half seconds."""
MANY_READINGS = 20_000
"""Enough for a batch, however few chunks they are: five minutes of 66 bands at 1 Hz."""
LEAST_TAKEN_BYTES, MOST_TAKEN_BYTES = 2**16, 2**18
"""Of chunks, unpacked. More would fit into a message where readings compress well, but a hub that
is at two batches of history stores what is live only after them."""


@dataclass(frozen=True, slots=True)
class SealPolicy:
    """When chunks become a batch."""

    live_after_s: float = 5.0
    """A live chunk waits this long at most, where the uplink is quick."""
    slow_after_s: float = 300.0
    """And this long where it is slow or away: fewer and larger batches."""
    backlog_chunks: int = 8
    """So many chunks of history are enough for a batch."""
    backlog_after_s: float | None = 60.0
    """Fewer chunks than that wait so long for more. None: until the source ends, and a batch is
    exactly so many chunks: its bounds follow from what was heard alone (replays)."""

    @property
    def is_fixed(self) -> bool:
        """Say whether the bounds of batches must not depend on anything but what was heard."""
        return self.backlog_after_s is None

    def enough(self, lane: Lane) -> int:
        """How many chunks do not wait for more."""
        return MAX_CHUNKS if lane == "live" else self.backlog_chunks

    def most(self, lane: Lane) -> int:
        """How many chunks one batch may have."""
        return self.backlog_chunks if lane == "backlog" and self.is_fixed else MAX_CHUNKS

    def after_s(self, lane: Lane, slow_s: float) -> float | None:
        """How long fewer than enough wait, where the uplink takes `slow_s`; None: for ever."""
        if lane == "backlog":
            return self.backlog_after_s
        return max(self.live_after_s, min(slow_s, self.slow_after_s))


class TakenBytes:
    """How much goes into one batch: as much as a message holds, by what the last ones came to."""

    def __init__(self) -> None:
        """Begin with the most."""
        self.bytes = MOST_TAKEN_BYTES

    def too_much(self) -> None:
        """Learn that this did not fit."""
        self.bytes = max(LEAST_TAKEN_BYTES, self.bytes * 2 // 3)

    def fitted(self, sealed_bytes: int) -> None:
        """Learn how long the message was: there is room for more where it was short."""
        if sealed_bytes < MAX_SEALED_BYTES // 2:
            self.bytes = min(MOST_TAKEN_BYTES, self.bytes * 5 // 4)


def sealer(
    *,
    centre: str,
    gateway: str,
    keys: Keys,
    clock: Clock,
    readable_by: Recipient | None = None,
    taken: TakenBytes | None = None,
) -> Callable[[Draft], Sealed]:
    """Return what makes this gateway's batches; Rejected("oversize") where a draft is too much.

    `readable_by`: whom to encrypt to; None: nobody. `taken` learns from what came of it.
    """
    size = TakenBytes() if taken is None else taken

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
                declared=draft.declared,
                readings_before=draft.readings_before,
            )
        )
        try:
            message = seal(packed, keys.signing, keys.kid, readable_by=readable_by)
        except Rejected:
            size.too_much()
            raise
        size.fitted(len(message))
        return Sealed(message, content_sha256(packed), sealed_at.utc_ms)

    return make

"""What the bands of a hall say at 1 Hz, and batches of it, sealed as a gateway seals them."""

import secrets
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ingest.batch.columns import Columns
from ingest.batch.content import Content, content_sha256, pack
from ingest.batch.envelope import seal
from ingest.batch.limits import SCHEMA_VERSION
from ingest.batch.reading import Flag, Quantity
from scripts.bench.live.town import CALM_BPM, CENTRE, HOT_BPM, Hall

S = 1_000
HOT_S = 45
"""So long a pulse stays above the ceiling: more than any rule waits for."""
LATE_MS = 40
"""A band is heard up to so much after its moment: radios take turns."""


@dataclass(frozen=True)
class Sealed:
    """One batch of a hall."""

    seq: int
    name: bytes
    """Its content's SHA-256: what a receipt names."""
    payload: bytes
    readings: int


@dataclass
class Spool:
    """The numbers of one spool file."""

    hall: Hall
    boot: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    seq: int = 0
    previous: bytes | None = None

    def sealed(
        self, from_ms: int, until_ms: int, sealed_ms: int, hot: Mapping[int, int]
    ) -> Sealed | None:
        """Return a batch of what was said in [from_ms, until_ms); None where nothing was.

        `hot` says of bands, by their place in the hall, from when on the pulse is above the
        ceiling, in ms.
        """
        at_ms, band = said(len(self.hall.bands), from_ms, until_ms)
        if not len(at_ms):
            return None
        value = pulses(at_ms, band)
        for place, since_ms in hot.items():
            is_hot = (band == place) & (at_ms >= since_ms) & (at_ms < since_ms + HOT_S * S)
            value[is_hot] = HOT_BPM
        rows = len(at_ms)
        columns = Columns(
            quantity=Quantity.HEART_RATE_BPM,
            device_index=array("H", band.astype(np.uint16).tobytes()),
            at_utc_ms=array("q", at_ms.tobytes()),
            value=array("d", value.tobytes()),
            span_ms=array("I", bytes(4 * rows)),
            flags=array("B", bytes([Flag.CLOCK_RECEIPT]) * rows),
            device_ts_ms=None,
        )
        packed = pack(
            Content(
                schema=SCHEMA_VERSION,
                centre=CENTRE,
                gateway=self.hall.gateway,
                boot=self.boot,
                seq=self.seq,
                previous_sha256=self.previous,
                sealed_utc_ms=sealed_ms,
                sealed_mono_ms=self.seq * S,
                devices=self.hall.bands,
                columns=(columns,),
            )
        )
        keys = self.hall.keys
        payload = seal(packed, keys.signing, keys.kid, readable_by=self.hall.to_hub)
        made = Sealed(self.seq, content_sha256(packed), payload, rows)
        self.seq, self.previous = self.seq + 1, made.name
        return made


def said(bands: int, from_ms: int, until_ms: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return times, sorted, and bands of all readings in [from_ms, until_ms).

    Each band speaks once a second, at a moment of the second that is its own.
    """
    seconds = np.arange(from_ms // S, -(-until_ms // S), dtype=np.int64) * S
    band = np.arange(bands, dtype=np.int64)
    of_band = np.tile(band, len(seconds))
    of_second = np.repeat(seconds, bands)
    at_ms = of_second + moment_ms(of_band, bands) + _noise(of_second // S, of_band, LATE_MS)
    wanted = np.flatnonzero((at_ms >= from_ms) & (at_ms < until_ms))
    wanted = wanted[np.argsort(at_ms[wanted], kind="stable")]
    return at_ms[wanted], of_band[wanted]


def pulses(at_ms: NDArray[np.int64], band: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what bands of a hall say at these times while they are calm, in bpm."""
    return (_noise(at_ms // S, band, 5) + CALM_BPM).astype(np.float64)


def _noise(second: NDArray[np.int64], band: NDArray[np.int64], below: int) -> NDArray[np.int64]:
    """Return numbers of 0 to `below` - 1 that look like chance and are always the same."""
    mixed = (second * 2_654_435_761 + band * 40_503) & 0xFFFF_FFFF
    mixed ^= mixed >> 15
    mixed = (mixed * 2_246_822_519) & 0xFFFF_FFFF
    mixed ^= mixed >> 13
    return mixed % below


def moment_ms(band: NDArray[np.int64], bands: int) -> NDArray[np.int64]:
    """Return when in each second bands of a hall speak, in ms."""
    return band * (S - LATE_MS) // bands


def due_ms(place: int, bands: int, since_ms: int, span_ms: int) -> int:
    """Return the time of the reading that makes the pulse of a band, hot from then on, sustained.

    That is the first one at least `span_ms` after the first one above the ceiling.
    """
    at_ms, band = said(bands, since_ms, since_ms + HOT_S * S)
    hot_ms = at_ms[band == place]
    return int(hot_ms[hot_ms >= hot_ms[0] + span_ms][0])

"""Identities derived from the input: the same recording, replayed again, is the same everywhere.

The hash is of the canonical content, not of the files: row order and file format change nothing.
Everything a replay writes carries it, so two recordings in one database never mix.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from scripts.replay.track import CHUNK_DAYS, CHUNK_READINGS, Track

LAYOUT = f"adhere replay 1 {CHUNK_READINGS} {CHUNK_DAYS}"
"""A change of how batches are cut is a change of identity, or a second replay would look forked."""


def recording_sha256(tracks: Iterable[Track], cases: Iterable[str]) -> bytes:
    """Return the hash of all readings and of the cases (one line of text each)."""
    digest = hashlib.sha256(LAYOUT.encode())
    for track in sorted(tracks, key=lambda track: track.person):
        for column in (track.hr_at_ms, track.hr_bpm, track.steps_at_ms, track.steps):
            digest.update(struct.pack("<q", len(column)))
            digest.update(column.astype(column.dtype.newbyteorder("<")).tobytes())
        _text(digest, track.person)
    for case in sorted(cases):
        _text(digest, case)
    return digest.digest()


def _text(digest: "hashlib._Hash", text: str) -> None:
    data = text.encode()
    digest.update(struct.pack("<q", len(data)) + data)


@dataclass(frozen=True)
class Identities:
    """The names of one recording's gateways, bands, people and cases."""

    sha256: bytes

    @property
    def tag(self) -> str:
        """Eight hex digits that tell this recording from others."""
        return self.sha256.hex()[:8]

    def _derived(self, kind: str, name: str) -> bytes:
        return hashlib.sha256(self.sha256 + f"{kind}\0{name}".encode()).digest()

    def centre(self, code: str) -> str:
        """Return the centre's code."""
        return f"{code}-{self.tag}"

    def gateway(self, person: str) -> str:
        """Return the code of the one gateway that serves `person`."""
        return f"gw-{self._derived('gateway', person).hex()[:12]}"

    def boot(self, person: str) -> bytes:
        """Return the 128 bits that name the person's spool."""
        return self._derived("boot", person)[:16]

    def device_key(self, person: str) -> str:
        """Return the band's serial."""
        return f"replay-{self._derived('band', person).hex()[:16]}"

    def label(self, name: str) -> str:
        """Return the name of a person or a case, unique in a database of several recordings."""
        return f"{name}@{self.tag}"

"""The manifest of a part: every file with its hash, and what each band's readings hash to.

The database keeps the hash of its bytes. By itself it is enough to check an archive without the
database: names, hashes and counts are all in it, and pseudonyms are the only names.
"""

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import NamedTuple

from config.errors import Misconfigured
from config.language import _

FORMAT = 1


class Band(NamedTuple):
    """One band's readings in one file."""

    patient_id: int
    """Not in the manifest: -1 where it was read from there."""
    person: str
    device_id: int
    readings: int
    content_sha256: bytes


class File(NamedTuple):
    """One file of a part."""

    reading_table: str
    bucket: int
    piece: int
    name: str
    """Within the folder of the day."""
    readings: int
    size: int
    """Bytes."""
    sha256: bytes
    bands: tuple[Band, ...]


def manifest_bytes(day: date, part: int, buckets: int, files: list[File]) -> bytes:
    """Return the manifest: the same files make the same bytes."""
    said = {
        "format": FORMAT,
        "day": str(day),
        "part": part,
        "buckets": buckets,
        "readings": sum(file.readings for file in files),
        "files": [
            {
                "name": file.name,
                "reading_table": file.reading_table,
                "patient_bucket": file.bucket,
                "piece": file.piece,
                "readings": file.readings,
                "bytes": file.size,
                "sha256": file.sha256.hex(),
                "bands": [
                    [band.person, band.device_id, band.readings, band.content_sha256.hex()]
                    for band in file.bands
                ],
            }
            for file in files
        ],
    }
    return (json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def read_manifest(path: Path, sha256: bytes | None) -> list[File]:
    """Return the files a manifest names; raise Misconfigured where its bytes have another hash."""
    data = path.read_bytes()
    if sha256 is not None and hashlib.sha256(data).digest() != sha256:
        raise Misconfigured(
            _("%(path)s was changed after it was written: restore it from a backup.")
            % {"path": path}
        )
    try:
        said = json.loads(data)
        if said["format"] != FORMAT:
            raise _unreadable(path)
        return [
            File(
                file["reading_table"],
                file["patient_bucket"],
                file["piece"],
                file["name"],
                file["readings"],
                file["bytes"],
                bytes.fromhex(file["sha256"]),
                tuple(
                    Band(-1, person, device, readings, bytes.fromhex(content))
                    for person, device, readings, content in file["bands"]
                ),
            )
            for file in said["files"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(path) from error


def _unreadable(path: Path) -> Misconfigured:
    return Misconfigured(_("%(path)s is no manifest that this program can read.") % {"path": path})

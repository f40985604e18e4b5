"""What a file is, by its first bytes, and the readings in it; its name says nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from config.errors import Rejected
from ingest.gateway.files import apple_health, csv_file, fit, gadgetbridge, tracks
from ingest.gateway.files.found import Asked, Found
from ingest.gateway.files.xml_records import root_of

Read = Callable[[BinaryIO, Asked], Iterator[Found]]

HEAD_BYTES = 2**16
ZIP_MAGIC, GZIP_MAGIC = b"PK\x03\x04", b"\x1f\x8b"
READERS: dict[str, Read] = {
    "fit": fit.read,
    "tcx": tracks.read_tcx,
    "gpx": tracks.read_gpx,
    "apple_health": apple_health.read,
    "apple_health_zip": apple_health.read_zip,
    "gadgetbridge": gadgetbridge.read,
    "csv": csv_file.read,
}
ROOTS = {tracks.TCX_ROOT: "tcx", tracks.GPX_ROOT: "gpx", apple_health.ROOT: "apple_health"}


def kind_of(path: Path) -> str:
    """Return the format of a file.

    Raises Rejected: `empty`, `gzip` (to be unpacked first), `unknown_format`.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head.strip():
        raise Rejected("empty", "the file is empty")
    if head[fit.MAGIC_AT :].startswith(fit.MAGIC):
        return "fit"
    if head.startswith(gadgetbridge.MAGIC):
        return "gadgetbridge"
    if head.startswith(ZIP_MAGIC):
        return "apple_health_zip"
    if head.startswith(GZIP_MAGIC):
        raise Rejected("gzip", "unpack it first")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or b"<\x00" in head[:8]:
        kind = ROOTS.get(root_of(head) or "")
        if kind is None:
            raise Rejected("unknown_format", "XML of no format that is read")
        return kind
    return "csv"


def read(path: Path, asked: Asked) -> Iterator[Found]:
    """Give the readings of a file; raises Rejected as `kind_of` and its format's reader do."""
    kind = kind_of(path)
    with path.open("rb") as file:
        yield from READERS[kind](file, asked)

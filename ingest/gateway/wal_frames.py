"""SQLite's write-ahead log, frame by frame, as its file format says (section 4).

SQLite stops at the first frame whose checksum fails, and takes what follows for never written. That
is right for a write that a power cut tore. But a byte that flipped later hides every transaction
behind it, though those were on disk and acknowledged: the spool would go back to an older state
and give its numbers to other readings. Each frame's checksum begins with that of the frame before
it, so each can be checked by itself, and the two cases told apart: a tear is in the last
transaction alone.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
LITTLE_ENDIAN, BIG_ENDIAN = 0x377F0682, 0x377F0683
"""The magic numbers: the byte order in which checksums are computed."""
WORD = 0xFFFFFFFF
LEAST_COMMITS = 2
"""From the first bad frame on: one of them may be the transaction that was being written."""
MOST_PAGES = 2**31

Sums = tuple[int, int]


class Frame(NamedTuple):
    """One page as one transaction left it."""

    page_number: int
    pages_after: int
    """How large the file is after the transaction that this frame ends; 0: it goes on."""
    page: bytes
    is_whole: bool
    """Its checksum is right."""


def frames(wal: Path, page_bytes: int) -> list[Frame]:
    """Return the frames of the log's present round; none where there is no log."""
    return list(_frames(wal.read_bytes(), page_bytes)) if wal.exists() else []


def is_damaged(wal: Path, page_bytes: int) -> bool:
    """Say whether transactions that were on disk stand behind a frame that is no longer whole."""
    found = frames(wal, page_bytes)
    bad = next((number for number, frame in enumerate(found) if not frame.is_whole), None)
    if bad is None:
        return False
    return sum(frame.pages_after > 0 for frame in found[bad:]) >= LEAST_COMMITS


def put_in_place(wal: Path, file: Path, page_bytes: int) -> None:
    """Write every committed page of the log into the file, whole or not, and remove the log.

    Of a page that is not whole the rows that still prove themselves are worth having.
    """
    found = frames(wal, page_bytes)
    ends = [number for number, frame in enumerate(found) if frame.pages_after]
    committed = found[: ends[-1] + 1] if ends else []
    largest = max((frame.pages_after for frame in committed if frame.is_whole), default=0)
    with file.open("r+b") as pages:
        for frame in committed:
            if 0 < frame.page_number <= largest:
                pages.seek((frame.page_number - 1) * page_bytes)
                pages.write(frame.page)
    wal.unlink()


def _frames(data: bytes, page_bytes: int) -> Iterator[Frame]:
    magic, _version, _page, _round, *salts, first, second = struct.unpack_from(
        ">8I", data.ljust(32)
    )
    order = ">" if magic == BIG_ENDIAN else "<"
    is_header_whole = magic in {LITTLE_ENDIAN, BIG_ENDIAN} and _sums(
        data[: HEADER_BYTES - 8], (0, 0), order
    ) == (first, second)
    before = (first, second)
    size = FRAME_HEADER_BYTES + page_bytes
    for start in range(HEADER_BYTES, len(data) - size + 1, size):
        number, after, *mine, one, two = struct.unpack_from(">6I", data, start)
        if start == HEADER_BYTES and not is_header_whole:
            salts = mine  # the header cannot say which round this is: the first frame does
        page = data[start + FRAME_HEADER_BYTES : start + size]
        sums = _sums(data[start : start + 8] + page, before, order)
        is_whole = sums == (one, two) and mine == salts
        if mine != salts and not is_whole and not _goes_on(data, start + size, salts):
            return  # what is left of a former round
        yield Frame(
            number,
            after if after < MOST_PAGES else 0,
            page,
            is_whole and (is_header_whole or start > HEADER_BYTES),
        )
        before = (one, two)


def _goes_on(data: bytes, start: int, salts: list[int]) -> bool:
    """Say whether the next frame is of this round: then one salt of this one has flipped."""
    following = data[start + 8 : start + 16]
    return following == struct.pack(">2I", *salts)


def _sums(data: bytes, before: Sums, order: str) -> Sums:
    first, second = before
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & WORD
        second = (second + odd + first) & WORD
    return first, second

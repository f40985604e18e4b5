"""Rows of the spool: readings cut small enough to be sealed by themselves, and their clock."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ingest.batch.columns import Chunk, Columns, are_times, chunk_of, readings_of
from ingest.batch.content import pack_chunk, unpack_noted
from ingest.batch.reading import Flag, Reading
from ingest.gateway.clock import Stamp

MAX_CHUNK_BYTES = 60_000
"""Uncompressed; zstd adds at most a few bytes, names and signature a few hundred."""


def packed_chunks(
    readings: Sequence[Reading] | Chunk, stamp: Stamp | None = None
) -> Iterator[tuple[int, bytes]]:
    """Give (count, bytes) of one chunk, or of as few as the size allows, by the content alone.

    `stamp`: by which clock of the box they were stamped; None: by none.
    Raises Rejected when a reading cannot be stored (see `columns.chunk_of`).
    """
    chunk = readings if isinstance(readings, Chunk) else chunk_of(readings)
    packed = pack_chunk(chunk, stamp)
    if len(packed) <= MAX_CHUNK_BYTES:
        yield len(chunk), packed
        return
    one_by_one = list(readings_of(chunk))
    middle = len(one_by_one) // 2
    yield from packed_chunks(one_by_one[:middle], stamp)
    yield from packed_chunks(one_by_one[middle:], stamp)


def unpacked(data: bytes) -> tuple[Chunk, Stamp | None]:
    """Return a row's readings and their clock; its tag has proved that we wrote it."""
    chunk, noted = unpack_noted(data)
    match noted:
        case [str() as start, int() as wall_ahead_ms, int() as mono_ms, bool() as known]:
            return chunk, Stamp(start, wall_ahead_ms, mono_ms, known)
        case _:
            return chunk, None


def corrected(chunk: Chunk, shift_ms: int | None) -> Chunk:
    """Return the chunk with `shift_ms` added to its times; None marks them as nobody's to say.

    All of it was stamped with one clock of the box, also what a band remembered: that was placed
    by comparing the band's clock with the box's.
    """
    if shift_ms == 0:
        return chunk
    columns = [_shifted(group, shift_ms or 0) for group in chunk.columns]
    if shift_ms is not None and all(are_times(group.at_utc_ms) for group in columns):
        return Chunk(chunk.devices, tuple(columns))
    return Chunk(chunk.devices, tuple(map(_marked, chunk.columns)))


def _shifted(group: Columns, shift_ms: int) -> Columns:
    return replace(group, at_utc_ms=array("q", (at + shift_ms for at in group.at_utc_ms)))


def _marked(group: Columns) -> Columns:
    marks = Flag.CLOCK_RECEIPT | Flag.CLOCK_SUSPECT
    return replace(group, flags=array("B", (flags | marks for flags in group.flags)))

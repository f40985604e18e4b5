"""Cutting what was heard into rows: each small enough that it can always be sealed by itself."""

from collections.abc import Iterator, Sequence

from ingest.batch.columns import Chunk, chunk_of, readings_of
from ingest.batch.content import pack_chunk
from ingest.batch.reading import Reading

MAX_CHUNK_BYTES = 60_000
"""Uncompressed; zstd adds at most a few bytes, names and signature a few hundred."""


def packed_chunks(readings: Sequence[Reading] | Chunk) -> Iterator[tuple[int, bytes]]:
    """Give (count, bytes) of one chunk, or of as few as the size allows, by the content alone.

    Raises Rejected when a reading cannot be stored (see `columns.chunk_of`).
    """
    chunk = readings if isinstance(readings, Chunk) else chunk_of(readings)
    packed = pack_chunk(chunk)
    if len(packed) <= MAX_CHUNK_BYTES:
        yield len(chunk), packed
        return
    one_by_one = list(readings_of(chunk))
    middle = len(one_by_one) // 2
    yield from packed_chunks(one_by_one[:middle])
    yield from packed_chunks(one_by_one[middle:])

"""What a batch says: CBOR (RFC 8949) with typed arrays (RFC 8746), one per column.

`docs/reference/batch.cddl` is the same in CDDL. Times travel as the first one and the step to each
next one; a band's own stamp as its distance to the time beside it; whole values as whole numbers.
Each column takes the narrowest type that holds it, so the bytes of a batch follow from what it
says alone, and its SHA-256 names it everywhere: ledger, receipts, the next batch.
"""

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate
from operator import add, sub
from typing import Any, NamedTuple

import cbor2

from config.errors import Rejected
from ingest.batch import cbor
from ingest.batch.columns import Chunk, Columns, are_stamps, are_times, are_values, is_device_key
from ingest.batch.limits import (
    MAX_COLUMNS,
    MAX_DEVICES,
    MAX_EXACT_INTEGER,
    MAX_READINGS,
    MAX_SEQ,
    MAX_UNPACKED_BYTES,
    MAX_UTC_MS,
    SCHEMA_VERSION,
)
from ingest.batch.reading import Quantity
from ingest.batch.topics import CODE
from ingest.batch.typed_arrays import narrowest, tagged, untagged

BOOT_BYTES = 16
SHA256_BYTES = 32

# Keys of the content's map, and of a column group's map. A reader ignores keys it does not know.
SCHEMA, CENTRE, GATEWAY, BOOT, SEQ, PREVIOUS, SEALED_UTC, SEALED_MONO, DEVICES, COLUMNS = range(
    1, 11
)
DECLARED, READINGS_BEFORE = 11, 12
STAMP = 16
"""Of a chunk on the box alone; nothing else has this key."""
QUANTITY, INDEX, FIRST_AT, STEPS, VALUES, SPANS, FLAGS, STAMP_DISTANCES = range(1, 9)

_SIGNED, _UNSIGNED = "bhiq", "BHI"
_QUANTITIES = frozenset(Quantity)
_KNOWN_KEYS = frozenset((*range(SCHEMA, READINGS_BEFORE + 1), STAMP))
_KNOWN_OF_COLUMNS = frozenset(range(QUANTITY, STAMP_DISTANCES + 1))
MOST_UNREAD, LONGEST_UNREAD = 16, 24
"""Of the names of keys that are not known: so many, and so long, are told."""


class Declared(NamedTuple):
    """What this spool file has lost so far, and says so: nothing is missing silently."""

    unsealed: int
    """Readings in rows that were damaged on the disk before they were sealed."""
    sealed: int
    """Readings in batches that were damaged on the disk."""
    released: int
    """Readings in batches that the hub had refused and an operator, or their age, has given up."""
    released_batches: int


@dataclass(frozen=True, slots=True)
class Content:
    """One batch: who sends it, where it stands in that gateway's chain, and the readings."""

    schema: int
    centre: str
    gateway: str
    boot: bytes
    """16 random bytes for each spool file."""
    seq: int
    previous_sha256: bytes | None
    """`content_sha256` of the batch before; None for the first."""
    sealed_utc_ms: int
    sealed_mono_ms: int
    devices: tuple[str, ...]
    columns: tuple[Columns, ...]
    declared: Declared | None = None
    """None where nothing was lost."""
    readings_before: int | None = None
    """In all batches this spool file had sealed before; None from gateways that do not say it."""
    unread: tuple[str, ...] = ()
    """Keys that a newer gateway wrote and this program does not know; see `unread_keys`."""


def content_sha256(packed: bytes) -> bytes:
    """Return the batch's name: the SHA-256 of the CBOR, before compression and signature."""
    return sha256(packed).digest()


def pack(content: Content) -> bytes:
    """Return `content` as CBOR."""
    return cbor2.dumps(
        {
            SCHEMA: content.schema,
            CENTRE: content.centre,
            GATEWAY: content.gateway,
            BOOT: content.boot,
            SEQ: content.seq,
            PREVIOUS: content.previous_sha256,
            SEALED_UTC: content.sealed_utc_ms,
            SEALED_MONO: content.sealed_mono_ms,
            **_chunk_items(content.devices, content.columns),
            **({} if content.declared is None else {DECLARED: list(content.declared)}),
            **(
                {}
                if content.readings_before is None
                else {READINGS_BEFORE: content.readings_before}
            ),
        },
    )


def pack_chunk(chunk: Chunk, stamp: Sequence[str | int] | None = None) -> bytes:
    """Return a chunk as CBOR: the readings' part of a content, as the spool keeps it.

    `stamp` is the box's own note on the clock, which `unpack_noted` gives back.
    """
    items = _chunk_items(chunk.devices, chunk.columns)
    return cbor2.dumps(items if stamp is None else items | {STAMP: list(stamp)})


def unpack(packed: bytes) -> Content:
    """Return what the CBOR says, every length, type, range and index checked.

    Raises Rejected: `unpacked_oversize`, `unsupported_schema`, `unsupported_quantity`, `malformed`.
    """
    content, groups = unpack_head(packed)
    return replace(content, columns=_all_columns(groups, len(content.devices)))


def unpack_head(packed: bytes) -> tuple[Content, list[Any]]:
    """Return everything but the readings, and their groups of columns as they were read.

    The groups are checked by nothing yet: the hub makes other arrays of them than `unpack` does.
    Raises as `unpack` does, but for what is wrong with the readings.
    """
    items = _mapping(packed)
    schema = items.get(SCHEMA)
    if isinstance(schema, int) and schema != SCHEMA_VERSION:
        raise Rejected("unsupported_schema", f"version {schema}")
    previous, before = items.get(PREVIOUS), items.get(READINGS_BEFORE)
    devices, groups = _devices_and_groups(items)
    content = Content(
        schema=as_whole(schema, SCHEMA_VERSION, SCHEMA_VERSION),
        centre=as_code(items.get(CENTRE)),
        gateway=as_code(items.get(GATEWAY)),
        boot=as_bytes(items.get(BOOT), BOOT_BYTES),
        seq=as_whole(items.get(SEQ), 0, MAX_SEQ),
        previous_sha256=None if previous is None else as_bytes(previous, SHA256_BYTES),
        sealed_utc_ms=as_whole(items.get(SEALED_UTC), 0, MAX_UTC_MS),
        sealed_mono_ms=as_whole(items.get(SEALED_MONO), 0, 2**63 - 1),
        devices=devices,
        columns=(),
        declared=_declared(items.get(DECLARED)),
        readings_before=None if before is None else as_whole(before, 0, 2**63 - 1),
        unread=unread_keys(items),
    )
    return content, groups


def unread_keys(items: Mapping[int | str, Any]) -> tuple[str, ...]:
    """Return the keys of a content that this program skips, `10.9` for key 9 of columns.

    They stay in the signed bytes, which are kept: a later program reads them there.
    """
    unread: list[str] = []
    if not items.keys() <= _KNOWN_KEYS:
        unread.extend(map(_told, items.keys() - _KNOWN_KEYS))
    for group in items.get(COLUMNS, ()):
        if not group.keys() <= _KNOWN_OF_COLUMNS:
            unread.extend(f"{COLUMNS}.{_told(key)}" for key in group.keys() - _KNOWN_OF_COLUMNS)
    return tuple(sorted(set(unread)))[:MOST_UNREAD] if unread else ()


def _told(key: int | str) -> str:
    """Return a key as text that fits any log: a number, or letters and digits alone."""
    return re.sub(r"[^A-Za-z0-9_-]", "?", str(key))[:LONGEST_UNREAD]


def unpack_chunk(packed: bytes) -> Chunk:
    """Return the chunk; raises as `unpack` does."""
    return unpack_noted(packed)[0]


def unpack_noted(packed: bytes) -> tuple[Chunk, object]:
    """Return the chunk, and what was noted beside it (None: nothing); raises as `unpack` does."""
    items = _mapping(packed)
    return _chunk(items), items.get(STAMP)


def _declared(item: object) -> Declared | None:
    match item:
        case None:
            return None
        case [_, _, _, _] as counts:
            return Declared(*(as_whole(count, 0, 2**63 - 1) for count in counts))
        case _:
            raise Rejected("malformed", "what is declared lost is not four numbers")


def _chunk_items(devices: tuple[str, ...], columns: tuple[Columns, ...]) -> dict[int, Any]:
    return {DEVICES: list(devices), COLUMNS: [_column_items(group) for group in columns]}


def _column_items(group: Columns) -> dict[int, Any]:
    at = group.at_utc_ms
    steps = array("q", [0])
    steps.extend(map(sub, at[1:], at))
    items: dict[int, Any] = {
        QUANTITY: str(group.quantity),
        INDEX: tagged(narrowest(group.device_index, signed=False)),
        FIRST_AT: at[0],
        STEPS: tagged(narrowest(steps, signed=True)),
        VALUES: tagged(_narrowest_values(group.value)),
        SPANS: tagged(narrowest(group.span_ms, signed=False)),
        FLAGS: tagged(group.flags),
    }
    if group.device_ts_ms is not None:
        distances = array("q", map(sub, group.device_ts_ms, at))
        items[STAMP_DISTANCES] = tagged(narrowest(distances, signed=True))
    return items


def _narrowest_values(values: "array[float]") -> "array[int] | array[float]":
    if all(map(float.is_integer, values)) and _are_exact(values):
        return narrowest(array("q", map(int, values)), signed=True)
    return values


def _are_exact(values: "array[float]") -> bool:
    return max(values) <= MAX_EXACT_INTEGER and min(values) >= -MAX_EXACT_INTEGER


def _mapping(packed: bytes) -> dict[int | str, Any]:
    if len(packed) > MAX_UNPACKED_BYTES:
        raise Rejected("unpacked_oversize", f"more than {MAX_UNPACKED_BYTES} bytes unpacked")
    items = cbor.read(packed)
    if not isinstance(items, dict):
        raise Rejected("malformed", "no map")
    return items


def _chunk(items: dict[int | str, Any]) -> Chunk:
    devices, groups = _devices_and_groups(items)
    return Chunk(devices, _all_columns(groups, len(devices)))


def _devices_and_groups(items: dict[int | str, Any]) -> tuple[tuple[str, ...], list[Any]]:
    names, groups = items.get(DEVICES), items.get(COLUMNS)
    if not isinstance(names, list) or not isinstance(groups, list):
        raise Rejected("malformed", "no devices or no columns")
    if not 0 < len(names) <= MAX_DEVICES or not 0 < len(groups) <= MAX_COLUMNS:
        raise Rejected("malformed", "too many devices or columns, or none")
    if not all(isinstance(name, str) and _is_device_key(name) for name in names):
        raise Rejected("malformed", "a device cannot be called that")
    if len(set(names)) != len(names):
        raise Rejected("malformed", "a device is named twice")
    if not all(isinstance(group, dict) for group in groups):
        raise Rejected("malformed", "columns are no map")
    return tuple(names), groups


_is_device_key = lru_cache(maxsize=65_536)(is_device_key)
"""Of a city's bands, which are the same ones every few seconds."""


def _all_columns(groups: Iterable[object], devices: int) -> tuple[Columns, ...]:
    columns = []
    for group in groups:
        columns.append(_columns(group, devices))
        if sum(map(len, columns)) > MAX_READINGS:
            raise Rejected("malformed", f"more than {MAX_READINGS} readings")
    return tuple(columns)


def _columns(items: object, devices: int) -> Columns:
    if not isinstance(items, dict):
        raise Rejected("malformed", "columns are no map")
    quantity = items.get(QUANTITY)
    if not isinstance(quantity, str):
        raise Rejected("malformed", "columns name no quantity")
    if quantity not in _QUANTITIES:
        raise Rejected("unsupported_quantity")
    index = _array("H", untagged(items.get(INDEX), allowed=_UNSIGNED))
    steps = untagged(items.get(STEPS), allowed=_SIGNED)
    if not 0 < len(steps) <= MAX_READINGS:
        raise Rejected("malformed", "a column of no readings, or of too many")
    at = _array("q", accumulate(steps, add, initial=as_whole(items.get(FIRST_AT), 0, MAX_UTC_MS)))
    del at[0]
    stamps = None
    if STAMP_DISTANCES in items:
        distances = untagged(items[STAMP_DISTANCES], allowed=_SIGNED)
        stamps = _array("q", map(add, at, distances))
        if len(distances) != len(at):
            raise Rejected("malformed", "columns differ in length")
    group = Columns(
        quantity=Quantity(quantity),
        device_index=index,
        at_utc_ms=at,
        value=_array("d", untagged(items.get(VALUES), allowed=_SIGNED + _UNSIGNED + "fd")),
        span_ms=_array("I", untagged(items.get(SPANS), allowed=_UNSIGNED)),
        flags=_array("B", untagged(items.get(FLAGS), allowed="B")),
        device_ts_ms=stamps,
    )
    if not len(at) == len(index) == len(group.value) == len(group.span_ms) == len(group.flags):
        raise Rejected("malformed", "columns differ in length")
    if max(index) >= devices:
        raise Rejected("malformed", "a device index points to no device")
    if not are_times(at) or not are_stamps(stamps or array("q")) or not are_values(group.value):
        raise Rejected("malformed", "a time outside 1970 to 9999, or a value that is no number")
    return group


def _array(letter: str, numbers: Iterable[float]) -> array:  # type: ignore[type-arg] # of either kind
    if isinstance(numbers, array) and numbers.typecode == letter:
        return numbers
    try:
        return array(letter, numbers)
    except (OverflowError, TypeError) as error:
        raise Rejected("malformed", "a number does not fit") from error


def as_whole(item: object, least: int, most: int) -> int:
    """Return the item as a whole number in range, or raise Rejected."""
    if isinstance(item, bool) or not isinstance(item, int) or not least <= item <= most:
        raise Rejected("malformed", "a whole number is missing or out of range")
    return item


def as_bytes(item: object, length: int) -> bytes:
    """Return the item as exactly so many bytes, or raise Rejected."""
    if not isinstance(item, memoryview) or len(item) != length:
        raise Rejected("malformed", f"{length} bytes are missing")
    return bytes(item)


def as_code(item: object) -> str:
    """Return the item as the code of a centre or gateway, or raise Rejected."""
    if not isinstance(item, str) or not CODE.fullmatch(item):
        raise Rejected("malformed", "centre or gateway cannot be called that")
    return item

"""The hub's arrays against the contract's own reader: the same numbers, or the same refusal."""

import struct

import cbor2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import Rejected
from ingest.batch.columns import chunk_of
from ingest.batch.content import COLUMNS, FIRST_AT, Content, pack, unpack, unpack_head
from ingest.batch.limits import MAX_EXACT_INTEGER, MAX_UTC_MS
from ingest.batch.reading import Quantity, Reading
from ingest.batch.typed_arrays import TAG_OF
from ingest.hub.columns import reading_columns
from storage.reading_tables import TABLE_OF

readings = st.builds(
    Reading,
    device_key=st.sampled_from(["aa", "bb", "cc"]),
    quantity=st.sampled_from(Quantity),
    value=st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-MAX_EXACT_INTEGER, MAX_EXACT_INTEGER).map(float),
    at_utc_ms=st.integers(0, MAX_UTC_MS),
    span_ms=st.integers(0, 2**32 - 1),
    flags=st.integers(0, 255),
    device_ts_ms=st.none() | st.integers(-MAX_EXACT_INTEGER, MAX_EXACT_INTEGER),
)
SMALL = (0, 1, -1, 3, 127, 128, -128, 255, 2**31 - 1, -(2**31), 2**32 - 1)
LARGE = (2**63 - 1, -(2**63), 2**64 - 1)
LIMITS = (MAX_UTC_MS, MAX_UTC_MS + 1, -MAX_UTC_MS, MAX_EXACT_INTEGER, MAX_EXACT_INTEGER + 1)
edges = st.sampled_from((*SMALL, *LARGE, *LIMITS))


@st.composite
def typed_arrays(draw):
    """A typed array of edges, or one that ends inside a number."""
    letter = draw(st.sampled_from(sorted(TAG_OF)))
    if letter in "fd":
        numbers = draw(st.lists(st.floats(width=32), max_size=4))
    else:
        bits = 8 * struct.calcsize(letter)
        numbers = [number % 2**bits for number in draw(st.lists(edges, max_size=4))]
        if letter.islower():
            numbers = [n - 2**bits if n >= 2 ** (bits - 1) else n for n in numbers]
    data = struct.pack(f"<{len(numbers)}{letter}", *numbers)
    return cbor2.CBORTag(TAG_OF[letter], data[draw(st.sampled_from([0, 0, 0, 1])) :])


def packed_of(found):
    chunk = chunk_of(found)
    return pack(Content(1, "c", "g", bytes(16), 3, None, 5, 6, chunk.devices, chunk.columns))


def said(columns):
    """The numbers as plain ones; NumPy's own conversions are part of what is compared."""
    return [
        [
            str(group.quantity),
            *(
                np.asarray(part).astype(kind).tolist()
                for part, kind in (
                    (group.device_index, np.int64),
                    (group.at_utc_ms, np.int64),
                    (group.value, np.float64),
                    (group.span_ms, np.int64),
                    (group.flags, np.uint8),
                )
            ),
            None if group.device_ts_ms is None else list(group.device_ts_ms),
        ]
        for group in columns
    ]


def by_contract(packed):
    try:
        return said(unpack(packed).columns)
    except Rejected as error:
        return error.reason


def by_hub(packed):
    try:
        content, groups = unpack_head(packed)
        return said(reading_columns(groups, len(content.devices)))
    except Rejected as error:
        return error.reason


@settings(deadline=None, max_examples=60)
@given(st.lists(readings, min_size=1, max_size=12))
def test_the_hub_reads_the_numbers_that_were_packed(found):
    packed = packed_of(found)

    assert by_hub(packed) == by_contract(packed)
    assert not isinstance(by_hub(packed), str)


@settings(deadline=None, max_examples=250)
@given(
    st.lists(readings, min_size=1, max_size=3),
    st.dictionaries(
        st.integers(1, 8), typed_arrays() | edges.filter(lambda n: n < 2**63) | st.text(max_size=2)
    ),
    st.booleans(),
)
def test_whatever_stands_there_both_readers_say_the_same(found, changed, is_moved):
    items = cbor2.loads(packed_of(found))
    items[COLUMNS][0] |= changed | ({FIRST_AT: MAX_UTC_MS} if is_moved else {})
    packed = cbor2.dumps(items)

    assert by_hub(packed) == by_contract(packed)


def test_every_quantity_of_the_contract_has_a_table():
    assert {str(quantity) for quantity in Quantity} == TABLE_OF.keys()

"""Typed arrays of RFC 8746: a column of numbers as one byte string with a tag for its type.

Little-endian throughout, whatever the machine.
"""

import sys
from array import array

from cbor2 import CBORTag

from config.errors import Rejected
from ingest.batch.cbor import Tagged

TAG_OF = {"B": 64, "H": 69, "I": 70, "Q": 71, "b": 72, "h": 77, "i": 78, "q": 79, "f": 85, "d": 86}
"""RFC 8746, table 1; the letters are those of Python's `array`."""
TYPE_OF = {tag: letter for letter, tag in TAG_OF.items()}

_SIGNED = (("b", 2**7), ("h", 2**15), ("i", 2**31), ("q", 2**63))
_UNSIGNED = (("B", 2**8), ("H", 2**16), ("I", 2**32), ("Q", 2**64))


def narrowest(numbers: "array[int]", *, signed: bool) -> "array[int]":
    """Return the same whole numbers in the smallest type that holds them all."""
    low, high = (min(numbers), max(numbers)) if numbers else (0, 0)
    for letter, limit in _SIGNED if signed else _UNSIGNED:
        if high < limit and low >= (-limit if signed else 0):
            return numbers if numbers.typecode == letter else array(letter, numbers)
    raise OverflowError("a number does not fit 64 bits")


def tagged(numbers: "array[int] | array[float]") -> CBORTag:
    """Return `numbers` as the item cbor2 writes."""
    return CBORTag(TAG_OF[numbers.typecode], _little_endian(numbers).tobytes())


def untagged(item: object, *, allowed: str) -> "array[int] | array[float]":
    """Return the array that `item` (out of `cbor.read`) is.

    Raises Rejected("malformed") when it is none, not of an `allowed` type, or of a broken length.
    """
    if not isinstance(item, Tagged) or not isinstance(item.value, memoryview):
        raise Rejected("malformed", "a column is no typed array")
    letter = TYPE_OF.get(item.tag)
    if letter is None or letter not in allowed:
        raise Rejected("malformed", "a column is of another type")
    numbers = array(letter)
    if len(item.value) % numbers.itemsize:
        raise Rejected("malformed", "a column ends inside a number")
    numbers.frombytes(item.value)
    return _little_endian(numbers)


def _little_endian(numbers: "array[int] | array[float]") -> "array[int] | array[float]":
    if sys.byteorder == "little":
        return numbers
    swapped = numbers[:]
    swapped.byteswap()
    return swapped

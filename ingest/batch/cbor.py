"""A strict reader of the part of CBOR (RFC 8949) that the contract uses.

Everything here comes from outside, some of it before any signature is checked, so the reader
refuses what the contract has no use for: indefinite lengths, nesting deeper than the contract's,
duplicate keys, bytes left over, more items than a batch can have. A general decoder builds dates,
patterns and big numbers out of tags, keeps the last of two equal keys and lets a few megabytes of
empty arrays grow to gigabytes of objects. Writing is cbor2's; each is tested against the other.
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from config.errors import Rejected

MAX_DEPTH = 8
MAX_ITEMS = 16_384

_ONE_BYTE = 24
"""The first value of the low five bits that says: the argument follows, in one byte or more."""
_ARGUMENT = {
    _ONE_BYTE: struct.Struct(">B"),
    25: struct.Struct(">H"),
    26: struct.Struct(">I"),
    27: struct.Struct(">Q"),
}
_FLOAT = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_SIMPLE_OR_FLOAT = 7
_SIMPLE = {20: False, 21: True, 22: None}


class Tagged(NamedTuple):
    """A tag and what it stands before; no tag is interpreted here."""

    tag: int
    value: Any


def read(data: bytes | memoryview) -> Any:  # noqa: ANN401 - whatever the bytes say; callers check
    """Return the one item that `data` is; byte strings come as views into it.

    Raises Rejected("malformed"). Memory is bounded by MAX_ITEMS small objects beside `data`.
    """
    reader = _Reader(memoryview(data))
    item = reader.item(MAX_DEPTH)
    if reader.at != len(reader.data):
        raise _malformed("bytes left over")
    return item


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self.data, self.at, self.items_left = data, 0, MAX_ITEMS

    def item(self, depth_left: int) -> Any:  # noqa: ANN401 - as read()
        self.items_left -= 1
        if depth_left < 0 or self.items_left < 0:
            raise _malformed("nested too deeply" if depth_left < 0 else "too many items")
        (initial,) = self.take(1)
        major, info = initial >> 5, initial & 31
        if major == _SIMPLE_OR_FLOAT:
            return self.simple(info)
        argument = self.argument(info)
        return _READ[major](self, argument, depth_left)

    def array(self, length: int, depth_left: int) -> list[Any]:
        self.expect(length)
        return [self.item(depth_left - 1) for _ in range(length)]

    def tagged(self, tag: int, depth_left: int) -> Tagged:
        return Tagged(tag, self.item(depth_left - 1))

    def take(self, length: int) -> memoryview:
        end = self.at + length
        if end > len(self.data):
            raise _malformed("cut short")
        part = self.data[self.at : end]
        self.at = end
        return part

    def argument(self, info: int) -> int:
        if info < _ONE_BYTE:
            return info
        form = _ARGUMENT.get(info)
        if form is None:
            raise _malformed("indefinite or reserved length")
        return int(form.unpack(self.take(form.size))[0])

    def expect(self, items: int) -> None:
        if items > self.items_left:
            raise _malformed("too many items")

    def text(self, length: int) -> str:
        try:
            return str(self.take(length), "utf-8")
        except UnicodeDecodeError as error:
            raise _malformed("text is not UTF-8") from error

    def mapping(self, pairs: int, depth_left: int) -> dict[int | str, Any]:
        self.expect(2 * pairs)
        found: dict[int | str, Any] = {}
        for _ in range(pairs):
            key = self.item(depth_left - 1)
            if isinstance(key, bool) or not isinstance(key, int | str) or key in found:
                raise _malformed("a map key is of another kind, or twice there")
            found[key] = self.item(depth_left - 1)
        return found

    def simple(self, info: int) -> bool | float | None:
        form = _FLOAT.get(info)
        if form is not None:
            return float(form.unpack(self.take(form.size))[0])
        if info not in _SIMPLE:
            raise _malformed("unknown simple value")
        return _SIMPLE[info]


_READ: tuple[Callable[[_Reader, int, int], Any], ...] = (
    lambda _reader, argument, _depth: argument,
    lambda _reader, argument, _depth: -1 - argument,
    lambda reader, length, _depth: reader.take(length),
    lambda reader, length, _depth: reader.text(length),
    _Reader.array,
    _Reader.mapping,
    _Reader.tagged,
)
"""By major type (RFC 8949, 3.1)."""


def _malformed(detail: str) -> Rejected:
    return Rejected("malformed", detail)

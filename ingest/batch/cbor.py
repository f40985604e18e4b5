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
_TEXT, _LONG_TEXT = 0x60, 0x78
"""The first bytes of texts whose length stands in them, up to 23, are these and those between."""
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
    """A place in the bytes. Most items are short and many, so the way to them is a short one."""

    def __init__(self, data: memoryview) -> None:
        self.data, self.at, self.items_left = data, 0, MAX_ITEMS

    def item(self, depth_left: int) -> Any:  # noqa: ANN401 - as read()
        self.items_left -= 1
        if depth_left < 0 or self.items_left < 0:
            raise _malformed("nested too deeply" if depth_left < 0 else "too many items")
        try:
            initial = self.data[self.at]
        except IndexError:
            raise _malformed("cut short") from None
        self.at += 1
        major, argument = initial >> 5, initial & 31
        if argument >= _ONE_BYTE or major == _SIMPLE_OR_FLOAT:
            if major == _SIMPLE_OR_FLOAT:
                return self.simple(argument)
            argument = self.argument(argument)
        return _READ[major](self, argument, depth_left)

    def array(self, length: int, depth_left: int) -> list[Any]:
        self.expect(length)
        item, depth_left = self.item, depth_left - 1
        found: list[Any] = self.equal_texts(length) if depth_left >= 0 else []
        return found or [item(depth_left) for _ in range(length)]

    def equal_texts(self, count: int) -> list[str]:
        """Read ASCII texts of one length below 24, or nothing: a batch names its bands so."""
        initial = self.data[self.at] if self.at < len(self.data) else 0
        if not _TEXT < initial < _LONG_TEXT:
            return []
        stride = 1 + initial - _TEXT
        block = bytes(self.data[self.at : self.at + count * stride])
        if block[::stride] != bytes([initial]) * count or len(block) != count * stride:
            return []
        if not block.isascii():
            return []
        self.at += len(block)
        self.items_left -= count
        texts = block.decode("ascii")
        return [texts[at : at + stride - 1] for at in range(1, len(texts), stride)]

    def tagged(self, tag: int, depth_left: int) -> Tagged:
        return Tagged(tag, self.item(depth_left - 1))

    def take(self, length: int, _depth_left: int = 0) -> memoryview:
        end = self.at + length
        part = self.data[self.at : end]
        if len(part) != length:
            raise _malformed("cut short")
        self.at = end
        return part

    def argument(self, info: int) -> int:
        form = _ARGUMENT.get(info)
        if form is None:
            raise _malformed("indefinite or reserved length")
        return int(form.unpack(self.take(form.size))[0])

    def expect(self, items: int) -> None:
        if items > self.items_left:
            raise _malformed("too many items")

    def text(self, length: int, _depth_left: int) -> str:
        try:
            return str(self.take(length), "utf-8")
        except UnicodeDecodeError as error:
            raise _malformed("text is not UTF-8") from error

    def mapping(self, pairs: int, depth_left: int) -> dict[int | str, Any]:
        self.expect(2 * pairs)
        item, depth_left = self.item, depth_left - 1
        found: dict[int | str, Any] = {}
        for _ in range(pairs):
            key = item(depth_left)
            if isinstance(key, bool) or not isinstance(key, int | str) or key in found:
                raise _malformed("a map key is of another kind, or twice there")
            found[key] = item(depth_left)
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
    _Reader.take,
    _Reader.text,
    _Reader.array,
    _Reader.mapping,
    _Reader.tagged,
)
"""By major type (RFC 8949, 3.1)."""


def _malformed(detail: str) -> Rejected:
    return Rejected("malformed", detail)

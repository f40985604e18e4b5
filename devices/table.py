"""Frames that are a table: the one place that takes their bytes apart.

A table is fields in order. Its first field may be `flags`; the others may then be there only when
some bits are set, or only when some are not. All or nothing: a frame that is too short or too long
is refused whole.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from config.errors import Rejected

FLAGS = "flags"


class Field(NamedTuple):
    """One field: its name, and its bytes in the notation of `struct` (`<H`, `6B`, `13x`)."""

    name: str
    layout: str
    when: int = 0
    """There only if all these bits of the flags are set."""
    unless: int = 0
    """There only if none of these bits of the flags is set."""
    repeats: bool = False
    """Comes once or more, up to the end of the frame."""


Fields = Mapping[str, tuple[int, ...]]
"""The numbers of each field that is there; several where its layout or its repeats say so."""


def unpack(table: Sequence[Field], frame: bytes) -> Fields:
    """Return the numbers of every field; raise Rejected for a frame of another length."""
    flags, offset = 0, 0
    fields: dict[str, tuple[int, ...]] = {}
    for field in table:
        if flags & field.when != field.when or flags & field.unless:
            continue
        size = struct.calcsize(field.layout)
        while True:
            if offset + size > len(frame):
                raise Rejected("too_short", f"{field.name} is not whole")
            numbers: tuple[int, ...] = struct.unpack_from(field.layout, frame, offset)
            fields[field.name] = fields.get(field.name, ()) + numbers
            offset += size
            if not field.repeats or offset == len(frame):
                break
        if field.name == FLAGS:
            flags = numbers[0]
    if offset != len(frame):
        raise Rejected("too_long", f"{len(frame) - offset} bytes after the last field")
    return fields

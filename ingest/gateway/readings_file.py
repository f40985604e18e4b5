"""A source of readings: a file of one JSON object a line, or standard input.

    {"device": "c0:ff:ee:00:00:01", "quantity": "heart_rate_bpm", "value": 72,
     "at_utc_ms": 1767268800000, "span_ms": 0, "flags": 0, "device_ts_ms": null}

`span_ms`, `flags` and `device_ts_ms` may be left out. A line that is no reading is kept aside with
its bytes, and the rest goes on. Of a file the byte offset is stored with the readings, so a gateway
that was killed goes on with exactly the next line; standard input cannot be read again.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import BinaryIO, NamedTuple

from config.errors import Misconfigured, Rejected
from config.language import _
from ingest.batch.columns import is_device_key
from ingest.batch.limits import MAX_EXACT_INTEGER, MAX_SPAN_MS, MAX_UTC_MS
from ingest.batch.reading import Quantity, Reading
from ingest.batch.topics import Lane
from ingest.gateway.heard import BadInput, Heard

LINES_TOGETHER = 2_000
MAX_LINE_BYTES = 4_096
MAX_FLAGS = 255
_NAMES = {"device", "quantity", "value", "at_utc_ms", "span_ms", "flags", "device_ts_ms"}
_QUANTITIES = {str(quantity): quantity for quantity in Quantity}


class _Lines(NamedTuple):
    readings: list[Reading]
    bad: list[BadInput]
    ended: bool


async def file_source(
    path: Path, cursor: Mapping[str, str], *, lane: Lane
) -> AsyncGenerator[Heard, None]:
    """Give the file's readings from where `cursor` says it was left.

    Raises Misconfigured: the file cannot be read, or is shorter than what was read of it.
    """
    name = _name(path)
    try:
        with path.open("rb") as file:
            _go_to(file, int(cursor.get(name, "0")), path)
            async for lines in _batches(file):
                yield Heard(lines.readings, lane, {name: str(file.tell())}, tuple(lines.bad))
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read: %(fault)s.") % {"path": path, "fault": error.strerror}
        ) from error


async def stream_source(stream: BinaryIO, *, lane: Lane) -> AsyncGenerator[Heard, None]:
    """Give the readings of a stream to its end."""
    async for lines in _batches(stream):
        yield Heard(lines.readings, lane, {}, tuple(lines.bad))


def parse_line(line: bytes) -> Reading:
    """Return the reading that a line is; raise Rejected with a reason otherwise."""
    if len(line) > MAX_LINE_BYTES:
        raise Rejected("too_long", f"more than {MAX_LINE_BYTES} bytes")
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Rejected("not_json") from error
    if not isinstance(item, dict):
        raise Rejected("not_an_object")
    if unknown := sorted(item.keys() - _NAMES):
        raise Rejected("unknown_field", f"{len(unknown)} unknown")
    stamp = item.get("device_ts_ms")
    return Reading(
        device_key=_device(item.get("device")),
        quantity=_quantity(item.get("quantity")),
        value=_value(item.get("value")),
        at_utc_ms=_whole(item, "at_utc_ms", 0, MAX_UTC_MS),
        span_ms=_whole(item, "span_ms", 0, MAX_SPAN_MS) if "span_ms" in item else 0,
        flags=_whole(item, "flags", 0, MAX_FLAGS) if "flags" in item else 0,
        device_ts_ms=None
        if stamp is None
        else _whole(item, "device_ts_ms", -MAX_EXACT_INTEGER, MAX_EXACT_INTEGER),
    )


async def _batches(stream: BinaryIO) -> AsyncGenerator[_Lines, None]:
    while True:
        lines = await asyncio.to_thread(_read, stream)
        if lines.readings or lines.bad:
            yield lines
        if lines.ended:
            return


def _read(stream: BinaryIO) -> _Lines:
    lines = _Lines([], [], ended=False)
    for line in _limited_lines(stream):
        if not line.strip():
            continue
        try:
            lines.readings.append(parse_line(line))
        except Rejected as error:
            lines.bad.append(BadInput(line, error.reason))
        if len(lines.readings) + len(lines.bad) == LINES_TOGETHER:
            return lines
    return lines._replace(ended=True)


def _limited_lines(stream: BinaryIO) -> Iterator[bytes]:
    """Give line by line; of an endless line its beginning, and pass over the rest."""
    while line := stream.readline(MAX_LINE_BYTES + 1):
        rest = line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_BYTES + 1)
        yield line


def _name(path: Path) -> str:
    return f"file:{path.resolve()}"


def _go_to(file: BinaryIO, offset: int, path: Path) -> None:
    if file.seek(0, 2) < offset:
        raise Misconfigured(
            _("%(path)s is shorter than what was read of it before: give new readings a new file.")
            % {"path": path}
        )
    file.seek(offset)


def _device(item: object) -> str:
    if not isinstance(item, str) or not is_device_key(item):
        raise Rejected("device")
    return item


def _quantity(item: object) -> Quantity:
    if not isinstance(item, str) or item not in _QUANTITIES:
        raise Rejected("quantity")
    return _QUANTITIES[item]


def _value(item: object) -> float:
    if isinstance(item, bool) or not isinstance(item, int | float):
        raise Rejected("value")
    if isinstance(item, int) and abs(item) > MAX_EXACT_INTEGER:
        raise Rejected("value")
    if not isfinite(item):
        raise Rejected("value")
    return float(item)


def _whole(item: Mapping[str, object], name: str, least: int, most: int) -> int:
    number = item.get(name)
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise Rejected(name)
    return number

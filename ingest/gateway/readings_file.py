"""A source of readings: a file of one JSON object a line, or standard input.

    {"device": "c0:ff:ee:00:00:01", "quantity": "heart_rate_bpm", "value": 72,
     "at_utc_ms": 1767268800000, "span_ms": 0, "flags": 0, "device_ts_ms": null}

`span_ms`, `flags` and `device_ts_ms` may be left out. A line that is no reading is kept aside with
its bytes, and the rest goes on. Of a file the byte offset is stored with the readings, so a gateway
that was killed goes on with exactly the next line; standard input cannot be read again.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from math import isfinite
from pathlib import Path
from typing import BinaryIO

from config.errors import Misconfigured, Rejected
from config.language import _
from ingest.batch.columns import is_device_key
from ingest.batch.limits import MAX_EXACT_INTEGER, MAX_SPAN_MS, MAX_UTC_MS
from ingest.batch.reading import Quantity, Reading
from ingest.batch.topics import Lane
from ingest.gateway.heard import BadInput, Heard

BLOCK_BYTES = 3 * 2**16
"""Read at a time: about 2,000 lines."""
MAX_LINE_BYTES = 4_096
MAX_FLAGS = 255
_NAMES = {"device", "quantity", "value", "at_utc_ms", "span_ms", "flags", "device_ts_ms"}
_QUANTITIES = {str(quantity): quantity for quantity in Quantity}


async def file_source(
    path: Path, cursor: Mapping[str, str], *, lane: Lane
) -> AsyncGenerator[Heard, None]:
    """Give the file's readings from where `cursor` says it was left.

    What is given together follows from the offset and the file alone. Raises Misconfigured: the
    file cannot be read, or is shorter than what was read of it.
    """
    name = _name(path)
    offset = int(cursor.get(name, "0"))
    while block := await asyncio.to_thread(_block, path, offset):
        whole = block if len(block) < BLOCK_BYTES else block[: _end_of_lines(block)]
        offset += len(whole)
        yield _heard(whole, lane, {name: str(offset)})


async def stream_source(stream: BinaryIO, *, lane: Lane) -> AsyncGenerator[Heard, None]:
    """Give the readings of a pipe to its end, as they come."""
    reader = asyncio.StreamReader()
    transport, _protocol = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), stream
    )
    try:
        rest = b""
        while block := await reader.read(BLOCK_BYTES):
            rest += block
            end = rest.rfind(b"\n") + 1 if len(rest) < BLOCK_BYTES else _end_of_lines(rest)
            if end:
                yield _heard(rest[:end], lane, {})
            rest = rest[end:]
        if rest:
            yield _heard(rest, lane, {})
    finally:
        transport.close()


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


def _heard(block: bytes, lane: Lane, cursor: Mapping[str, str]) -> Heard:
    readings, bad = [], []
    for line in block.split(b"\n"):
        if line.strip():
            try:
                readings.append(parse_line(line))
            except Rejected as error:
                bad.append(BadInput(line, error.reason))
    return Heard(readings, lane, cursor, tuple(bad))


def _end_of_lines(block: bytes) -> int:
    """Where the last whole line ends; of a line without end, take what is there (and refuse it)."""
    return block.rfind(b"\n") + 1 or len(block)


def _name(path: Path) -> str:
    return f"file:{path.resolve()}"


def _block(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(offset)
            block = file.read(BLOCK_BYTES)
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read: %(fault)s.") % {"path": path, "fault": error.strerror}
        ) from error
    if size < offset:
        raise Misconfigured(
            _("%(path)s is shorter than what was read of it before: give new readings a new file.")
            % {"path": path}
        )
    return block


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

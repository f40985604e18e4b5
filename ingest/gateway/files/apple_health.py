"""Apple Health's export: `export.zip`, or the `export.xml` inside it, of any size.

One person's phone, watch and apps all write into Health, and their steps overlap: added up they
would count twice. So one source is taken: the one that was asked for, else what an Apple Watch
recorded. Records of others are counted by source and left out.
"""

import contextlib
import lzma
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import IO, BinaryIO

from config.errors import Rejected
from ingest.batch.reading import Quantity
from ingest.gateway.files import values
from ingest.gateway.files.found import Asked, BadRecord, Found, Left, reading
from ingest.gateway.files.times import utc_ms
from ingest.gateway.files.xml_records import Bytes, XmlRecord, records, root_of

ROOT, RECORD = "HealthData", "Record"
HEART_RATE = "HKQuantityTypeIdentifierHeartRate"
STEPS = "HKQuantityTypeIdentifierStepCount"
TYPES = frozenset({HEART_RATE, STEPS})
PER_MINUTE = "count/min"
WATCH = "name:Apple Watch"
"""In the `device` of what a watch recorded, in every language."""
MAX_SPAN_MS = 86_400_000
"""A count of steps over more than a day is no record of a device."""

MOST_MEMBERS = 100_000
"""An export holds one file for each route and electrocardiogram."""
MOST_UNPACKED_BYTES = 64 * 2**30
MOST_TIMES_SMALLER = 200
"""Real exports pack to a twentieth or thirtieth; deflate can do a thousandth, of nothing but one
byte."""
FREE_BYTES = 64 * 2**20
HEAD_BYTES = 2**16
NOT_THE_EXPORT = "export_cda.xml"


def read(file: Bytes, asked: Asked) -> Iterator[Found]:
    """Give pulse and steps of one source. Raises as `records`, and `source` where it is missing."""
    others: Counter[str] = Counter()
    taken = 0
    for record in records(file, is_record=_is_ours):
        source = record.attributes.get("sourceName", "")
        if not _is_asked_for(record.attributes, source, asked):
            others[source] += 1
            continue
        taken += 1
        try:
            yield from _reading(record, asked)
        except Rejected as error:
            yield BadRecord(error.reason, record.place, record.data)
    for name, count in others.most_common():
        yield Left("other_source", count, name)
    if others and not taken:
        raise Rejected("source", "no record is of the source asked for")


def read_zip(file: BinaryIO, asked: Asked) -> Iterator[Found]:
    """Read the export inside a zip file as a stream.

    Raises as `read`, and Rejected: `zip_damaged`, `zip_without_export`, `zip_bomb`.
    """
    with contextlib.ExitStack() as opened:
        with _zip_faults():
            packed = opened.enter_context(zipfile.ZipFile(file))
            member = _export(packed)
            unpacked = opened.enter_context(packed.open(member))
        yield from read(_Guarded(unpacked, member.compress_size), asked)


@contextlib.contextmanager
def _zip_faults() -> Iterator[None]:
    """Raise Rejected for whatever zipfile raises of a file that is damaged, or lies."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise Rejected("zip_damaged", "cut short, damaged, or not unpacked as it says") from error
    except (NotImplementedError, RuntimeError, ValueError, LookupError, struct.error) as error:
        raise Rejected("zip_damaged", "locked with a password, or packed in an odd way") from error


def _is_ours(name: str, attributes: Mapping[str, str]) -> bool:
    return name == RECORD and attributes.get("type") in TYPES


def _is_asked_for(attributes: Mapping[str, str], source: str, asked: Asked) -> bool:
    if asked.source is not None:
        return _plain(source) == _plain(asked.source)
    return WATCH in _plain(attributes.get("device", ""))


def _plain(name: str) -> str:
    """Return a name as a person types it: Apple writes spaces that do not break."""
    return name.replace("\u00a0", " ").strip()


def _reading(record: XmlRecord, asked: Asked) -> Iterator[Found]:
    attributes = record.attributes
    number = values.number(attributes.get("value", ""))
    start = _at(attributes, "startDate", asked)
    if attributes["type"] == HEART_RATE:
        if attributes.get("unit") != PER_MINUTE:
            raise Rejected("unit", "a pulse that is not counted by the minute")
        bpm = values.heart_rate_bpm(number)
        if bpm is not None:
            yield reading(asked, Quantity.HEART_RATE_BPM, bpm, start)
        return
    steps = values.steps(number)
    span = _at(attributes, "endDate", asked) - start
    if not 0 <= span <= MAX_SPAN_MS:
        raise Rejected("span", "ends before it begins, or lasts longer than a day")
    if steps is not None:
        yield reading(asked, Quantity.STEPS_INCREMENT, steps, start, span)


def _at(attributes: Mapping[str, str], name: str, asked: Asked) -> int:
    text = attributes.get(name, "")
    # "2026-01-05 08:00:00 +0800": without the second space it is read many times faster.
    return utc_ms(text[:19] + text[20:] if text[19:20] == " " else text, asked.time_zone)


def _export(packed: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Find the export: it is called `export.xml`, or that in the phone's language."""
    members = packed.infolist()
    if len(members) > MOST_MEMBERS:
        raise Rejected("zip_bomb", f"more than {MOST_MEMBERS} files inside")
    xml = [one for one in members if one.filename.endswith(".xml") and one.filename.count("/") < 2]  # noqa: PLR2004 - apple_health_export/export.xml
    for member in xml:
        if member.filename.rpartition("/")[2] != NOT_THE_EXPORT and not member.is_dir():
            with packed.open(member) as opened:
                if root_of(opened.read(HEAD_BYTES)) == ROOT:
                    return member
    raise Rejected("zip_without_export", "no Apple Health export inside")


class _Guarded:
    """Ends what unpacks to far more than any real export."""

    def __init__(self, unpacked: IO[bytes], packed_bytes: int) -> None:
        most = FREE_BYTES + packed_bytes * MOST_TIMES_SMALLER
        self._unpacked, self._left = unpacked, min(most, MOST_UNPACKED_BYTES)

    def read(self, size: int, /) -> bytes:
        with _zip_faults():
            block = self._unpacked.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise Rejected("zip_bomb", "unpacks to far more than an export does")
        return block

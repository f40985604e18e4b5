"""CSV: one line a time, with headings in English or Chinese; a line that is wrong is refused alone.

Read by lines and not by quoted paragraphs: then a stray quotation mark costs one line and not the
rest of the file, and every refusal has its line number. docs/howto/import-files.md shows it.
"""

import csv
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from config.errors import Rejected
from ingest.batch.limits import MAX_SPAN_MS, MAX_UTC_MS
from ingest.batch.reading import Quantity
from ingest.gateway.files import values
from ingest.gateway.files.found import Asked, BadRecord, Found, reading
from ingest.gateway.files.times import utc_ms

MOST_LINE_BYTES = 4_096
MOST_COLUMNS = 64
UTF8_MARK, UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
ENCODINGS = ("utf-8", "gb18030")
"""What spreadsheets write in China: the headings show which of the two it is."""
SEPARATORS = (",", ";", "\t", "，")

TIME, TIME_MS, SPAN_S = "time", "at_utc_ms", "span_s"
HEADINGS = {
    "time": TIME,
    "timestamp": TIME,
    "时间": TIME,
    "日期时间": TIME,
    "at_utc_ms": TIME_MS,
    "heart_rate_bpm": Quantity.HEART_RATE_BPM,
    "heart_rate": Quantity.HEART_RATE_BPM,
    "hr": Quantity.HEART_RATE_BPM,
    "bpm": Quantity.HEART_RATE_BPM,
    "心率": Quantity.HEART_RATE_BPM,
    "steps": Quantity.STEPS_INCREMENT,
    "steps_increment": Quantity.STEPS_INCREMENT,
    "步数": Quantity.STEPS_INCREMENT,
    "steps_counter": Quantity.STEPS_COUNTER,
    "累计步数": Quantity.STEPS_COUNTER,
    "rr_interval_ms": Quantity.RR_INTERVAL_MS,
    "rr间期": Quantity.RR_INTERVAL_MS,
    "battery_pct": Quantity.BATTERY_PCT,
    "电量": Quantity.BATTERY_PCT,
    "span_s": SPAN_S,
    "时长秒": SPAN_S,
}
MEANING = {
    Quantity.HEART_RATE_BPM: values.heart_rate_bpm,
    Quantity.STEPS_INCREMENT: values.steps,
    Quantity.STEPS_COUNTER: values.steps,
    Quantity.RR_INTERVAL_MS: values.rr_interval_ms,
    Quantity.BATTERY_PCT: values.battery_pct,
}
STEPS_SPAN_S = 60.0
"""Of steps without a column of its own: a line is a minute that starts at its time."""


def read(file: BinaryIO, asked: Asked) -> Iterator[Found]:
    """Give the readings line by line.

    Raises Rejected: `encoding` (neither UTF-8 nor GB 18030), `headings` (one that is not known, one
    that stands twice, none of a time or none of a value).
    """
    first = _line(file).removeprefix(UTF8_MARK)
    if first.startswith(UTF16_MARKS):
        raise Rejected("encoding", "UTF-16: save it as CSV UTF-8")
    encoding, separator, names = _headings(first)
    place = 1
    while line := _line(file):
        place += 1
        try:
            if line.strip():
                yield from _readings(_cells(line, encoding, separator), names, asked)
        except Rejected as error:
            yield BadRecord(error.reason, place, line.rstrip(b"\r\n"))


def _readings(cells: list[str], names: list[str], asked: Asked) -> list[Found]:
    """Return what a line says: all of it, or nothing where one cell is wrong."""
    if len(cells) != len(names):
        raise Rejected("columns", "not as many as headings")
    row = dict(zip(names, cells, strict=True))
    at = _time(row, asked)
    said: list[Found] = []
    for name, meaning in MEANING.items():
        value = meaning(values.number(row.get(name, "")))
        if value is not None:
            span = _span_ms(row) if name == Quantity.STEPS_INCREMENT else 0
            said.append(reading(asked, name, value, at, span))
    return said


def _time(row: Mapping[str, str], asked: Asked) -> int:
    if TIME in row:
        return utc_ms(row[TIME], asked.time_zone)
    text = row[TIME_MS].strip()
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_UTC_MS)):
        raise Rejected("time", "no whole number of ms")
    if int(text) > MAX_UTC_MS:
        raise Rejected("time", "outside 1970 to 9999")
    return int(text)


def _span_ms(row: Mapping[str, str]) -> int:
    span_s = values.number(row.get(SPAN_S, ""))
    span_ms = round((STEPS_SPAN_S if span_s is None else span_s) * 1000)
    if not 0 <= span_ms <= MAX_SPAN_MS:
        raise Rejected("span", "out of range")
    return span_ms


def _headings(line: bytes) -> tuple[str, str, list[str]]:
    """Return encoding, separator and the meaning of each column."""
    faults = []
    for encoding in ENCODINGS:
        for separator in SEPARATORS:
            try:
                cells = _cells(line, encoding, separator)
                return encoding, separator, _meanings(cells)
            except Rejected as error:
                faults.append((len(line.split(separator.encode(encoding))), error))
    # Of the ways to read it, tell the fault of the one that has the most columns.
    raise max(faults, key=lambda fault: fault[0])[1]


def _meanings(cells: list[str]) -> list[str]:
    names = [_plain(cell) for cell in cells]
    unknown = [number for number, name in enumerate(names, start=1) if name not in HEADINGS]
    if unknown or len(names) > MOST_COLUMNS:
        raise Rejected("headings", f"not known: columns {', '.join(map(str, unknown[:8]))}")
    meanings = [str(HEADINGS[name]) for name in names]
    if len(set(meanings)) != len(meanings):
        raise Rejected("headings", "two columns of one meaning")
    if (TIME in meanings) == (TIME_MS in meanings):
        raise Rejected("headings", "one column of times is needed")
    if not any(quantity in meanings for quantity in MEANING):
        raise Rejected("headings", "no column of values")
    return meanings


def _plain(heading: str) -> str:
    """Return a heading without its unit in brackets, spaces and capitals."""
    heading = heading.strip().casefold().replace("（", "(").replace("_(", "(")
    return heading.partition("(")[0].strip().replace(" ", "_")


def _cells(line: bytes, encoding: str, separator: str) -> list[str]:
    if len(line) > MOST_LINE_BYTES:
        raise Rejected("too_large", f"a line of more than {MOST_LINE_BYTES} bytes")
    try:
        text = line.rstrip(b"\r\n").decode(encoding)
    except UnicodeDecodeError as error:
        raise Rejected("encoding", "neither UTF-8 nor GB 18030") from error
    if "\x00" in text:
        raise Rejected("encoding", "not a text file")
    try:
        return next(csv.reader([text], delimiter=separator, strict=True))
    except (csv.Error, StopIteration) as error:
        raise Rejected("columns", "a quotation mark without its second") from error


def _line(file: BinaryIO) -> bytes:
    """Return the next line; of one that is too long the beginning, and skip the rest of it."""
    line = file.readline(MOST_LINE_BYTES + 1)
    if len(line) > MOST_LINE_BYTES and not line.endswith(b"\n"):
        while (rest := file.readline(2**16)) and not rest.endswith(b"\n"):
            pass
    return line

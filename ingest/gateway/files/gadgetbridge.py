"""Gadgetbridge's database (SQLite), as its "Export" writes it. Facts of the tables alone are used.

A sample belongs to a row of DEVICE, whose IDENTIFIER is the band's address: only samples of the
registered band are taken, or of the address that was asked for. Times are Unix seconds, in newer
tables milliseconds; -1, 0 and 255 of a pulse are none, -1 of steps is none.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import apsw

from config.errors import Rejected
from ingest.batch.limits import MAX_UTC_MS
from ingest.batch.reading import Quantity, Reading
from ingest.gateway.files import values
from ingest.gateway.files.found import Asked, BadRecord, Found, Left, reading
from ingest.gateway.files.times import wall_ms

MAGIC = b"SQLite format 3\x00"
FIRST_MS = 10**11
"""In ms a day of 1973, in seconds the year 5138: which of the two a table has is not documented."""
MOST_ROW_BYTES = 2**20
STEPS_A_MINUTE_AT_MOST = 300
"""Nobody takes more. In tables of longer spans a row over it is a day's total at midnight, which
some versions wrote among the quarters of an hour: taken as one of them it would count twice."""
MINUTE_MS = 60_000


class Table(NamedTuple):
    """What one table of samples holds."""

    has_pulse: bool
    steps_span_ms: int = 0
    """0: its steps are not taken."""
    is_read_by_radio: bool = False
    """The radio reads the same memory of these bands, with stamps of their own wall clock."""


TABLES = {
    "MI_BAND_ACTIVITY_SAMPLE": Table(has_pulse=True, steps_span_ms=MINUTE_MS),
    "HUAMI_EXTENDED_ACTIVITY_SAMPLE": Table(has_pulse=True, steps_span_ms=MINUTE_MS),
    "HUAMI_HEART_RATE_MANUAL_SAMPLE": Table(has_pulse=True),
    "XIAOMI_ACTIVITY_SAMPLE": Table(has_pulse=True, steps_span_ms=MINUTE_MS),
    "COLMI_ACTIVITY_SAMPLE": Table(
        has_pulse=False, steps_span_ms=15 * MINUTE_MS, is_read_by_radio=True
    ),
    "COLMI_HEART_RATE_SAMPLE": Table(has_pulse=True, is_read_by_radio=True),
    "MOYOUNG_HEART_RATE_SAMPLE": Table(has_pulse=True),
}
"""Of the families of this project, and those whose samples are by the minute."""
BATTERY_TABLE = "BATTERY_LEVEL"


def read(file: BinaryIO, asked: Asked) -> Iterator[Found]:
    """Give pulse, steps and battery of one device.

    Raises Rejected: `not_gadgetbridge`, `source` (the band is not in it), `malformed` (damaged).
    """
    try:
        yield from _read(_opened(Path(file.name)), asked)
    except (apsw.Error, UnicodeDecodeError) as error:  # text that is none is damage too
        raise Rejected("malformed", "the database is damaged") from error


def _opened(path: Path) -> apsw.Connection:
    """Open a file that nobody vouches for: nothing in it is run, and nothing is written to it."""
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    db = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
    db.limit(apsw.SQLITE_LIMIT_LENGTH, MOST_ROW_BYTES)
    db.execute("PRAGMA cell_size_check = ON")
    db.execute("PRAGMA mmap_size = 0")
    return db


def _read(db: apsw.Connection, asked: Asked) -> Iterator[Found]:
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    known = [name for name in (*TABLES, BATTERY_TABLE) if name in tables]
    if "DEVICE" not in tables or not known:
        raise Rejected("not_gadgetbridge", "none of the tables that are read")
    devices = {
        number: str(address)
        for number, address in db.execute("SELECT _id, IDENTIFIER FROM DEVICE ORDER BY _id")
    }
    wanted = (asked.source or asked.device_key).casefold()
    ours = [number for number, address in devices.items() if address.casefold() == wanted]
    if not ours:
        raise Rejected("source", "the band is not among the devices of the database")
    for name in known:
        samples = _battery if name == BATTERY_TABLE else _samples
        for number in ours:
            yield from samples(db, name, number, asked)
        marks = ", ".join("?" * len(ours))
        statement = f"SELECT count(*) FROM {name} WHERE DEVICE_ID NOT IN ({marks})"  # noqa: S608 - our own names
        (others,) = db.execute(statement, ours).fetchone() or (0,)
        if others:
            yield Left("other_source", others)


def _samples(db: apsw.Connection, name: str, device: int, asked: Asked) -> Iterator[Found]:
    table = TABLES[name]
    columns = {row[1] for row in db.execute(f"PRAGMA table_info({name})")}
    pulse = "HEART_RATE" if table.has_pulse and "HEART_RATE" in columns else None
    steps = "STEPS" if table.steps_span_ms and "STEPS" in columns else None
    statement = (
        f"SELECT TIMESTAMP, {pulse or 'NULL'}, {steps or 'NULL'} FROM {name} "  # noqa: S608 - our own names
        "WHERE DEVICE_ID = ? ORDER BY TIMESTAMP"
    )
    for place, row in enumerate(db.execute(statement, (device,)), start=1):
        stamp, bpm, count = row
        try:
            at = _at_ms(stamp)
            rate = values.heart_rate_bpm(_number(bpm))
            if rate is not None:
                yield _stamped(reading(asked, Quantity.HEART_RATE_BPM, rate, at), table, asked)
            walked = values.steps(_number(count))
            if walked is not None:
                if walked > STEPS_A_MINUTE_AT_MOST * table.steps_span_ms / MINUTE_MS:
                    raise Rejected("value", "more steps than anybody takes")  # noqa: TRY301 - as the rest
                taken = reading(asked, Quantity.STEPS_INCREMENT, walked, at, table.steps_span_ms)
                yield _stamped(taken, table, asked)
        except Rejected as error:
            yield BadRecord(error.reason, place, f"{name}{row!r}".encode())


def _stamped(taken: Reading, table: Table, asked: Asked) -> Reading:
    if not table.is_read_by_radio or asked.band_zone is None:
        return taken
    return taken._replace(device_ts_ms=wall_ms(taken.at_utc_ms, asked.band_zone))


def _battery(db: apsw.Connection, name: str, device: int, asked: Asked) -> Iterator[Found]:
    columns = {row[1] for row in db.execute(f"PRAGMA table_info({name})")}
    # A second battery is an earbud's or a case's: of a band there is one.
    only = "AND BATTERY_INDEX = 0" if "BATTERY_INDEX" in columns else ""
    statement = f"SELECT TIMESTAMP, LEVEL FROM {name} WHERE DEVICE_ID = ? {only} ORDER BY TIMESTAMP"  # noqa: S608 - our own names
    for place, row in enumerate(db.execute(statement, (device,)), start=1):
        try:
            level = values.battery_pct(_number(row[1]))
            if level is not None:
                yield reading(asked, Quantity.BATTERY_PCT, level, _at_ms(row[0]))
        except Rejected as error:
            yield BadRecord(error.reason, place, f"{name}{row!r}".encode())


def _at_ms(stamp: object) -> int:
    """Return ms UTC of seconds or of milliseconds: after 1973 no number can be both."""
    if isinstance(stamp, bool) or not isinstance(stamp, int) or stamp < 0:
        raise Rejected("time", "no number")
    at = stamp if stamp >= FIRST_MS else stamp * 1000
    if at > MAX_UTC_MS:
        raise Rejected("time", "outside 1970 to 9999")
    return at


def _number(item: object) -> float | None:
    if item is None:
        return None
    if not isinstance(item, int | float):
        raise Rejected("value", "no number")
    return float(item)

"""FIT files (Garmin, Wahoo, Coros, Zwift and most watches): read through fitdecode (MIT).

Facts: the FIT protocol and its public profile. Field numbers below are the profile's. A FIT file
may be several in a row, each with its own CRC. A part whose CRC is wrong is refused whole, for no
one can say which of its values are damaged; one that is cut short gives what comes before the cut.
Fields of developers (Connect IQ) are ignored: only the profile says what a number means.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from config.errors import Rejected
from ingest.batch.reading import Quantity, Reading
from ingest.gateway.files import values
from ingest.gateway.files.fit_beats import Beats
from ingest.gateway.files.fit_events import HeartRateEvents
from ingest.gateway.files.fit_monitoring import Monitoring
from ingest.gateway.files.fit_times import stamp_ms
from ingest.gateway.files.found import Asked, BadRecord, Found, reading

MAGIC, MAGIC_AT = b".FIT", 8
MOST_BYTES = 64 * 2**20
"""Ten days at once a second with positions; what is longer is no workout and no day of a watch."""
TIMESTAMP, TIMESTAMP_FIELD = "timestamp", 253
RECORD, DEVICE_INFO, MONITORING, HRV, MONITORING_INFO, HR = 20, 23, 55, 78, 103, 132
HEART_RATE, BATTERY_LEVEL, DEVICE_INDEX, BEAT_TIMES = 3, 32, 0, 0
THE_DEVICE_ITSELF = 0

Fields = Mapping[int, Any]
"""Raw values by field number; None where the file holds the profile's sentinel for "invalid"."""


def read(file: BinaryIO, asked: Asked) -> Iterator[Found]:
    """Give the readings of a FIT file: pulse, beats, steps, battery.

    Raises Rejected, after all that could be read: `crc`, `cut_short`, `malformed`, `too_large`.
    """
    import fitdecode  # type: ignore[import-untyped]  # noqa: PLC0415 - the extra `files` brings it

    if file.seek(0, 2) > MOST_BYTES:
        raise Rejected("too_large", f"more than {MOST_BYTES >> 20} MiB")
    file.seek(0)
    part, damaged = _Part(asked), 0
    try:
        for frame in _frames(file):
            match frame.frame_type:
                case fitdecode.FIT_FRAME_DATA:
                    part.take(frame)
                case fitdecode.FIT_FRAME_CRC:
                    damaged += not frame.matched
                    yield from part.found if frame.matched else ()
                    part = _Part(asked)
    except Rejected:
        yield from part.found
        raise
    if damaged:
        raise Rejected("crc", f"parts of the file that are damaged: {damaged}")


def _frames(file: BinaryIO) -> Iterator[Any]:
    """Give fitdecode's frames; raise Rejected for whatever it raises on bytes that lie."""
    import fitdecode  # noqa: PLC0415 - as above

    frames = fitdecode.FitReader(
        file,
        processor=None,
        check_crc=fitdecode.CrcCheck.READONLY,
        error_handling=fitdecode.ErrorHandling.IGNORE,
        keep_raw_chunks=True,
    )
    try:
        yield from frames
    except fitdecode.FitEOFError as error:
        raise Rejected("cut_short", "the file ends in the middle of a record") from error
    except fitdecode.FitHeaderError as error:
        raise Rejected("malformed", "no FIT header where one must be") from error
    except MemoryError:
        raise
    except Exception as error:  # of many kinds, from KeyError to AssertionError
        raise Rejected("malformed", "a record cannot be read") from error


class _Part:
    """One FIT file of those in a row: what was found, held until its CRC is known."""

    def __init__(self, asked: Asked) -> None:
        self.found: list[Found] = []
        self._asked = asked
        self._records = 0
        self._beats, self._events, self._monitoring = Beats(), HeartRateEvents(), Monitoring()
        self._takers: dict[int, Callable[[Fields], Iterator[Reading]]] = {
            RECORD: self._record,
            DEVICE_INFO: self._device_info,
            HRV: self._hrv,
            HR: self._hr,
            MONITORING_INFO: self._monitoring_info,
            MONITORING: self._monitored,
        }

    def take(self, frame: Any) -> None:  # noqa: ANN401 - fitdecode carries no types
        """Take one data message."""
        taker = self._takers.get(frame.global_mesg_num)
        if taker is None:
            return
        self._records += 1
        try:
            self.found.extend(taker(_fields(frame)))
        except Rejected as error:
            self.found.append(BadRecord(error.reason, self._records, frame.chunk.bytes))

    def _record(self, fields: Fields) -> Iterator[Reading]:
        at = stamp_ms(fields.get(TIMESTAMP_FIELD))
        self._beats.seen(at)
        bpm = values.heart_rate_bpm(_one(fields.get(HEART_RATE)))
        if bpm is not None:
            yield reading(self._asked, Quantity.HEART_RATE_BPM, bpm, at)

    def _device_info(self, fields: Fields) -> Iterator[Reading]:
        level = values.battery_pct(_one(fields.get(BATTERY_LEVEL)))
        if level is not None and fields.get(DEVICE_INDEX) == THE_DEVICE_ITSELF:
            at = stamp_ms(fields.get(TIMESTAMP_FIELD))
            yield reading(self._asked, Quantity.BATTERY_PCT, level, at)

    def _hrv(self, fields: Fields) -> Iterator[Reading]:
        for at, interval in self._beats.take(_all(fields.get(BEAT_TIMES))):
            yield reading(self._asked, Quantity.RR_INTERVAL_MS, interval, at)

    def _hr(self, fields: Fields) -> Iterator[Reading]:
        for at, bpm in self._events.take(fields):
            yield reading(self._asked, Quantity.HEART_RATE_BPM, bpm, at)

    def _monitoring_info(self, fields: Fields) -> Iterator[Reading]:
        self._monitoring.begin(fields)
        return iter(())

    def _monitored(self, fields: Fields) -> Iterator[Reading]:
        said = self._monitoring.take(fields)
        if said.bpm is not None:
            yield reading(self._asked, Quantity.HEART_RATE_BPM, said.bpm, said.at_utc_ms)
        if said.steps is not None:
            start = said.at_utc_ms - said.steps_span_ms
            quantity = Quantity.STEPS_INCREMENT
            yield reading(self._asked, quantity, said.steps, start, said.steps_span_ms)


def _fields(frame: Any) -> Fields:  # noqa: ANN401 - fitdecode carries no types
    """Return the raw values: the profile's own fields, and the time of a compressed header."""
    found: dict[int, Any] = {}
    for item in frame.fields:
        if item.field_def is None:
            if item.field is not None and item.field.name == TIMESTAMP:
                found[TIMESTAMP_FIELD] = item.raw_value
        elif not item.field_def.is_dev:
            found.setdefault(item.field_def.def_num, item.raw_value)
    return found


def _one(value: object) -> float | None:
    """Return the number of a field; of a field given as several numbers, none can be meant."""
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise Rejected("value", "several numbers where one is due")
    return float(value)


def _all(value: object) -> tuple[float | None, ...]:
    return value if isinstance(value, tuple) else (_one(value),)

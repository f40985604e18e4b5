"""The records in the logs of YCBT bands: of one length each, back to back, with the band's stamps.

A log comes in pieces that end anywhere in a record; only its end says whether all has come.
"""

from collections.abc import Iterable, Sequence

from config.errors import Rejected
from devices.family import Family
from devices.value import HEART_RATE_BPM, STEPS_COUNTER, STEPS_INCREMENT, Decoded, Value
from devices.wall_clock import stamp
from devices.ycbt_frames import ALL_LOG, PULSE_LOG, SPORT_LOG, LogEnd, crc16

YEAR_2000_MS = stamp(2000, 1, 1)
MOST_BPM = 250
RECORD_BYTES = {SPORT_LOG: 14, PULSE_LOG: 6, ALL_LOG: 20}
MOST_BYTES = 256 * 1024
"""More is no log: some 13,000 of the longest records."""


def stamp_ms(record: bytes, start: int = 0) -> int:
    """Return the time at which a record begins, on the band's clock."""
    return YEAR_2000_MS + int.from_bytes(record[start : start + 4], "little") * 1000


def records_of(log: int, data: bytes) -> list[bytes]:
    """Return the records of a whole log; raise Rejected where the last is cut."""
    size = RECORD_BYTES[log]
    if len(data) % size:
        raise Rejected("too_short", "the last record is not whole")
    return [data[start : start + size] for start in range(0, len(data), size)]


def values_of(log: int, record: bytes) -> list[Value]:
    """Return what a record says; raise Rejected for one that cannot be."""
    if log == PULSE_LOG:
        return _pulse(record[5], stamp_ms(record))
    if log == SPORT_LOG:
        return _sport(record)
    steps = Value(STEPS_COUNTER, _u16(record, 4), device_ts_ms=stamp_ms(record))
    return [steps, *_pulse(record[6], stamp_ms(record))]


def _pulse(bpm: int, at_ms: int) -> list[Value]:
    if bpm > MOST_BPM:
        raise Rejected("out_of_range", "no such pulse")
    return [Value(HEART_RATE_BPM, bpm, device_ts_ms=at_ms)] if bpm else []


def _sport(record: bytes) -> list[Value]:
    begun_ms, ended_ms = stamp_ms(record), stamp_ms(record, 4)
    if ended_ms <= begun_ms:
        raise Rejected("out_of_range", "an end that is not after the beginning")
    steps, distance_m, kcal = (_u16(record, start) for start in (8, 10, 12))
    if not steps and not distance_m and not kcal:
        return []  # a slot in which nothing was counted, be it worn or not
    span_ms = ended_ms - begun_ms
    return [Value(STEPS_INCREMENT, steps, span_ms=span_ms, device_ts_ms=begun_ms)]


def _u16(record: bytes, start: int) -> int:
    return int.from_bytes(record[start : start + 2], "little")


class Log:
    """One log on its way: its pieces, in the order in which they came."""

    def __init__(self, key: int) -> None:
        self.key = key
        self.has_begun = False
        self._data = b""

    def take(self, piece: bytes) -> None:
        """Add a piece; one too many spoils the log, and its end will say so."""
        self.has_begun = True
        if len(self._data) <= MOST_BYTES:
            self._data += piece

    def whole(self, end: LogEnd) -> bytes | None:
        """Return all of it if that is what the band says it sent, None if something is amiss."""
        is_whole = len(self._data) & 0xFFFF == end.size_bytes and crc16(self._data) == end.crc
        return self._data if is_whole else None


def decode_records(log: int, frames: Sequence[bytes], service_data: bytes | None) -> Decoded:
    """Decode a log put together already, without the heads of its frames."""
    if service_data is not None:
        raise Rejected("unknown_form", "this family has no service data")
    data = b"".join(frames)
    if not data:
        raise Rejected("too_short", "no record")
    records = records_of(log, data)
    return Decoded(tuple(all_values(log, records)), {"records": len(records)})


def all_values(log: int, records: Iterable[bytes]) -> list[Value]:
    """Return what all records of a log say; raise Rejected if one cannot be."""
    return [value for record in records for value in values_of(log, record)]


def history_family(
    log: int, *, key: str, title: str, interval_s: float | None, history: str, limits: str
) -> Family:
    """Return the family of a log by itself, so that a recorded one can be named."""
    return Family(
        key=key,
        title=title,
        decode=lambda frames, service_data: decode_records(log, frames, service_data),
        payable_interval_s=interval_s,
        authentication="none",
        history=history,
        links="read over the band's link",
        evidence="PulseLoop's tests (CC-BY-4.0), with the log of a TK5 ring as it was recorded",
        limits=limits,
        shortest_frame=RECORD_BYTES[log],
    )

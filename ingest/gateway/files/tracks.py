"""TCX and GPX: the pulse of the points of a track. Neither format has a field for steps.

Times are UTC by both formats; a time without a zone is taken only where the zone is said.
"""

from collections.abc import Iterator
from typing import BinaryIO

from config.errors import Rejected
from ingest.batch.reading import Quantity
from ingest.gateway.files import values
from ingest.gateway.files.found import Asked, BadRecord, Found, reading
from ingest.gateway.files.times import utc_ms
from ingest.gateway.files.xml_records import XmlRecord, records

TCX_ROOT, TCX_POINT, TCX_TIME, TCX_PULSE = (
    "TrainingCenterDatabase",
    "Trackpoint",
    "Time",
    "HeartRateBpm/Value",
)
GPX_ROOT, GPX_POINT, GPX_TIME = "gpx", "trkpt", "time"
GPX_PULSES = ("hr", "heartrate", "HeartRate")
"""Garmin's TrackPointExtension v1 and v2, ClueTrust's, and some makers' own."""


def read_tcx(file: BinaryIO, asked: Asked) -> Iterator[Found]:
    """Give the pulse of each point that has one; raises as `xml_records.records`."""
    return _points(file, asked, TCX_POINT, TCX_TIME, (TCX_PULSE,))


def read_gpx(file: BinaryIO, asked: Asked) -> Iterator[Found]:
    """Give the pulse of each point that has one; raises as `xml_records.records`."""
    return _points(file, asked, GPX_POINT, GPX_TIME, GPX_PULSES)


def _points(
    file: BinaryIO, asked: Asked, point: str, time: str, pulses: tuple[str, ...]
) -> Iterator[Found]:
    points = records(file, is_record=lambda name, _attributes: name == point, paths={time, *pulses})
    for record in points:
        try:
            yield from _pulse(record, asked, time, pulses)
        except Rejected as error:
            yield BadRecord(error.reason, record.place, record.data)


def _pulse(record: XmlRecord, asked: Asked, time: str, pulses: tuple[str, ...]) -> Iterator[Found]:
    text = next((record.texts[path] for path in pulses if path in record.texts), "")
    bpm = values.heart_rate_bpm(values.number(text))
    if bpm is not None:
        at = utc_ms(record.texts.get(time, ""), asked.time_zone)
        yield reading(asked, Quantity.HEART_RATE_BPM, bpm, at)

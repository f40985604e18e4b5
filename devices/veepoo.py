"""Veepoo bands and rings (H Band, H Ring): live pulse, totals of the day, and a memory by minutes.

Layout: `veepoo_frames` and `veepoo_records`.
"""

from collections.abc import Sequence

from config.errors import Rejected
from devices import veepoo_frames
from devices.family import Family
from devices.value import Decoded, Value
from devices.veepoo_frames import Hello, Live, Other, Part, Totals
from devices.veepoo_records import START, Parts, Record, fields, record_of, values_of
from devices.veepoo_talk import VeepooTalk, single


def decode(frames: Sequence[bytes], service_data: bytes | None = None) -> Decoded:
    """Decode frames in a row: as the band sends them, or the fields of one record without a head.

    The band's records bear no year, so their values have no stamp here; `info` tells their start.
    """
    if service_data is not None:
        raise Rejected("unknown_form", "this family has no service data")
    if not frames:
        raise Rejected("too_short", "no frame")
    values: list[Value] = []
    info: dict[str, object] = {}
    records: list[Record] = []
    parts = Parts()
    for frame in frames:
        if frame[:1] == bytes((START,)):
            found, is_whole = fields(frame)
            if not is_whole:
                raise Rejected("too_short", "the last field is not whole")
            records.append(record_of(found))
            continue
        message = veepoo_frames.read(frame)
        if isinstance(message, Part):
            record = parts.take(message)
            records += [] if record is None else [record]
        values += single(message)
        info |= _told(message)
    rest, all_whole = parts.rest()
    records += rest
    if not all_whole:
        raise Rejected("incomplete", "a record of the day lacks a part")
    for record in records:
        values += values_of(record, None)
    if records:
        info["starts"] = [_start(record) for record in records]
    return Decoded(tuple(values), info)


def _start(record: Record) -> str:
    hour, minute = divmod(record.minute_of_day, 60)
    return f"{record.month:02}-{record.day:02}T{hour:02}:{minute:02}"


def _told(message: veepoo_frames.Message) -> dict[str, object]:
    """Return what a message says beside its values."""
    match message:
        case Hello():
            return {"hello_status": message.status}
        case Live():
            return {"worn": _worn(message)}
        case Totals():
            return {"distance_m": message.distance_m}
        case Other():
            return {"command": f"{message.command:02x}"}
        case _:
            return {}


def _worn(message: Live) -> bool | None:
    """Say whether the band is worn; None while it looks for the pulse."""
    if message.bpm in veepoo_frames.NOT_WORN:
        return False
    return None if message.bpm in veepoo_frames.NO_BPM else True


FAMILY = Family(
    key="veepoo",
    title="Veepoo bands and rings (H Band, H Ring)",
    decode=decode,
    payable_interval_s=1,
    authentication=(
        "none but a fixed hello (password 0000); the band takes one connection, "
        "so the phone's app must be closed"
    ),
    history="about three days by five minutes: five pulses and the steps of each",
    links="one link for each band while its pulse is live; some seconds for its memory",
    evidence="public clients of three models, with values read from a TK20 ring",
    limits=(
        "The memory counts as one pulse a minute by its layout: check it for each model. "
        "A band may clear what was read. "
        "Its frames have no checksum, and a record that is lost whole cannot be missed."
    ),
    service_uuid=veepoo_frames.SERVICE,
    talk=VeepooTalk,
    has_memory=True,
)

"""YCBT rings and bands (SmartHealth; TK5, R99, E66): live pulse and steps, and a memory of both.

Layout: `ycbt_frames` and `ycbt_records`.
"""

from collections.abc import Sequence

from config.errors import Rejected
from devices import ycbt_frames
from devices.family import Family, Vibration
from devices.talk import Write
from devices.value import Decoded, Value
from devices.ycbt_frames import Battery, LogEnd, LogHead, LogPart, Other, Push, Refusal, Started
from devices.ycbt_records import Log, all_values, records_of
from devices.ycbt_talk import YcbtTalk, single


def decode(frames: Sequence[bytes], service_data: bytes | None = None) -> Decoded:
    """Decode notifications in a row, as they came over one characteristic; a log takes several."""
    if service_data is not None:
        raise Rejected("unknown_form", "this family has no service data")
    values: list[Value] = []
    info: dict[str, object] = {}
    reassembly, log = ycbt_frames.reassembly(), None
    whole = [frame for piece in frames for frame in reassembly.take(piece)]
    if reassembly.is_waiting or not whole:
        raise Rejected("too_short", "the last frame is not whole")
    for frame in whole:
        message = ycbt_frames.read(frame)
        match message:
            case LogPart():
                log = log or Log(message.key)
                log.take(message.piece)
            case LogEnd():
                values += _values(log, message)
                log = None
        values += single(message)
        info |= _told(message)
    if log is not None:
        raise Rejected("incomplete", "the log lacks its end")
    return Decoded(tuple(values), info)


def _values(log: Log | None, end: LogEnd) -> list[Value]:
    data = None if log is None else log.whole(end)
    if log is None or data is None:
        raise Rejected("bad_checksum", "the log is not what its end says")
    return all_values(log.key, records_of(log.key, data))


def _told(message: ycbt_frames.Message) -> dict[str, object]:
    """Return what a message says beside its values."""
    told: dict[str, object] = {}
    match message:
        case Battery(is_charging=bool()):
            told = {"charging": message.is_charging}
        case ycbt_frames.Totals():
            told = {"distance_m": message.distance_m}
        case Started():
            told = {"accepted": message.is_accepted}
        case Refusal():
            told = {"refused": f"{message.group:02x}{message.key:02x}"}
        case Push():
            told = {"push": f"{message.key:02x}"}
        case LogHead():
            told = {"records": message.records or 0}
        case Other():
            told = {"command": f"{message.group:02x}{message.key:02x}"}
    return told


FAMILY = Family(
    key="ycbt",
    title="YCBT rings and bands (SmartHealth; TK5, R99, E66)",
    decode=decode,
    payable_interval_s=1,
    authentication="none; the band takes one connection, so the phone's app must be closed",
    history="about a week: pulse and the day's steps as often as the band is set, and step records",
    links="one link for each band while its pulse is live; some seconds for its memory",
    evidence=(
        "PulseLoop's protocol notes and tests (CC-BY-4.0), with frames recorded from a TK5; "
        "the same firmware on Colmi rings was never connected by them"
    ),
    limits=(
        "Its memory of the pulse builds no bout: half an hour or more lies between two values. "
        "A TK5 tells a stored resting pulse of about 87 by the Heart Rate Service with nobody "
        "wearing it: that service is not read where this family's is offered. "
        "It does not say on the air what it is: register it with its family. "
        "A live pulse may come only some 20 s after the start."
    ),
    service_uuid=ycbt_frames.SERVICE,
    talk=YcbtTalk,
    has_memory=True,
    vibration=Vibration(
        (Write(ycbt_frames.COMMAND, ycbt_frames.FIND, response=True),),
        "the command to find it, with the three numbers that the maker's app sends "
        "(PulseLoop's tests; not tried on a ring by them)",
    ),
    has_stored_pulse=True,
    shortest_frame=ycbt_frames.SHORTEST_FRAME,
)

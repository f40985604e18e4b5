"""Colmi rings (R02, R03, R06, R09, R10): live pulse, and a memory of pulse and steps.

Layout: `colmi_frames`. The same rings are sold with another firmware (SmartHealth) under the same
name: only those with the service below are of this family.
"""

from collections.abc import Iterator, Sequence

from config.errors import Rejected
from devices import colmi_frames
from devices.colmi_frames import FRAME_BYTES, Battery, Live, LogHead, LogPart, Quarter, Settings
from devices.colmi_talk import ColmiTalk
from devices.colmi_values import PulseDay, single
from devices.family import Family, Vibration
from devices.talk import Write
from devices.value import Decoded, Value
from devices.wall_clock import DAY_MS


def decode(frames: Sequence[bytes], service_data: bytes | None = None) -> Decoded:
    """Decode frames in a row, also several in one string of bytes; a log may take 24 of them."""
    if service_data is not None:
        raise Rejected("unknown_form", "this family has no service data")
    values: list[Value] = []
    info: dict[str, object] = {}
    day: PulseDay | None = None
    for frame in _split(frames):
        message = colmi_frames.read(frame)
        if isinstance(message, LogHead | LogPart):
            if day is None or (isinstance(message, LogHead) and day.parts):
                values += [] if day is None else day.values()
                day = PulseDay()
            day.take(message)
        else:
            values += single(message)
            info |= _told(message)
    if day is not None:
        values += day.values()
        info |= {"interval_min": day.head.interval_min, "missing_packets": day.missing}
    return Decoded(tuple(values), info)


def _split(frames: Sequence[bytes]) -> Iterator[bytes]:
    if not frames:
        raise Rejected("too_short", "no frame")
    for frame in frames:
        for start in range(0, max(len(frame), 1), FRAME_BYTES):
            yield frame[start : start + FRAME_BYTES]


def _told(message: colmi_frames.Message) -> dict[str, object]:
    """Return what a message says beside its values."""
    told: dict[str, object] = {}
    match message:
        case Battery():
            told = {"charging": message.is_charging}
        case Live():
            told = {"kind": message.kind, "error": message.error, "worn": _worn(message)}
        case Settings():
            told = {"log_enabled": message.is_enabled, "interval_min": message.interval_min}
        case Quarter():
            quarter = message.start_ms % DAY_MS // colmi_frames.QUARTER_MS
            told = {"quarter": quarter, "packet": message.number, "packets": message.quarters}
        case colmi_frames.StepsHead():
            told = {"packets": message.quarters}
        case colmi_frames.NoData():
            told = {"no_data": True}
        case colmi_frames.Other():
            told = {"command": f"{message.command:02x}", "refused": message.is_refusal}
    return told


def _worn(message: Live) -> bool | None:
    """Say whether the ring is worn; None while it warms up or wants another try."""
    if message.error == colmi_frames.NOT_WORN:
        return False
    return True if message.bpm and not message.error else None


FAMILY = Family(
    key="colmi",
    title="Colmi rings R02, R03, R06, R09, R10 (QRing)",
    decode=decode,
    payable_interval_s=1,
    authentication="none; the ring takes one connection, so the phone's app must be closed",
    history="seven days: pulse every five minutes, steps by quarters of an hour",
    links="one link for each ring while its pulse is live; a few seconds for its memory",
    evidence="a public client (MIT) with its recorded frames",
    limits=(
        "Its memory of the pulse builds no bout: five minutes lie between two values. "
        "The same ring is sold with SmartHealth firmware, which speaks otherwise. "
        "Live pushes of steps are not read: public sources disagree about their byte order."
    ),
    service_uuid=colmi_frames.SERVICE,
    talk=ColmiTalk,
    has_memory=True,
    vibration=Vibration(
        (Write(colmi_frames.WRITE, colmi_frames.FIND, response=False),),
        "no motor: the command to find it (50 55 AA) makes its light flash "
        "(public clients and their tests)",
        is_light=True,
    ),
    shortest_frame=FRAME_BYTES,
)

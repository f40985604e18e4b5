"""Moyoung bands (Da Fit, FireBoltt and many without a name): totals of the day, single pulses.

Layout: `moyoung_frames`.
"""

from collections.abc import Sequence

from config.errors import Rejected
from devices import moyoung_frames
from devices.family import Family, Vibration
from devices.moyoung_frames import Assembly, Totals
from devices.moyoung_talk import PULSE_EVERY_MS, MoyoungTalk, pulses
from devices.talk import Write
from devices.value import STEPS_COUNTER, Decoded, Value


def decode(frames: Sequence[bytes], service_data: bytes | None = None) -> Decoded:
    """Decode totals and frames in a row; a long frame may come in several notifications."""
    if service_data is not None:
        raise Rejected("unknown_form", "this family has no service data")
    if not frames:
        raise Rejected("too_short", "no frame")
    values: list[Value] = []
    info: dict[str, object] = {}
    assembly = Assembly()
    for data in frames:
        if assembly.is_open or moyoung_frames.is_frame(data):
            message = assembly.take(data)
            if message is not None:
                values += pulses(message)
                info |= {"command": f"{message.command:02x}", "payload": message.payload.hex()}
        else:
            totals = moyoung_frames.read_totals(data)
            values.append(Value(STEPS_COUNTER, totals.steps))
            info |= _told(totals)
    if assembly.is_open:
        raise Rejected("too_short", "the rest of a frame is missing")
    return Decoded(tuple(values), info)


def _told(totals: Totals) -> dict[str, object]:
    return {"distance_m": totals.distance_m, "kcal": totals.kcal}


FAMILY = Family(
    key="moyoung",
    title="Moyoung bands (Da Fit, FireBoltt)",
    decode=decode,
    payable_interval_s=PULSE_EVERY_MS / 1000,
    authentication="none; the band takes one connection, so the phone's app must be closed",
    history="steps and pulse of some days on some models: not read, no recorded frames of them",
    links="one link for each band while it is in reach: the totals are read every ten seconds",
    evidence="a capture of a FireBoltt 148; public clients, one written against an MT863",
    limits=(
        "For steps: a pulse is measured when asked for, every two minutes, and builds no bout. "
        "The Heart Rate Service that some offer is not used: on the MT863 it says nothing, "
        "and no other was worn beside a strap. "
        "Which way round steps and metres come was disputed: steps first, by all captures."
    ),
    service_uuid=moyoung_frames.SERVICE,
    talk=MoyoungTalk,
    vibration=Vibration(
        tuple(
            Write(
                moyoung_frames.WRITE,
                moyoung_frames.frame(form, moyoung_frames.FIND),
                response=False,
            )
            for form in (moyoung_frames.WIDE, moyoung_frames.OLD)
        ),
        "the command to find it, in both forms: a band hears its own (Gadgetbridge's constants; "
        "public clients and a test of theirs)",
    ),
    has_stored_pulse=True,
    shortest_frame=moyoung_frames.HEAD_BYTES,
)

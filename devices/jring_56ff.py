"""Jring rings (KeepFit, JYouPro, SMART_RING): live pulse, the day's steps, and the charge.

Layout: `jring_frames`. Other makers use the number 0x56FF with other characteristics, and older
JYou bands (Y5) these characteristics with other frames: those are refused.
"""

from devices import jring_frames
from devices.family import Family, each
from devices.jring_frames import FRAME_BYTES, Clock, Other, Pulse, Totals
from devices.jring_talk import JringTalk, single
from devices.value import Decoded
from devices.wall_clock import shown


def decode(frame: bytes) -> Decoded:
    """Decode one frame. What it was stamped with stands in `info`: its values are true now."""
    message = jring_frames.read(frame)
    return Decoded(tuple(single(message)), _told(message))


def _told(message: jring_frames.Message) -> dict[str, object]:
    """Return what a message says beside its values."""
    match message:
        case Clock() | Pulse(shown_ms=int()):
            return {"clock": shown(message.shown_ms or 0).replace(tzinfo=None).isoformat()}
        case Totals():
            clock = shown(message.shown_ms).replace(tzinfo=None).isoformat()
            return {"clock": clock, "distance_m": message.distance_m}
        case Other():
            return {"command": f"{message.command:02x}"}
        case _:
            return {}


FAMILY = Family(
    key="jring_56ff",
    title="Jring rings (KeepFit, JYouPro, SMART_RING; service 0x56FF)",
    decode=each(decode),
    payable_interval_s=1,
    authentication=(
        "none; set it up once with the maker's app, then close that: the ring takes one connection"
    ),
    history="none is read: public sources do not agree how far apart its values are",
    links="one link for each ring, all the time; it leaves after 20 s without a word",
    evidence="PulseLoop's tests (CC-BY-4.0), with frames recorded from a ring",
    limits=(
        "How often a live pulse comes was not recorded: a second is the layout's best. "
        "That the day's steps are answered on demand follows from the form of its other commands. "
        "Its frames have no checksum. "
        "What it tells by the Heart Rate Service is not read before a wear test: "
        "rings of this price were seen to tell a stored pulse there."
    ),
    service_uuid=jring_frames.SERVICE,
    talk=JringTalk,
    has_stored_pulse=True,
    shortest_frame=FRAME_BYTES,
)

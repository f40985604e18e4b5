"""FitPro bands (LH716, LT716, LM517): steps by quarters of an hour, and pulses now and then.

Layout: `fitpro_frames`.
"""

from collections.abc import Sequence

from config.errors import Rejected
from devices import fitpro_frames
from devices.family import Family, Vibration
from devices.fitpro_frames import HEAD_BYTES, Acknowledgement
from devices.fitpro_talk import FitproTalk, values_of
from devices.talk import Write
from devices.value import Decoded, Value


def decode(frames: Sequence[bytes], service_data: bytes | None = None) -> Decoded:
    """Decode notifications in a row; a frame may take several."""
    if service_data is not None:
        raise Rejected("unknown_form", "this family has no service data")
    values: list[Value] = []
    info: dict[str, object] = {}
    reassembly = fitpro_frames.reassembly()
    whole = [frame for piece in frames for frame in reassembly.take(piece)]
    if reassembly.is_waiting or not whole:
        raise Rejected("too_short", "the last frame is not whole")
    for frame in whole:
        message = fitpro_frames.read(frame)
        if isinstance(message, Acknowledgement):
            info["acknowledged"] = f"{message.group:02x}"
        else:
            values += values_of(message)
            info["command"] = f"{message.group:02x}{message.command:02x}"
    return Decoded(tuple(values), info)


FAMILY = Family(
    key="fitpro",
    title="FitPro bands (LH716, LT716, LM517)",
    decode=decode,
    payable_interval_s=120,
    authentication="none; the band takes one connection, so the phone's app must be closed",
    history="what it has not told yet: steps by quarters of an hour, and the pulses it took",
    links="a link of some ten seconds for each band at each of its turns",
    evidence="Gadgetbridge's constants and tests (facts only), with frames recorded from bands",
    limits=(
        "Steps alone, in the main: the band takes a pulse as often as it is set in the maker's "
        "app, every two minutes at best, which builds no bout. "
        "It forgets what was acknowledged, and nowhere says that it has told all. "
        "Its running total is not read: sources disagree where it stands. "
        "A slot of steps is a quarter of an hour by its numbering and by the recorded steps "
        "(2,052 in one), though one source calls it five minutes. "
        "Whether it stores a pulse that nobody wears is not known."
    ),
    service_uuid=fitpro_frames.SERVICE,
    talk=FitproTalk,
    has_memory=True,
    vibration=Vibration(
        (Write(fitpro_frames.WRITE, fitpro_frames.FIND, response=True),),
        "the command to find it (Gadgetbridge's constants; two more public clients)",
    ),
    shortest_frame=HEAD_BYTES,
)

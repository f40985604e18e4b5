"""A family of bands: all that speak alike, said once. One file per family declares it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from config.errors import Rejected
from devices.talk import Talk, TalkTerms, Write
from devices.value import Decoded, Value

SIG_UUID = "0000{:04x}-0000-1000-8000-00805f9b34fb"
"""Every 16-bit UUID of the Bluetooth SIG stands for one of these."""


@dataclass(frozen=True)
class AdvertMatch:
    """What in an advert shows the family, and carries its values."""

    company_id: int | None = None
    service_data_uuid: str | None = None


class Vibration(NamedTuple):
    """How a band is made to shake its wearer's wrist; see `devices.vibration`."""

    writes: tuple[Write, ...]
    says: str
    """What it does, and where that was read: words for the reference."""
    stop: tuple[Write, ...] = ()
    """What ends it, where it does not end by itself."""
    is_light: bool = False
    """The band has no motor: it flashes."""


@dataclass(frozen=True)
class Family:
    """One family. The words are for the reference; the rest is for programs."""

    key: str
    title: str
    decode: Callable[[Sequence[bytes], bytes | None], Decoded]
    """Give what frames in a row say, with the advert's service data; raise Rejected."""
    payable_interval_s: float | None
    """Seconds between two heart rates at best; None: no heart rate. A bout wants at most 60."""
    authentication: str
    history: str
    """What the band remembers, and what of it is read."""
    links: str
    """What hearing one costs the box's radio."""
    evidence: str
    """Where the layout was read."""
    limits: str = ""
    """What to know before one is bought or believed."""
    advert: AdvertMatch | None = None
    service_uuid: str | None = None
    talk: Callable[[TalkTerms], Talk] | None = None
    has_stored_pulse: bool = False
    """Its Heart Rate Service tells a stored pulse with nobody wearing it, or may do so: where the
    service of this family is offered, that one is not listened to."""
    has_memory: bool = False
    """It remembers values, and its talk reads them."""
    vibration: Vibration | None = None
    """None: no public source says how, or it cannot; a band may still offer the service for it."""
    frame_counter: str | None = None
    """The key in `info` that changes with each new frame: one that does not change is stale."""
    shortest_frame: int = 2
    """Bytes of the shortest frame that is sound."""

    def hear_advert(
        self, manufacturer_data: Mapping[int, bytes], service_data: Mapping[str, bytes]
    ) -> Decoded:
        """Decode the parts of an advert that are this family's; raise Rejected."""
        match = self.advert or AdvertMatch()
        frame = manufacturer_data.get(match.company_id) if match.company_id is not None else None
        said = service_data.get(match.service_data_uuid) if match.service_data_uuid else None
        return self.decode([] if frame is None else [frame], said)


def each(decode: Callable[[bytes], Decoded]) -> Callable[[Sequence[bytes], bytes | None], Decoded]:
    """Make the decoder of frames in a row of a decoder of one frame that needs no other.

    Of the frames' `info` a later word replaces an earlier one.
    """

    def decode_each(frames: Sequence[bytes], service_data: bytes | None) -> Decoded:
        if service_data is not None:
            raise Rejected("unknown_form", "this family has no service data")
        if not frames:
            raise Rejected("too_short", "no frame")
        values: list[Value] = []
        info: dict[str, object] = {}
        for frame in frames:
            decoded = decode(frame)
            values += decoded.values
            info |= decoded.info
        return Decoded(tuple(values), info)

    return decode_each

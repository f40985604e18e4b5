"""What the adverts of one band say anew.

bleak calls for any change of a device that BlueZ shows: a new advert, but also a connection made or
lost, with the advert's data of before. What BlueZ signals anew is a new object in bleak's hands,
even where its bytes are the same (that is what DuplicateData asks for): so what an advert said is
told from what was said before by identity, never by value.

What cannot be read is kept aside once, and is a repetition from then on.

Of the same bytes one a second is kept: a band may send them ten times a second. Where the frame
carries a counter, the same counter is the same frame, however long it goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from config.errors import Rejected
from devices.family import Family
from devices.value import HEART_RATE_BPM, Decoded, Value
from ingest.gateway.radio.bands import Band, Part

KEPT_EVERY_S = 0.9
"""Of an unchanged value, in the long run; a little under the second at which bands speak."""
KEPT_AHEAD_S = 2.0
"""What a busy moment delayed may come all at once: that much of it is kept."""
STALE_S = 5.0
EAR_S = 3.0
"""A second adapter's hearing counts only when the first has heard nothing for so long."""
LINK_SPEAKS_S = 5.0
"""While the link gives the pulse, adverts do not; other quantities it gives more seldom."""
LINK_SPEAKS_SELDOM_S = 300.0


class Outcome(Enum):
    """What became of an advert; each is a counter."""

    TAKEN = "adverts_taken"
    REPEATED = "adverts_repeated"
    STALE = "adverts_stale"
    LINKED = "adverts_linked"
    REJECTED = "adverts_rejected"
    EMPTY = "adverts_empty"


@dataclass(frozen=True, slots=True)
class Said:
    """What one family's part of an advert gives."""

    outcome: Outcome
    values: Sequence[Value] = ()
    counted: bool = False
    """A counter in the frame shows that it is new."""
    data: bytes = b""
    reason: str = ""
    """Of a part that could not be read: its bytes, and why not."""


def is_heard_by(band: Band, adapter: str, mono_s: float) -> bool:
    """Say whether it is this adapter whose hearing of the band counts, and let it be."""
    if band.ear not in {None, adapter} and mono_s - band.ear_mono_s <= EAR_S:
        return False
    band.ear, band.ear_mono_s = adapter, mono_s
    return True


def said_anew(
    band: Band,
    family: Family,
    manufacturer_data: Mapping[int, bytes],
    service_data: Mapping[str, bytes],
    mono_s: float,
) -> Said:
    """Return what a family's part of an advert gives that was not said just before."""
    data = _bytes(family, manufacturer_data, service_data)
    part = band.parts.setdefault(_name(family, manufacturer_data, service_data), Part())
    if data in part.unreadable:
        return Said(Outcome.REPEATED)
    if data == part.data:
        if family.frame_counter is not None:
            return Said(_stale(part, mono_s))
        if not _is_due(part, mono_s):
            return Said(Outcome.REPEATED)
    else:
        _is_due(part, mono_s)
    try:
        decoded = family.hear_advert(manufacturer_data, service_data)
    except Rejected as error:
        part.unreadable.append(data)
        return Said(Outcome.REJECTED, data=data, reason=error.reason)
    part.data = data
    if family.frame_counter is not None:
        counter = decoded.info.get(family.frame_counter)
        if counter == part.counter:
            return Said(_stale(part, mono_s))
        part.counter, part.changed_mono_s = counter, mono_s
    return _told(band, family, decoded, mono_s)


def _told(band: Band, family: Family, decoded: Decoded, mono_s: float) -> Said:
    values = [value for value in decoded.values if not _says_the_link(band, value, mono_s)]
    if values:
        return Said(Outcome.TAKEN, values, counted=family.frame_counter is not None)
    return Said(Outcome.LINKED if decoded.values else Outcome.EMPTY)


def _name(
    family: Family, manufacturer_data: Mapping[int, bytes], service_data: Mapping[str, bytes]
) -> str:
    """Name what is there: pulse and steps may come apart, each with its own repetitions."""
    kinds = ("m" if manufacturer_data else "") + ("s" if service_data else "")
    return f"{family.key}:{kinds}"


def _bytes(
    family: Family, manufacturer_data: Mapping[int, bytes], service_data: Mapping[str, bytes]
) -> bytes:
    match = family.advert
    if match is None:
        return b""
    company = manufacturer_data.get(match.company_id, b"") if match.company_id is not None else b""
    service = service_data.get(match.service_data_uuid, b"") if match.service_data_uuid else b""
    return company + service


def _is_due(part: Part, mono_s: float) -> bool:
    """Say whether a repetition keeps to the rate, and take it into account."""
    if part.next_mono_s - mono_s > KEPT_AHEAD_S:
        return False
    part.next_mono_s = max(part.next_mono_s, mono_s) + KEPT_EVERY_S
    return True


def _stale(part: Part, mono_s: float) -> Outcome:
    return Outcome.STALE if mono_s - part.changed_mono_s > STALE_S else Outcome.REPEATED


def _says_the_link(band: Band, value: Value, mono_s: float) -> bool:
    spoke_s = band.said_by_link.get(value.quantity)
    if spoke_s is None:
        return False
    lasts_s = LINK_SPEAKS_S if value.quantity == HEART_RATE_BPM else LINK_SPEAKS_SELDOM_S
    return mono_s - spoke_s <= lasts_s

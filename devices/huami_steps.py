"""Huami bands (Xiaomi Mi Band 2 and 3, some Amazfit): the day's steps over a link.

Layout: read in kimihudu/IOS_BLEController (an annotated capture of a Mi Band 2) and Gadgetbridge.
Service 0xFEE0, characteristic 0007, read and notified: 0C, the day's steps in 16 bits, two bytes
that are not understood, metres and kcal in 32 bits each; little endian. The pulse is in the adverts
(`miband_advert`), which such a band does not send while it is linked: so nobody holds it for long.
"""

from config.errors import Rejected
from devices import battery, current_time
from devices.band_clock import BandClock
from devices.current_time import CURRENT_TIME
from devices.family import Family, each
from devices.table import Field, unpack
from devices.talk import NoMemory, TalkTerms, Write
from devices.value import STEPS_COUNTER, Decoded, Value
from devices.vibration import IMMEDIATE_ALERT

STEPS = "00000007-0000-3512-2118-0009af100700"

TABLE = (
    Field("form", "B"),
    Field("steps", "<H"),
    Field("unknown", "2x"),
    Field("distance_m", "<I"),
    Field("kcal", "<I"),
)
FORM = 0x0C
FRAME_BYTES = 13

STILL_MS = 20_000
"""A band is left when its wearer has stood still for so long; before a link counts as silent."""


def decode(frame: bytes) -> Decoded:
    """Decode the day's totals. 0 steps are a value."""
    fields = unpack(TABLE, frame)
    if fields["form"] != (FORM,):
        raise Rejected("unknown_form", "the first byte is not 0C")
    info = {"distance_m": fields["distance_m"][0], "kcal": fields["kcal"][0]}
    return Decoded((Value(STEPS_COUNTER, fields["steps"][0]),), info)


class HuamiStepsTalk(NoMemory):
    """See `devices.talk`. Hears the steps while the wearer walks, then lets the band go."""

    notify: tuple[str, ...] = (STEPS, battery.LEVEL)
    reads: tuple[str, ...] = (STEPS, CURRENT_TIME, battery.LEVEL)

    def __init__(self, terms: TalkTerms) -> None:
        self._is_live = terms.live
        self._clock = BandClock(terms.utc_offset_min)
        self._walked_ms: int | None = None
        self._steps: float | None = None
        self.done = False

    @property
    def clock_ahead_ms(self) -> int | None:
        """How far the band's clock is ahead: it decides when the counter begins anew.

        It takes no time from who has not its key.
        """
        return self._clock.ahead_ms

    @property
    def due_utc_ms(self) -> int | None:
        """When `writes_at` wants to be called, to see whether the wearer still walks."""
        if self.done:
            return None
        return 0 if self._walked_ms is None else self._walked_ms + STILL_MS

    def writes_at(self, now_utc_ms: int) -> list[Write]:
        """Write nothing; end when the wearer stands still."""
        if self._walked_ms is None:
            self._walked_ms = now_utc_ms
        # Further off than it can be: the box's clock was set back.
        if not 0 <= now_utc_ms - self._walked_ms < STILL_MS:
            self.done = True
        return []

    def heard(self, characteristic: str, data: bytes, now_utc_ms: int) -> list[Value]:
        """Return the values of one notification or read; raise Rejected for a malformed frame."""
        if characteristic.lower() == battery.LEVEL:
            return battery.hear(data, now_utc_ms)
        if characteristic.lower() == CURRENT_TIME:
            self._clock.told(current_time.shown_ms(data), now_utc_ms)
            return []
        (total,) = decode(data).values
        if total.value != self._steps:
            self._steps, self._walked_ms = total.value, now_utc_ms
        self.done = self.done or not self._is_live
        return [total]

    def farewell(self) -> list[Write]:
        """Nothing: unsubscribing is all."""
        return []


FAMILY = Family(
    key="huami_steps",
    title="Huami bands (Mi Band 2 and 3, some Amazfit): steps over a link",
    decode=each(decode),
    payable_interval_s=None,
    authentication=(
        "whether a band gives its steps without its key differs by firmware: from Mi Band 4 on it "
        "hangs up, and such bands are heard by their adverts alone"
    ),
    history="not read: it wants the band's key",
    links="some seconds every quarter of an hour, longer while its wearer walks",
    evidence="an annotated capture of a Mi Band 2; public clients",
    limits=(
        "Steps and no pulse: the pulse is in the adverts, which stop while the band is linked. "
        "The step counter has 16 bits: it starts again at 65,536 and at the band's midnight. "
        "It is not told by its adverts: register it by this key."
    ),
    talk=HuamiStepsTalk,
    vibration=IMMEDIATE_ALERT,
    shortest_frame=FRAME_BYTES,
)

"""Heart Rate Service (0x180D): every strap, watch and band that follows the SIG profile.

Layout: Bluetooth SIG, Heart Rate Service 1.0, Heart Rate Measurement (0x2A37). Little endian.
"""

from devices import battery
from devices.family import SIG_UUID, Family, each
from devices.table import FLAGS, Field, unpack
from devices.talk import Listening, TalkTerms
from devices.value import HEART_RATE_BPM, RR_INTERVAL_MS, Decoded, Value
from devices.vibration import IMMEDIATE_ALERT

MEASUREMENT = SIG_UUID.format(0x2A37)

WIDE, CONTACT, CONTACT_SUPPORTED, ENERGY, RR = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4
RR_UNIT_MS = 1000 / 1024

TABLE = (
    Field(FLAGS, "B"),
    Field("bpm", "B", unless=WIDE),
    Field("bpm", "<H", when=WIDE),
    Field("energy_kj", "<H", when=ENERGY),
    Field("rr", "<H", when=RR, repeats=True),
)


def decode(frame: bytes) -> Decoded:
    """Decode one Heart Rate Measurement; a heart rate of 0 is "no reading" in practice."""
    fields = unpack(TABLE, frame)
    (flags,), (bpm,) = fields[FLAGS], fields["bpm"]
    # The contact bit means something only where the band says that it can tell.
    contact = bool(flags & CONTACT) if flags & CONTACT_SUPPORTED else None
    values = [Value(HEART_RATE_BPM, bpm, contact=contact)] if bpm else []
    values += [
        Value(RR_INTERVAL_MS, rr * RR_UNIT_MS, contact=contact) for rr in fields.get("rr", ())
    ]
    energy = fields.get("energy_kj", (None,))[0]
    info = {"contact": contact, "contact_supported": contact is not None, "energy_kj": energy}
    return Decoded(tuple(values), info)


def hear(frame: bytes, now_utc_ms: int) -> list[Value]:
    """Place the beat intervals of a frame: the last has just ended, each before it earlier."""
    values = list(decode(frame).values)
    ended_ms = float(now_utc_ms)
    for place in reversed(range(len(values))):
        if values[place].quantity == RR_INTERVAL_MS:
            values[place] = values[place]._replace(at_utc_ms=round(ended_ms))
            ended_ms -= values[place].value
    return values


class HeartRateTalk(Listening):
    """Listens to the pulse, and to the battery of a band that has the service.

    White-label rings tell a stored pulse here with no finger in them: the same one, with no word of
    contact and without beat intervals. So a pulse is doubted until something shows that the band is
    worn: contact, an interval between beats, or another pulse than the first of this link.
    """

    def __init__(self) -> None:
        super().__init__(
            {MEASUREMENT: self._hear_pulse, battery.LEVEL: battery.hear}, reads=(battery.LEVEL,)
        )
        self._first_bpm: float | None = None
        self._is_worn = False

    def _hear_pulse(self, frame: bytes, now_utc_ms: int) -> list[Value]:
        values = hear(frame, now_utc_ms)
        self._is_worn = self._is_worn or any(map(self._shows_wear, values))
        if self._is_worn:
            return values
        return [value._replace(suspect=True) for value in values]

    def _shows_wear(self, value: Value) -> bool:
        if value.contact is not None:
            return True  # it can tell, and its word goes with each value
        if value.quantity == RR_INTERVAL_MS:
            return True
        self._first_bpm = self._first_bpm or value.value
        return value.value != self._first_bpm


def talk(terms: TalkTerms) -> HeartRateTalk:
    """Return what listens; the profile has neither clock nor memory."""
    del terms
    return HeartRateTalk()


FAMILY = Family(
    key="hrs",
    title="Heart Rate Service (any strap, watch or band in heart-rate broadcast)",
    decode=each(decode),
    payable_interval_s=1,
    authentication="none; the wearer switches the broadcast on, some bands want bonding",
    history="none",
    links="one link for each band, all the time",
    evidence="Bluetooth SIG Heart Rate Service; vectors of public test suites",
    limits=(
        "Some white-label rings send a cached resting pulse with no finger in them: "
        "a pulse without a word of skin contact is doubted until it moves, and again after ten "
        "minutes without a change. "
        "Test what falls silent when the band is taken off before it is trusted. "
        "Bands in broadcast mode may change their address."
    ),
    service_uuid=SIG_UUID.format(0x180D),
    talk=talk,
    vibration=IMMEDIATE_ALERT,
)

"""Heart Rate Service (0x180D): every strap, watch and band that follows the SIG profile.

Layout: Bluetooth SIG, Heart Rate Service 1.0, Heart Rate Measurement (0x2A37). Little endian.
"""

from devices import battery
from devices.family import SIG_UUID, Family, each
from devices.table import FLAGS, Field, unpack
from devices.talk import Listening, TalkTerms
from devices.value import HEART_RATE_BPM, RR_INTERVAL_MS, Decoded, Value

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


def talk(terms: TalkTerms) -> Listening:
    """Listen to the pulse, and to the battery of a band that has the service."""
    del terms  # the profile has neither clock nor memory
    return Listening(
        {MEASUREMENT: hear, battery.LEVEL: battery.hear},
        reads=(battery.LEVEL,),
    )


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
        "test what falls silent when the band is taken off before it is trusted. "
        "Bands in broadcast mode may change their address."
    ),
    service_uuid=SIG_UUID.format(0x180D),
    talk=talk,
)

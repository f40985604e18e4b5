"""An edge event: what a gateway raised by itself, and that it is over.

Signed by the gateway. It is sent again until the hub's receipt names its number; each time with
its age by a clock that nobody sets, so a box whose wall clock is wrong hides no delay.
"""

from dataclasses import dataclass
from typing import Any, Literal

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config.errors import Rejected
from ingest.batch import cbor, sign1
from ingest.batch.content import BOOT_BYTES, as_bytes, as_code, as_whole
from ingest.batch.keys import kid_for
from ingest.batch.limits import SCHEMA_VERSION
from ingest.batch.parts import as_bpm, as_device_key, as_map, as_subject, as_utc_ms, as_word

TYP = "adhere-event"
MAX_EVENT_BYTES = 4_096

(
    SCHEMA, CENTRE, GATEWAY, BOOT, NUMBER, RULE, RULE_VERSION, DEVICE, SUBJECT,
    ONSET, RAISED, LAST, STATE, AGE, PEAK, SAMPLES, CEILING,
) = range(1, 18)  # fmt: skip

State = Literal["raised", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A rule that became true of one wearer, or true no longer; times are the box's wall clock."""

    centre: str
    gateway: str
    boot: bytes
    """16 random bytes for each start of the gateway."""
    number: int
    """Rises by one with each event of that start."""
    rule: str
    rule_version: int
    device_key: str
    subject: str
    """The wearer's pseudonym, by the roster."""
    onset_utc_ms: int
    """The first reading of the run; with band and rule it says which alarm this is."""
    raised_utc_ms: int
    """The reading with which the condition became true."""
    last_utc_ms: int
    """The newest reading of the run."""
    state: State
    age_ms: int | None
    """From raising (or ending) to sending; None where the box itself was started anew between."""
    peak_bpm: float
    samples: int
    ceiling_bpm: float


def seal_event(event: Event, key: Ed25519PrivateKey) -> bytes:
    """Return the signed message to publish."""
    packed = cbor2.dumps(
        {
            SCHEMA: SCHEMA_VERSION,
            CENTRE: event.centre,
            GATEWAY: event.gateway,
            BOOT: event.boot,
            NUMBER: event.number,
            RULE: event.rule,
            RULE_VERSION: event.rule_version,
            DEVICE: event.device_key,
            SUBJECT: event.subject,
            ONSET: event.onset_utc_ms,
            RAISED: event.raised_utc_ms,
            LAST: event.last_utc_ms,
            STATE: event.state,
            AGE: event.age_ms,
            PEAK: event.peak_bpm,
            SAMPLES: event.samples,
            CEILING: event.ceiling_bpm,
        }
    )
    return sign1.sign(packed, typ=TYP, key=key, kid=kid_for(key.public_key()))


def open_event(sealed: bytes, public_key: Ed25519PublicKey) -> Event:
    """Return the event that exactly this key has signed.

    Raises Rejected: `oversize`, `not_cose`, `bad_signature`, `unsupported_schema`, `malformed`.
    """
    message = sign1.parse(sealed, max_bytes=MAX_EVENT_BYTES)
    items = as_map(cbor.read(sign1.verify(message, typ=TYP, key=public_key)))
    schema = items.get(SCHEMA)
    if isinstance(schema, int) and schema != SCHEMA_VERSION:
        raise Rejected("unsupported_schema", f"version {schema}")
    as_whole(schema, SCHEMA_VERSION, SCHEMA_VERSION)
    age = items.get(AGE)
    event = Event(
        centre=as_code(items.get(CENTRE)),
        gateway=as_code(items.get(GATEWAY)),
        boot=as_bytes(items.get(BOOT), BOOT_BYTES),
        number=as_whole(items.get(NUMBER), 0, 2**63 - 1),
        rule=as_word(items.get(RULE)),
        rule_version=as_whole(items.get(RULE_VERSION), 1, 2**31 - 1),
        device_key=as_device_key(items.get(DEVICE)),
        subject=as_subject(items.get(SUBJECT)),
        onset_utc_ms=as_utc_ms(items.get(ONSET)),
        raised_utc_ms=as_utc_ms(items.get(RAISED)),
        last_utc_ms=as_utc_ms(items.get(LAST)),
        state=_state(items.get(STATE)),
        age_ms=None if age is None else as_whole(age, 0, 2**63 - 1),
        peak_bpm=as_bpm(items.get(PEAK)),
        samples=as_whole(items.get(SAMPLES), 1, 2**31 - 1),
        ceiling_bpm=as_bpm(items.get(CEILING)),
    )
    if event.peak_bpm < event.ceiling_bpm:
        raise Rejected("malformed", "a peak below the ceiling")
    return event


def _state(item: Any) -> State:  # noqa: ANN401 - whatever the bytes say
    if item == "raised":
        return "raised"
    if item == "ended":
        return "ended"
    raise Rejected("malformed", "neither raised nor ended")

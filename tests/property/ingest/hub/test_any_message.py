"""Whatever a message says: the hub goes on, and the message is stored or set aside for a reason.

Each kind is sealed as its gateway seals it, some of its items are replaced by anything, and it is
signed with the right key. States are signed by nobody, and may be any bytes.
"""

import json
import secrets
import time
from dataclasses import replace

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.batch import content, sign1
from ingest.batch.claim import CLAIM_TYP, OFFER_TYP, Claim, Offer, seal_claim, seal_offer
from ingest.batch.envelope import TYP, compressed
from ingest.batch.event import TYP as EVENT_TYP
from ingest.batch.event import seal_event
from ingest.batch.keys import make_keys
from ingest.batch.limits import MAX_UTC_MS
from ingest.batch.outage import OUTAGE_TYP, Outage, seal_outage
from ingest.batch.topics import event_topic, state_topic
from ingest.hub.allowance import Allowance
from ingest.hub.buffer import Message
from storage.database import connect
from tests import edges
from tests.batches import a_patient
from tests.boxes import NOON_UTC_MS, pulse
from tests.hubs import BareHub, enrolled_box, open_centre

HUB_KEYS = make_keys()
EDGES = [
    *(0, 1, 2**31 - 1, 2**31, 2**32, 2**40, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1),
    *(NOON_UTC_MS, MAX_UTC_MS - 1, MAX_UTC_MS, MAX_UTC_MS + 1, 366 * 86_400_000),
]
wholes = st.sampled_from(EDGES + [-one for one in EDGES]) | st.integers(-(2**64), 2**64 - 1)
scalars = (
    wholes
    | st.floats()
    | st.text(max_size=12)
    | st.binary(max_size=40)
    | st.booleans()
    | st.none()
    | st.sampled_from(["online", "raised", "finished", "midnight", "box", "p-1", edges.BAND])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
changes = st.dictionaries(st.integers(1, 18), wholes, max_size=1) | st.dictionaries(
    st.integers(1, 18), wholes | anything, max_size=4
)
jsons = st.recursive(
    st.integers() | st.floats() | st.text(max_size=8) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KEYS = ["state", "at_utc_ms", "edge", "asks_time", "boot", "sealed", "unsealed"]
states = st.builds(
    lambda said, state: {"state": state} | said,
    st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), jsons, max_size=4),
    st.sampled_from(["online", "offline"]),
)
texts = states.map(json.dumps) | states.map(lambda said: json.dumps(said, ensure_ascii=False))
encodings = st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7"])
state_bytes = (
    st.builds(lambda text, name: text.encode(name, "surrogatepass"), texts, encodings)
    | st.binary(max_size=60)
    | st.sampled_from(
        [
            b'{"state":"online","x":"\\ud800"}',
            b'{"state":"online","x":"\xed\xa0\x80"}',
            b'{"state":"online","x":"\\u0000"}',
            b'{"state":"online","x":1e999999}',
            b'{"state":"online","at_utc_ms":' + b"9" * 5000 + b"}",
            b'{"state":"online","edge":{"roster_version":' + b"9" * 4000 + b"}}",
            b'{"state":"online","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        ]
    )
)


@pytest.fixture
def town(database):
    with connect(database) as db:
        open_centre(db)
        a_patient(db, "p-1", edges.BAND)
        yield db, enrolled_box(db)


def told(box, kind):
    """A message of this kind as a gateway says it: its items, and what it is signed as."""
    who = {"centre": box.centre, "gateway": box.gateway, "boot": secrets.token_bytes(16)}
    now_ms = time.time_ns() // 1_000_000
    match kind:
        case "event":
            return seal_event(edges.event(**who, number=0), box.keys.signing), EVENT_TYP
        case "claim":
            claim = Claim(
                **who, number=0, age_ms=10, claim=secrets.token_bytes(16), device_key=edges.BAND,
                family=None, subject="p-1", began_utc_ms=now_ms - 1000,
                latest_utc_ms=now_ms + 3_600_000, ended_utc_ms=None, why_ended=None,
                said_utc_ms=now_ms, is_sure=False,
            )  # fmt: skip
            return seal_claim(claim, box.keys.signing), CLAIM_TYP
        case "offer":
            offer = Offer(
                **who, number=0, age_ms=10, device_key=edges.BAND, families=("hrs",),
                offered_utc_ms=now_ms,
            )  # fmt: skip
            return seal_offer(offer, box.keys.signing), OFFER_TYP
        case _:
            outage = Outage(
                **who, number=0, age_ms=10, ear="box", began_utc_ms=now_ms - 7_200_000,
                until_utc_ms=now_ms - 3_600_000, is_sure=False,
            )  # fmt: skip
            return seal_outage(outage, box.keys.signing), OUTAGE_TYP


def signed_event(box, kind, changed):
    sealed, typ = told(box, kind)
    items = cbor2.loads(bytes(sign1.parse(sealed, max_bytes=10_000).payload)) | changed
    packed = cbor2.dumps(items)
    payload = sign1.sign(packed, typ=typ, key=box.keys.signing, kid=box.keys.kid)
    return Message(event_topic(box.centre, box.gateway), payload, came_mono_s=time.monotonic())


def signed_batch(box, changed, column):
    fresh = replace(box, boot=secrets.token_bytes(16))
    items = cbor2.loads(fresh.packed(0, pulse(3)))
    items[content.COLUMNS][0] |= column
    payload = compressed(cbor2.dumps(items | changed))
    sealed = sign1.sign(payload, typ=TYP, key=box.keys.signing, kid=box.keys.kid)
    return Message(box.topic(), sealed, came_mono_s=time.monotonic())


def each_has_its_outcome(hub, count):
    done = hub.counters
    sure = done.events + done.duplicate_events + done.states + done.stored + done.duplicate
    return sure + done.dead_lettered + done.repeated == count


settled = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # each example has its own boots


def take(town, messages):
    """Hand them over in one set, behind a good batch; return the hub."""
    db, box = town
    good, name = replace(box, boot=secrets.token_bytes(16)).batch(0)
    hub = BareHub(db, HUB_KEYS, allowance=Allowance(lambda: 0.0))
    hub.take(Message(box.topic(), good), *messages)
    assert db.execute("SELECT count(*) FROM batch WHERE content_sha256 = %s", (name,)).fetchone()[0]
    assert each_has_its_outcome(hub, 1 + len(messages))
    assert "unforeseen" not in hub.counters.dead_letters
    return hub


@settled
@given(
    st.lists(st.tuples(st.sampled_from(["event", "claim", "offer", "outage"]), changes), max_size=5)
)
def test_what_a_gateway_tells_may_say_anything(town, said):
    take(town, [signed_event(town[1], kind, changed) for kind, changed in said])


@settled
@given(st.lists(st.tuples(changes, st.dictionaries(st.integers(1, 8), anything)), max_size=3))
def test_a_signed_batch_may_say_anything(town, said):
    take(town, [signed_batch(town[1], changed, column) for changed, column in said])


@settled
@given(st.lists(state_bytes, max_size=5))
def test_a_state_may_be_any_bytes(town, said):
    topic = state_topic(town[1].centre, town[1].gateway)
    take(town, [Message(topic, one, came_mono_s=time.monotonic()) for one in said])


@settled
@given(
    kind=st.sampled_from(["event", "claim", "offer", "outage", "batch"]),
    at=st.lists(st.tuples(st.integers(0), st.integers(1, 255)), max_size=3),
    cut=st.integers(0, 40),
)
def test_a_message_may_be_damaged_anywhere(town, kind, at, cut):
    box = town[1]
    sound = signed_batch(box, {}, {}) if kind == "batch" else signed_event(box, kind, {})
    payload = bytearray(sound.payload)
    for place, bits in at:
        payload[place % len(payload)] ^= bits
    damaged = bytes(payload[: len(payload) - cut])

    take(town, [sound._replace(payload=damaged)])

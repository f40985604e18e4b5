import random
import re
from array import array
from dataclasses import replace

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.errors import Rejected
from ingest.batch.columns import Chunk, chunk_of, merged, readings_of
from ingest.batch.content import MOST_UNREAD, pack, pack_chunk, unpack, unpack_chunk
from ingest.batch.envelope import seal
from ingest.batch.limits import MAX_READINGS, MAX_UNPACKED_BYTES
from ingest.batch.reading import Quantity, Reading
from tests.unit.ingest.batch.conftest import NOON_UTC_MS, READINGS, content_of


def rejected(packed):
    with pytest.raises(Rejected) as error:
        unpack(packed)
    return error.value.reason


def with_items(content, **changed):
    """The content's CBOR with items of the map, or (by `column`) of its first group, replaced."""
    items = cbor2.loads(pack(content))
    column = changed.pop("column", {})
    items[10][0] |= column
    return cbor2.dumps(items | {int(key[1:]): value for key, value in changed.items()})


def test_what_is_packed_unpacks_to_the_same(content):
    assert unpack(pack(content)) == content


def test_readings_come_back_as_they_were():
    assert sorted(readings_of(chunk_of(READINGS)), key=str) == sorted(READINGS, key=str)


def test_columns_have_the_types_that_the_hub_wraps(content):
    for group in unpack(pack(content)).columns:
        assert [
            group.device_index.typecode, group.at_utc_ms.typecode, group.value.typecode,
            group.span_ms.typecode, group.flags.typecode,
        ] == ["H", "q", "d", "I", "B"]  # fmt: skip


def test_readings_with_and_without_stamps_never_share_a_column():
    readings = [
        r._replace(device_ts_ms=stamp) for r, stamp in zip(READINGS[:2], (None, 5), strict=True)
    ]

    groups = chunk_of(readings).columns

    assert [group.device_ts_ms for group in groups] == [None, array("q", [5])]


def test_merging_keeps_order_and_renumbers_devices():
    first = chunk_of(READINGS[:3])
    second = chunk_of([r._replace(device_key=f"x-{r.device_key}") for r in READINGS[:3]])

    both = merged([first, second, first])

    assert list(readings_of(both)) == [
        *readings_of(first), *readings_of(second), *readings_of(first),
    ]  # fmt: skip


def test_a_chunk_packs_and_unpacks():
    chunk = chunk_of(READINGS)

    assert unpack_chunk(pack_chunk(chunk)) == chunk


def test_unknown_keys_are_skipped_and_told(content):
    packed = with_items(content, k99={"new": [1, 2.5, None, True]}, column={42: b"new"})

    assert unpack(packed) == replace(content, unread=("10.42", "99"))


def test_what_is_told_of_unknown_keys_is_short_and_plain(content):
    items = cbor2.loads(pack(content)) | {f"key\n{number:02}" * 20: 0 for number in range(40)}

    unread = unpack(cbor2.dumps(items)).unread

    assert len(unread) == MOST_UNREAD
    assert all(re.fullmatch(r"[A-Za-z0-9_?-]{1,24}", name) for name in unread)


def test_the_running_count_is_said_or_not(content):
    counted = replace(content, readings_before=2**40)

    assert unpack(pack(counted)) == counted
    assert rejected(with_items(content, k12=-1)) == "malformed"
    assert rejected(with_items(content, k12="7")) == "malformed"


def test_another_schema_is_said_to_be_unsupported(content):
    assert rejected(with_items(content, k1=2)) == "unsupported_schema"
    assert rejected(cbor2.dumps({1: 2})) == "unsupported_schema"


def test_an_unknown_quantity_is_said_to_be_unsupported(content):
    assert rejected(with_items(content, column={1: "spo2_pct"})) == "unsupported_quantity"


def f64(*values):
    return cbor2.CBORTag(86, array("d", values).tobytes())


def i64(*values):
    return cbor2.CBORTag(79, array("q", values).tobytes())


def u8(*values):
    return cbor2.CBORTag(64, bytes(values))


ONE = content_of(READINGS[:1])


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(with_items(ONE, k1=True), id="schema of another kind"),
        pytest.param(with_items(ONE, k2="UPPER"), id="centre"),
        pytest.param(with_items(ONE, k3="a/b"), id="gateway"),
        pytest.param(with_items(ONE, k4=bytes(15)), id="boot too short"),
        pytest.param(with_items(ONE, k5=-1), id="seq below zero"),
        pytest.param(with_items(ONE, k5=2**40), id="seq too large"),
        pytest.param(with_items(ONE, k5=True), id="seq no number"),
        pytest.param(with_items(ONE, k6=bytes(31)), id="hash too short"),
        pytest.param(with_items(ONE, k7=2**62), id="sealed in no year"),
        pytest.param(with_items(ONE, k8=-1), id="mono below zero"),
        pytest.param(with_items(ONE, k9=[]), id="no devices"),
        pytest.param(with_items(ONE, k9=["a", "a"]), id="device twice"),
        pytest.param(with_items(ONE, k9=["a\x00"]), id="device with NUL"),
        pytest.param(with_items(ONE, k9=["a" * 65]), id="device too long"),
        pytest.param(with_items(ONE, k9=[1]), id="device no text"),
        pytest.param(with_items(ONE, k9=[f"{n}" for n in range(5000)]), id="too many devices"),
        pytest.param(with_items(ONE, k10=[]), id="no columns"),
        pytest.param(with_items(ONE, k10=[{}] * 65), id="too many columns"),
        pytest.param(with_items(ONE, k10=["x"]), id="columns no map"),
        pytest.param(with_items(ONE, column={1: 5}), id="quantity no text"),
        pytest.param(with_items(ONE, column={2: u8(1)}), id="index out of range"),
        pytest.param(with_items(ONE, column={2: i64(0)}), id="index signed"),
        pytest.param(with_items(ONE, column={2: b"\x00"}), id="no typed array"),
        pytest.param(with_items(ONE, column={3: -5}), id="time before 1970"),
        pytest.param(with_items(ONE, column={4: i64(2**62)}), id="time after 9999"),
        pytest.param(with_items(ONE, column={4: i64()}), id="no readings"),
        pytest.param(with_items(ONE, column={4: i64(0, 1)}), id="lengths disagree"),
        pytest.param(
            with_items(ONE, column={4: i64(2**63 - 1, 2**63 - 1), 2: u8(0, 0)}), id="time overflows"
        ),
        pytest.param(
            with_items(ONE, column={4: cbor2.CBORTag(79, b"1234567")}), id="half a number"
        ),
        pytest.param(with_items(ONE, column={5: f64(float("nan"))}), id="NaN"),
        pytest.param(with_items(ONE, column={5: f64(float("-inf"))}), id="infinite"),
        pytest.param(with_items(ONE, column={5: f64(1, 2)}), id="values too many"),
        pytest.param(with_items(ONE, column={5: [1.0]}), id="values as a list"),
        pytest.param(with_items(ONE, column={6: i64(1)}), id="span signed"),
        pytest.param(with_items(ONE, column={7: u8(1, 2)}), id="flags too many"),
        pytest.param(with_items(ONE, column={8: i64(1, 2)}), id="stamps too many"),
        pytest.param(with_items(ONE, column={8: i64(2**62)}), id="stamp too large"),
        pytest.param(cbor2.dumps([1]), id="no map"),
        pytest.param(b"\xa2\x01\x01\x01\x01", id="key twice"),
        pytest.param(b"\xa1\xf5\x01", id="key true"),
        pytest.param(b"\xbf\xff", id="indefinite length"),
        pytest.param(b"\xa1\x01\xc2\x41\x01", id="a big number for the schema"),
        pytest.param(b"\x81" * 10_000, id="deep"),
        pytest.param(b"\x9b" + b"\x7f" * 8, id="an array said to be huge"),
        pytest.param(b"\xbb" + b"\x7f" * 8, id="a map said to be huge"),
        pytest.param(b"\x5b" + b"\xff" * 8, id="bytes said to be huge"),
        pytest.param(b"\x9a\x00\x3f\x00\x00" + b"\x80" * 0x3F0000, id="millions of items"),
        pytest.param(b"\x62\xff\xff", id="text not UTF-8"),
        pytest.param(pack(ONE)[:-1], id="cut short"),
        pytest.param(pack(ONE) + b"\x00", id="bytes left over"),
    ],
)
def test_what_cannot_be_is_malformed(packed):
    assert rejected(packed) == "malformed"


def test_too_many_readings_are_refused():
    many = MAX_READINGS + 1
    (group,) = ONE.columns
    columns = replace(
        group,
        device_index=array("H", bytes(2 * many)), at_utc_ms=array("q", [NOON_UTC_MS]) * many,
        value=array("d", [1.0]) * many, span_ms=array("I", bytes(4 * many)),
        flags=array("B", bytes(many)),
    )  # fmt: skip

    assert rejected(pack(replace(ONE, columns=(columns,)))) == "malformed"


def test_more_than_may_be_unpacked_is_refused():
    assert rejected(bytes(MAX_UNPACKED_BYTES + 1)) == "unpacked_oversize"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"device_key": ""}, "device_key"), ({"device_key": "a b"}, "device_key"),
        ({"device_key": "名"}, "device_key"), ({"quantity": "spo2"}, "quantity"),
        ({"value": float("nan")}, "value"), ({"value": float("inf")}, "value"),
        ({"value": "72"}, "value"), ({"at_utc_ms": -1}, "time"), ({"at_utc_ms": 2**60}, "time"),
        ({"at_utc_ms": 2**70}, "time"), ({"at_utc_ms": 1.5}, "time"), ({"span_ms": -1}, "span"),
        ({"span_ms": 2**32}, "span"), ({"flags": 256}, "flags"), ({"device_ts_ms": 2**60}, "time"),
    ],
)  # fmt: skip
def test_a_reading_that_cannot_be_is_refused_before_it_is_stored(changed, reason):
    with pytest.raises(Rejected) as error:
        chunk_of([READINGS[0]._replace(**changed)])

    assert error.value.reason == reason


def test_no_readings_are_no_chunk():
    with pytest.raises(Rejected, match="empty"):
        chunk_of([])


@pytest.mark.parametrize(("count", "at_most"), [(60, 8.0), (600, 2.2), (6000, 1.4)])
def test_a_batch_of_heart_rates_is_small(count, at_most):
    """One band at 1 Hz, times to the second, the pulse of somebody walking."""
    chance, pulse, readings = random.Random(1), 80.0, []
    for second in range(count):
        pulse += chance.choice((-1, 0, 0, 0, 1))
        readings.append(
            Reading(
                "c0:ff:ee:00:00:01", Quantity.HEART_RATE_BPM, pulse, NOON_UTC_MS + 1000 * second
            )
        )

    sealed = seal(pack(content_of(readings)), Ed25519PrivateKey.generate(), bytes(8))

    assert len(sealed) / count < at_most


def test_a_chunk_counts_its_readings():
    chunk = chunk_of(READINGS)

    assert (len(chunk), chunk.newest_at_utc_ms) == (len(READINGS), NOON_UTC_MS + 1000)
    assert isinstance(chunk, Chunk)

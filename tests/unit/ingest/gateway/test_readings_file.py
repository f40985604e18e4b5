import asyncio
import json
import os

import pytest

from config.errors import Misconfigured, Rejected
from ingest.batch.reading import Quantity, Reading
from ingest.gateway.readings_file import (
    BLOCK_BYTES,
    MAX_LINE_BYTES,
    file_source,
    parse_line,
    stream_source,
)

AT = 1_767_268_800_000
GOOD = {"device": "band-1", "quantity": "heart_rate_bpm", "value": 72, "at_utc_ms": AT}


def line(**changed):
    return json.dumps(GOOD | changed).encode()


def heard(source):
    async def collect():
        return [item async for item in source]

    return asyncio.run(collect())


def test_a_line_is_a_reading():
    assert parse_line(line()) == Reading("band-1", Quantity.HEART_RATE_BPM, 72.0, AT)
    assert parse_line(line(value=0.5, span_ms=60_000, flags=3, device_ts_ms=-5)) == Reading(
        "band-1", Quantity.HEART_RATE_BPM, 0.5, AT, 60_000, 3, -5
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"", "not_json"), (b"{", "not_json"), (b"\xff", "not_json"), (b"[" * 4000, "not_json"),
        (b"[]", "not_an_object"), (b"72", "not_an_object"), (line(extra=1), "unknown_field"),
        (line(device=""), "device"), (line(device=5), "device"), (line(device="a b"), "device"),
        (line(quantity="spo2"), "quantity"), (line(quantity=None), "quantity"),
        (line(value=None), "value"), (line(value="72"), "value"), (line(value=True), "value"),
        (line(value=10**400), "value"), (line().replace(b" 72", b"NaN"), "value"),
        (line().replace(b" 72", b"1e999"), "value"), (line(at_utc_ms=None), "at_utc_ms"),
        (line(at_utc_ms=1.5), "at_utc_ms"), (line(at_utc_ms=-1), "at_utc_ms"),
        (line(at_utc_ms=True), "at_utc_ms"), (line(span_ms=2**32), "span_ms"),
        (line(flags=256), "flags"), (line(device_ts_ms=2**60), "device_ts_ms"),
        (b" " * (MAX_LINE_BYTES + 1), "too_long"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_reading_is_refused_with_a_reason(bad, reason):
    with pytest.raises(Rejected) as error:
        parse_line(bad)

    assert error.value.reason == reason


def test_what_is_given_together_is_the_same_from_any_cursor(tmp_path):
    file = tmp_path / "readings"
    file.write_bytes(b"\n".join(line(at_utc_ms=AT + n) for n in range(10_000)))

    whole = heard(file_source(file, {}, lane="backlog"))

    assert len(whole) > 3
    assert [r.at_utc_ms - AT for part in whole for r in part.readings] == list(range(10_000))
    for number, part in enumerate(whole):
        assert heard(file_source(file, part.cursor, lane="backlog")) == whole[number + 1 :]


def test_bad_lines_go_beside_the_good_ones_with_their_bytes(tmp_path):
    file = tmp_path / "readings"
    file.write_bytes(b"\n".join([line(), b"", b"oops", line(value=73), b"x" * 3 * BLOCK_BYTES]))

    parts = heard(file_source(file, {}, lane="live"))

    assert [r.value for part in parts for r in part.readings] == [72.0, 73.0]
    bad = [item for part in parts for item in part.bad]
    assert (bad[0].data, bad[0].reason) == (b"oops", "not_json")
    assert {item.reason for item in bad[1:]} == {"too_long"}
    assert sum(len(item.data) for item in bad[1:]) == 3 * BLOCK_BYTES


def test_a_file_that_grew_goes_on_where_it_was_left(tmp_path):
    file = tmp_path / "readings"
    file.write_bytes(line() + b"\n")
    (first,) = heard(file_source(file, {}, lane="live"))
    with file.open("ab") as more:
        more.write(line(value=80) + b"\n")

    (second,) = heard(file_source(file, first.cursor, lane="live"))

    assert [reading.value for reading in second.readings] == [80.0]


def test_a_file_that_is_missing_or_became_shorter_is_refused(tmp_path):
    file = tmp_path / "readings"
    with pytest.raises(Misconfigured, match="cannot be read"):
        heard(file_source(file, {}, lane="live"))
    file.write_bytes(line() + b"\n")
    (only,) = heard(file_source(file, {}, lane="live"))
    file.write_bytes(b"")

    with pytest.raises(Misconfigured, match="shorter"):
        heard(file_source(file, only.cursor, lane="live"))


def test_a_pipe_is_given_as_it_comes():
    out, into = os.pipe()

    async def live():
        with os.fdopen(out, "rb") as stream:
            source = stream_source(stream, lane="live")
            os.write(into, line() + b"\n" + line(value=73)[:20])
            first = await anext(source)
            os.write(into, line(value=73)[20:] + b"\n" + line(value=74))
            second = await anext(source)
            os.close(into)
            third = await anext(source)
            rest = [item async for item in source]
            return first, second, third, rest

    first, second, third, rest = asyncio.run(live())

    assert [[r.value for r in part.readings] for part in (first, second, third)] == [
        [72.0], [73.0], [74.0],
    ]  # fmt: skip
    assert rest == []

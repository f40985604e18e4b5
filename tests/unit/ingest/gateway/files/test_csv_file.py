"""CSV: headings in two languages, every refused line with its number."""

import pytest

from ingest.batch.reading import Quantity, Reading
from tests.unit.ingest.gateway.files.conftest import BAND, NOON_UTC_MS

T0 = NOON_UTC_MS


def said(quantity, value, at=T0, span=0):
    return Reading(BAND, Quantity(quantity), value, at, span, 0, at)


ALL = [
    said("heart_rate_bpm", 72),
    said("steps_increment", 30, span=60_000),
    said("steps_counter", 4_000),
    said("rr_interval_ms", 833.5),
    said("battery_pct", 80),
]
ENGLISH = (
    "time,heart_rate_bpm,steps_increment,steps_counter,rr_interval_ms,battery_pct\n"
    "2026-01-01T20:00:00+08:00,72,30,4000,833.5,80\n"
)
CHINESE = (
    "时间,心率（次/分）,步数,累计步数,RR间期(ms),电量 (%)\n2026/1/1 20:00:00,72,30,4000,833.5,80\n"
)


def test_english_headings(found):
    assert found(ENGLISH.encode()).readings == ALL


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_chinese_headings_as_spreadsheets_write_them(found, encoding, separator):
    data = CHINESE.replace(",", separator).replace("\n", "\r\n").encode(encoding)

    got = found(data, time_zone="Asia/Shanghai")

    assert got.readings == ALL
    assert (got.bad, got.fault) == ([], None)


def test_times_in_milliseconds_and_spans_of_their_own(found):
    data = f"at_utc_ms,steps,span_s\n{T0},0,300\n{T0 + 300_000},12,\n"

    assert found(data.encode()).readings == [
        said("steps_increment", 0, span=300_000),
        said("steps_increment", 12, T0 + 300_000, 60_000),
    ]


def test_empty_cells_zeros_and_sentinels(found):
    times = "".join(f"2026-01-01T12:00:0{n}Z,{row}\n" for n, row in enumerate(
        [",,,", "0,0,0,0", "255,-1,-1,255", "-1,5,65535,-1"]
    ))  # fmt: skip

    got = found(("time,hr,steps,rr_interval_ms,battery_pct\n" + times).encode())

    assert got.readings == [
        said("steps_increment", 0, T0 + 1000, 60_000),
        said("battery_pct", 0, T0 + 1000),
        said("steps_increment", 5, T0 + 3000, 60_000),
    ]
    assert got.bad == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"2026-01-01 12:00:00,70", "no_zone"),
        (b",70", "time"),
        (b"2026-01-01T12:00:00Z", "columns"),
        (b"2026-01-01T12:00:00Z,70,1", "columns"),
        (b'2026-01-01T12:00:00Z,"70', "columns"),
        (b"2026-01-01T12:00:00Z,7 0", "value"),
        (b"2026-01-01T12:00:00Z,1e9", "value"),
        (b"2026-01-01T12:00:00Z,-70", "value"),
        (b"2026-01-01T12:00:00Z,inf", "value"),
        (b"2026-01-01T12:00:00Z,7_0", "value"),
        (b"2026-01-01T12:00:00Z,\xff\xfe", "encoding"),
        (b"2026-01-01T12:00:00Z,\x0070", "encoding"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number_and_the_rest_taken(found, line, reason):
    data = b"time,hr\n2026-01-01T12:00:00Z,70\n\n" + line + b"\n2026-01-01T12:00:01Z,71\n"

    got = found(data)

    assert got.readings == [said("heart_rate_bpm", 70), said("heart_rate_bpm", 71, T0 + 1000)]
    assert [(bad.reason, bad.place, bad.data) for bad in got.bad] == [(reason, 4, line)]
    assert got.fault is None


def test_a_line_without_end_costs_itself(found):
    data = b"time,hr\n" + b"x" * 1_000_000 + b"\n2026-01-01T12:00:00Z,70\n"

    got = found(data)

    assert got.readings == [said("heart_rate_bpm", 70)]
    assert [(bad.reason, bad.place) for bad in got.bad] == [("too_large", 2)]
    assert len(got.bad[0].data) < 5_000


@pytest.mark.parametrize(
    ("heading", "reason"),
    [
        (b"time,heartrate", "headings"),
        (b"time,hr,bpm", "headings"),
        (b"time,at_utc_ms,hr", "headings"),
        (b"hr", "headings"),
        (b"time,span_s", "headings"),
        (b"time,\xff\xff\xff", "encoding"),
        ("时间,心率".encode("utf-16"), "encoding"),
        (bytes(range(1, 9)) * 100, "headings"),
        (b"MZ" + bytes(5_000), "too_large"),
    ],
)
def test_headings_that_are_not_known_refuse_the_file(found, heading, reason):
    got = found(heading + b"\n2026-01-01T12:00:00Z,70\n")

    assert (got.readings, got.bad, got.fault) == ([], [], reason)


def test_packed_and_empty_files_say_what_to_do(found):
    assert found(b"\x1f\x8b\x08" + bytes(20)).fault == "gzip"
    assert found(b"").fault == "empty"
    assert found(b" \n\n").fault == "empty"

"""Payloads as the scanners' users show them, and such as no scanner should send."""

import json

import pytest

from config.errors import Rejected
from devices.value import Value
from ingest.gateway.scanner.message import MAX_MESSAGE_BYTES, read_advert, read_pulse
from ingest.gateway.scanner.topics import Kind, Origin, health_of, origin_of, subscriptions

MI = (
    b'{"brand":"Xiaomi/Amazfit","model":"Mi Band/Smart Watch","model_id":"MB/SW","type":"BODY",'
    b'"acts":true,"track":true,"steps":9101,"act_bpm":125,"device":"Xiaomi/Amazfit Tracker",'
    b'"mac":"AA:BB:CC:DD:EE:FF"}'
)
MI_7 = (
    b'{"id":"D3:EB:1F:22:65:11","name":"Xiaomi Smart Band 7 6511","rssi":-72,"distance":4.287841,'
    b'"brand":"Xiaomi/Amazfit","model":"Mi Band/Smart Watch","model_id":"MB/SW","type":"BODY",'
    b'"act_bpm":0,"device":"Xiaomi/Amazfit Tracker","mac":"D3:EB:1F:22:65:11"}'
)
POLAR = b'{"brand":"Polar","model":"Heart Rate Sensor","model_id":"H10","type":"BODY","bpm":70}'
RAW = (
    b'{"id":"54:94:5E:9F:64:C4","mac_type":1,"manufacturerdata":"4c0010060319247bbc68",'
    b'"rssi":-74,"txpower":12}'
)
PHONE = (
    b'{"event":"heartRate","heartRate":85,"percent":0.42,"connected":true,"device":"Polar H10",'
    b'"timestamp":"2025-12-12T09:00:00.000Z"}'
)


def said(**fields):
    return json.dumps({"type": "BODY", "id": "AA:BB:CC:DD:EE:FF"} | fields).encode()


def test_a_mi_band_gives_pulse_and_running_total():
    advert = read_advert("01:02:03:04:05:06", MI)

    assert advert.address == "AA:BB:CC:DD:EE:FF"
    assert advert.values == (Value("heart_rate_bpm", 125), Value("steps_counter", 9101))
    assert advert.families == ("miband_advert",)


def test_a_pulse_of_zero_is_none():
    advert = read_advert(None, MI_7)

    assert advert.values == ()
    assert (advert.name, advert.rssi_dbm) == ("Xiaomi Smart Band 7 6511", -72)


def test_steps_of_zero_are_a_count():
    assert read_advert(None, said(steps=0)).values == (Value("steps_counter", 0),)


def test_the_topic_says_whose_a_message_without_address_is():
    assert read_advert("01:02:03:04:05:06", POLAR).address == "01:02:03:04:05:06"
    with pytest.raises(Rejected, match="no address"):
        read_advert(None, POLAR)


def test_what_the_scanner_does_not_decode_is_handed_on_as_it_was_on_the_air():
    advert = read_advert(None, RAW)

    assert advert.manufacturer_data == {0x004C: bytes.fromhex("10060319247bbc68")}
    assert (advert.values, advert.families) == ((), ())
    polar = said(type="", manufacturerdata="6b0012345678", servicedatauuid="0xfee0", servicedata="")
    assert "polar_advert" in read_advert(None, polar).families
    assert read_advert(None, polar).service_data == {"0000fee0-0000-1000-8000-00805f9b34fb": b""}


def test_a_broadcast_watch_is_known_by_the_service_it_offers():
    assert "hrs" in read_advert(None, said(type="", service_uuid="0x180d")).families


def test_that_a_band_is_absent_is_no_sample():
    assert read_advert(None, said(presence="absent", act_bpm=90, steps=3)).values == ()


def test_the_scanners_own_stamp_is_taken_where_it_has_a_zone():
    assert read_advert(None, said(unixtime=1_770_000_000)).stamp_utc_ms == 1_770_000_000_000
    assert read_advert(None, said(UTCtime="2026-02-02T02:40:00Z")).stamp_utc_ms == 1_770_000_000_000
    for nothing in ({"UTCtime": "2026-02-02T02:40:00"}, {"UTCtime": "soon"}, {"unixtime": 0}, {}):
        assert read_advert(None, said(**nothing)).stamp_utc_ms is None


def test_a_phone_gives_pulse_and_time():
    pulse = read_pulse(PHONE)

    assert pulse.values == (Value("heart_rate_bpm", 85),)
    assert pulse.stamp_utc_ms == 1_765_530_000_000


@pytest.mark.parametrize(
    "fields",
    [{"heartRate": 0}, {"connected": False}, {"event": "battery"}, {"heartRate": None}],
)
def test_a_phone_that_has_no_pulse_gives_none(fields):
    assert read_pulse(json.dumps(json.loads(PHONE) | fields).encode()).values == ()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"\xff",
        b"{" * 5_000,
        b'{"id":"AA:BB:CC:DD:EE:FF","type":"BODY","act_bpm":NaN}',
        said(act_bpm=-1),
        said(act_bpm=301),
        said(act_bpm=72.5),
        said(act_bpm="72"),
        said(act_bpm=True),
        said(act_bpm=10**400),
        said(batt=101),
        said(steps=2**32),
        said(rssi="loud"),
        said(type="", manufacturerdata="4c0"),
        said(type="", manufacturerdata=7),
    ],
)
def test_what_no_scanner_should_send_is_malformed(payload):
    with pytest.raises(Rejected) as rejected:
        read_advert("01:02:03:04:05:06", payload)

    assert rejected.value.reason == "malformed"


def test_a_huge_message_is_not_read():
    with pytest.raises(Rejected) as rejected:
        read_advert(None, b" " * (MAX_MESSAGE_BYTES + 1))

    assert rejected.value.reason == "oversize"


PREFIXES, PHONES = ("home", "centre/hall"), {"hr_push"}


@pytest.mark.parametrize(
    ("topic", "origin"),
    [
        ("home/OMG1/BTtoMQTT/AABBCCDDEEFF", Origin(Kind.ADVERT, "OMG1", "AA:BB:CC:DD:EE:FF")),
        ("centre/hall/e1/BTtoMQTT/aabbccddeeff", Origin(Kind.ADVERT, "e1", "AA:BB:CC:DD:EE:FF")),
        ("home/OMG1/BTtoMQTT/undecoded", Origin(Kind.ADVERT, "OMG1", None)),
        ("home/OMG1/LWT", Origin(Kind.LIFE, "OMG1")),
        ("home/OMG1/SYStoMQTT", Origin(Kind.HEALTH, "OMG1")),
        ("hr_push", Origin(Kind.PHONE, "hr_push")),
        ("homeassistant/sensor/x/config", None),
        ("home/OMG1/RFtoMQTT/1", None),
        ("homestead/OMG1/LWT", None),
    ],
)
def test_topics(topic, origin):
    assert origin_of(topic, PREFIXES, PHONES) == origin


def test_no_more_is_subscribed_to_than_is_read():
    assert subscriptions(("home",), {"hr_push"}) == [
        "home/+/BTtoMQTT/+",
        "home/+/LWT",
        "home/+/SYStoMQTT",
        "hr_push",
    ]


@pytest.mark.parametrize(
    ("payload", "lost"),
    [(b'{"msgblck":17}', 17), (b'{"msgblck":true}', None), (b"{}", None), (b"[", None)],
)
def test_a_scanner_says_what_its_queue_lost(payload, lost):
    assert health_of(payload) == lost


def test_a_field_that_nobody_knows_makes_no_message_unreadable_and_is_not_stored():
    unknown = {"spo2": "97%", "acts": [None], "position": {"x": 1}, "act_bpm": 80}

    assert read_advert(None, said(**unknown)).values == (Value("heart_rate_bpm", 80),)

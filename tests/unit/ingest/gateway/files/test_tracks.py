"""TCX and GPX, sound and hostile."""

import pytest

from ingest.batch.reading import Quantity, Reading
from tests.unit.ingest.gateway.files.conftest import BAND, NOON_UTC_MS

T0 = NOON_UTC_MS
TCX = """<?xml version="1.0" encoding="UTF-8"?>
<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"
  xmlns:ns3="http://www.garmin.com/xmlschemas/ActivityExtension/v2">
 <Activities><Activity Sport="Running"><Id>2026-01-01T12:00:00Z</Id>
  <Lap StartTime="2026-01-01T12:00:00Z">
   <AverageHeartRateBpm><Value>111</Value></AverageHeartRateBpm>
   <Track>{points}</Track>
  </Lap></Activity></Activities>
</TrainingCenterDatabase>"""
GPX = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"
  xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1">
 <metadata><time>2026-01-01T11:00:00Z</time></metadata>
 <trk><trkseg>{points}</trkseg></trk>
</gpx>"""


def trackpoint(time, bpm):
    pulse = "" if bpm is None else f"<HeartRateBpm><Value>{bpm}</Value></HeartRateBpm>"
    return (
        f"<Trackpoint><Time>{time}</Time><Position><LatitudeDegrees>31.2</LatitudeDegrees>"
        f"</Position>{pulse}<Cadence>80</Cadence><Extensions><ns3:TPX><ns3:RunCadence>85"
        f"</ns3:RunCadence></ns3:TPX></Extensions></Trackpoint>"
    )


def trkpt(time, bpm, tag="gpxtpx:hr"):
    pulse = "" if bpm is None else f"<{tag}>{bpm}</{tag}>"
    return (
        f'<trkpt lat="31.2" lon="121.5"><ele>4</ele><time>{time}</time><extensions>'
        f"<gpxtpx:TrackPointExtension>{pulse}<gpxtpx:cad>80</gpxtpx:cad>"
        f"</gpxtpx:TrackPointExtension></extensions></trkpt>"
    )


MAKE = {"tcx": (TCX, trackpoint), "gpx": (GPX, trkpt)}


def made(kind, *points):
    shell, point = MAKE[kind]
    return shell.format(points="".join(point(*one) for one in points)).encode()


def pulse(at, bpm):
    return Reading(BAND, Quantity.HEART_RATE_BPM, bpm, at, 0, 0, at)


@pytest.mark.parametrize("kind", MAKE)
def test_points_with_a_pulse_are_readings(found, kind):
    got = found(
        made(
            kind,
            ("2026-01-01T12:00:00Z", 70),
            ("2026-01-01T12:00:01.250Z", 71),
            ("2026-01-01T20:00:02+08:00", 72),
            ("2026-01-01T12:00:03Z", None),
            ("2026-01-01T12:00:04Z", 0),
            ("2026-01-01T12:00:05Z", 255),
            ("2026-01-01T12:00:06Z", -1),
        )
    )

    assert got.readings == [pulse(T0, 70), pulse(T0 + 1250, 71), pulse(T0 + 2000, 72)]
    assert (got.bad, got.fault) == ([], None)


@pytest.mark.parametrize("tag", ["gpxtpx:hr", "ns3:hr", "heartrate", "gpxdata:hr"])
def test_makers_write_the_pulse_of_gpx_under_several_names(found, tag):
    points = trkpt("2026-01-01T12:00:00Z", 70, tag)
    shell = GPX.replace("xmlns:gpxtpx", 'xmlns:ns3="n" xmlns:gpxdata="d" xmlns:gpxtpx')

    assert found(shell.format(points=points).encode()).readings == [pulse(T0, 70)]


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize(
    ("time", "bpm", "reason"),
    [
        ("2026-01-01T12:00:00", 70, "no_zone"),
        ("yesterday", 70, "time"),
        ("", 70, "time"),
        ("1969-12-31T12:00:00Z", 70, "time"),
        ("2026-01-01T12:00:00Z", "seventy", "value"),
        ("2026-01-01T12:00:00Z", 999, "value"),
        ("2026-01-01T12:00:00Z", "nan", "value"),
        ("2026-01-01T12:00:00Z", "9" * 5000, "value"),
    ],
)
def test_a_bad_point_is_put_aside_with_its_bytes(found, kind, time, bpm, reason):
    data = made(kind, (time, bpm), ("2026-01-01T12:00:01Z", 71))

    got = found(data)

    assert got.readings == [pulse(T0 + 1000, 71)]
    (bad,) = got.bad
    line = 7 if kind == "tcx" else 5
    assert (bad.reason, bad.place) == (reason, line)
    assert bad.data == MAKE[kind][1](time, bpm).encode()
    assert got.fault is None


@pytest.mark.parametrize("kind", MAKE)
def test_a_local_time_is_taken_where_its_zone_is_said(found, kind):
    got = found(made(kind, ("2026-01-01T20:00:00", 70)), time_zone="Asia/Shanghai")

    assert got.readings == [pulse(T0, 70)]


@pytest.mark.parametrize("kind", MAKE)
def test_of_a_file_cut_short_the_points_before_are_taken(found, kind):
    data = made(kind, *((f"2026-01-01T12:{n // 60:02}:{n % 60:02}Z", 70) for n in range(600)))

    got = found(data[: len(data) // 2])

    assert 250 < len(got.readings) < 350
    assert got.fault == "cut_short"


@pytest.mark.parametrize("kind", MAKE)
def test_damage_in_the_middle_costs_what_comes_after(found, kind):
    data = made(kind, ("2026-01-01T12:00:00Z", 70), ("2026-01-01T12:00:01Z", 71))
    at = data.index(b":00:01Z")

    got = found(data[:at] + b"<&\x00" + data[at:])

    assert got.readings == [pulse(T0, 70)]
    assert got.fault == "not_well_formed"


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY % a SYSTEM "http://127.0.0.1/a.dtd">',
    ],
)
def test_entities_are_refused(found, kind, declared):
    root = b"<TrainingCenterDatabase" if kind == "tcx" else b"<gpx"
    data = made(kind, ("2026-01-01T12:00:00Z", 70))
    data = data.replace(root, f"<!DOCTYPE x [{declared}]>".encode() + root, 1)

    got = found(data)

    assert (got.readings, got.fault) == ([], "xml_entities")


def test_elements_without_end_are_refused(found):
    data = made("gpx", ("2026-01-01T12:00:00Z", 70))

    assert found(data.replace(b"<trk>", b"<a>" * 100_000)).fault == "too_deep"
    assert found(data.replace(b"<trk>", b'<trk a="' + b"x" * 3_000_000)).fault == "too_large"
    assert found(data.replace(b"<ele>", b"<ele>" + b"<x>y</x>" * 400_000)).fault == "too_large"


def test_other_xml_is_of_no_known_format(found):
    assert found(b"<html><body>404</body></html>").fault == "unknown_format"
    assert found(b"<?xml version='1.0' encoding='GB18030'?><gpx/>").fault == "encoding"
    assert found(b"<?xml version='1.0' encoding='x-none'?><gpx/>").fault == "encoding"


def test_utf_16_is_read_too(found):
    text = made("gpx", ("2026-01-01T12:00:00Z", 70)).decode().replace('"UTF-8"', '"UTF-16"')

    assert found(text.encode("utf-16")).readings == [pulse(T0, 70)]

"""Apple Health: one source of several, streamed out of a zip file that may lie."""

import io
import zipfile

import pytest

from ingest.batch.reading import Quantity, Reading
from tests.unit.ingest.gateway.files.conftest import BAND, NOON_UTC_MS

T0 = NOON_UTC_MS
WATCH = "&lt;&lt;HKDevice: 0x1&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch&gt;"
PHONE = "&lt;&lt;HKDevice: 0x2&gt;, name:iPhone, manufacturer:Apple Inc., model:iPhone&gt;"
DTD = """<!DOCTYPE HealthData [
<!ELEMENT HealthData (ExportDate,Me,(Record|Workout)*)>
<!ATTLIST Record type CDATA #REQUIRED unit CDATA #IMPLIED>
]>"""


def record(kind, start, end, value, *, source="A's Apple\u00a0Watch", device=WATCH, unit=None):
    unit = unit or ("count/min" if kind == "HeartRate" else "count")
    return (
        f'<Record type="HKQuantityTypeIdentifier{kind}" sourceName="{source}" sourceVersion="9" '
        f'device="{device}" unit="{unit}" creationDate="2026-01-01 21:00:00 +0800" '
        f'startDate="{start}" endDate="{end}" value="{value}"/>'
    )


def pulse_at(second, value, **other):
    at = f"2026-01-01 20:00:{second:02} +0800"
    return record("HeartRate", at, at, value, **other)


def walk(start, end, value, **other):
    at = "2026-01-01 20:{:02}:00 +0800"
    return record("StepCount", at.format(start), at.format(end), value, **other)


def export(*records):
    inside = "\n ".join(records)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
{DTD}
<HealthData locale="zh_CN">
 <ExportDate value="2026-01-02 08:00:00 +0800"/>
 {inside}
</HealthData>""".encode()


def zipped(members, **how):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data, **how)
    return packed.getvalue()


def steps(at, span, value):
    return Reading(BAND, Quantity.STEPS_INCREMENT, value, at, span, 0, at)


def pulse(at, value):
    return Reading(BAND, Quantity.HEART_RATE_BPM, value, at, 0, 0, at)


def test_of_watch_and_phone_the_watch_alone_is_taken(found):
    phone = {"source": "A's iPhone", "device": PHONE}
    got = found(
        export(
            pulse_at(0, 70),
            pulse_at(5, 71.5),
            walk(1, 3, 150),
            walk(1, 2, 90, **phone),
            walk(2, 3, 70, **phone),
            walk(5, 6, 0),
            record("BodyMass", "2026-01-01 20:00:00 +0800", "2026-01-01 20:00:00 +0800", 70),
        )
    )

    assert got.readings == [
        pulse(T0, 70), pulse(T0 + 5000, 71.5), steps(T0 + 60_000, 120_000, 150),
        steps(T0 + 300_000, 60_000, 0),
    ]  # fmt: skip
    assert [(left.name, left.records) for left in got.left] == [("A's iPhone", 2)]
    assert (got.bad, got.fault) == ([], None)


def test_a_source_that_is_named_is_taken_alone(found):
    band = {"source": "Mi Fitness", "device": ""}
    data = export(pulse_at(0, 70), pulse_at(1, 80, **band), walk(1, 2, 40, **band))

    got = found(data, source="Mi Fitness")
    assert got.readings == [pulse(T0 + 1000, 80), steps(T0 + 60_000, 60_000, 40)]
    assert [left.records for left in got.left] == [1]
    # Apple writes a space that does not break; a person types another.
    assert found(data, source="A's Apple Watch").readings == [pulse(T0, 70)]


def test_without_a_watch_and_without_a_name_nothing_is_guessed(found):
    got = found(export(pulse_at(0, 80, source="Mi Fitness", device="")))

    assert (got.readings, got.fault) == ([], "source")
    assert [(left.name, left.records) for left in got.left] == [("Mi Fitness", 1)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (pulse_at(0, 1.2, unit="count/s"), "unit"),
        (pulse_at(0, "?"), "value"),
        (walk(3, 1, 10), "span"),
        (walk(1, 2, -5), "value"),
        (walk(1, 2, 0.5), "value"),
        (record("HeartRate", "", "", 70), "time"),
        (record("StepCount", "2026-01-01 20:00:00 +0800", "2026-01-09 20:00:00 +0800", 1), "span"),
    ],
)
def test_a_bad_record_is_put_aside_with_its_bytes(found, bad, reason):
    got = found(export(bad, pulse_at(1, 71)))

    assert got.readings == [pulse(T0 + 1000, 71)]
    assert [(one.reason, one.place, one.data.decode()) for one in got.bad] == [(reason, 8, bad)]


def test_records_with_contents_and_long_notes_keep_their_bytes(found):
    note = '<MetadataEntry key="k" value="v"/>' * 20
    bad = pulse_at(0, "?").replace("/>", f">{note}</Record>")

    got = found(export(*([pulse_at(1, 71)] * 2000), bad, pulse_at(2, 72)))

    assert [one.data.decode() for one in got.bad] == [bad]
    assert got.readings[-1] == pulse(T0 + 2000, 72)
    assert len(got.readings) == 2001


@pytest.mark.parametrize("name", ["apple_health_export/export.xml", "apple_health_export/导出.xml"])
def test_the_zip_file_is_read_as_it_is_exported(found, name):
    data = export(pulse_at(0, 70))
    other = "<ClinicalDocument/>"
    inside = {
        "apple_health_export/export_cda.xml": other,
        "apple_health_export/workout-routes/route_1.gpx": "<gpx/>",
        name: data,
    }

    assert found(zipped(inside)).readings == [pulse(T0, 70)]
    assert found(data).readings == [pulse(T0, 70)]


def test_zip_files_that_are_no_export(found):
    whole = zipped({"apple_health_export/export.xml": export(*[pulse_at(0, 70)] * 999)})
    damaged = bytearray(whole)
    damaged[200:260] = bytes(60)

    assert found(zipped({"a.txt": "a"})).fault == "zip_without_export"
    assert found(zipped({"a/b/c/export.xml": export()})).fault == "zip_without_export"
    assert found(whole[: len(whole) // 2]).fault == "zip_damaged"
    assert found(bytes(damaged)).fault in {"zip_damaged", "not_well_formed"}


def test_what_unpacks_to_far_more_than_an_export_is_ended(found):
    blank = b" " * 80 * 2**20
    bomb = zipped({"export.xml": export(pulse_at(0, 70)).replace(b"</HealthData>", blank)})
    assert len(bomb) < 2**17

    got = found(bomb)

    assert got.fault == "zip_bomb"
    assert got.readings == [pulse(T0, 70)]


def test_a_zip_file_with_too_many_members_is_refused(found, monkeypatch):
    monkeypatch.setattr("ingest.gateway.files.apple_health.MOST_MEMBERS", 2)

    assert found(zipped(dict.fromkeys("abc", ""))).fault == "zip_bomb"


def test_entities_inside_are_refused(found):
    data = export(pulse_at(0, 70)).replace(b"]>", b'<!ENTITY a "b">]>')

    assert found(data).fault == "xml_entities"
    assert found(zipped({"export.xml": data})).fault == "xml_entities"

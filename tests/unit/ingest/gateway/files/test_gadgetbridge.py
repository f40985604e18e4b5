"""Gadgetbridge's database: the samples of one band, what is none, and files that lie."""

import sqlite3

import pytest

from ingest.batch.reading import Quantity, Reading
from tests.unit.ingest.gateway.files.conftest import BAND, NOON_UTC_MS

T0 = NOON_UTC_MS
S0 = T0 // 1000
OTHER = "AA:AA:AA:AA:AA:AA"
DEVICES = ((1, BAND.lower()), (2, OTHER))
MINUTES = "TIMESTAMP INTEGER, DEVICE_ID INTEGER, USER_ID INTEGER, RAW_INTENSITY INTEGER, STEPS INTEGER, RAW_KIND INTEGER, HEART_RATE INTEGER"  # noqa: E501 - a table of its own
PULSES = "TIMESTAMP INTEGER, DEVICE_ID INTEGER, USER_ID INTEGER, HEART_RATE INTEGER"
BATTERY = "TIMESTAMP INTEGER, DEVICE_ID INTEGER, LEVEL INTEGER, BATTERY_INDEX INTEGER"


@pytest.fixture
def database(tmp_path):
    """Makes a database of tables of rows; returns its bytes."""

    def make(*tables, devices=DEVICES, script=""):
        path = tmp_path / "Gadgetbridge"
        path.unlink(missing_ok=True)
        db = sqlite3.connect(path)
        with db:
            db.execute("CREATE TABLE DEVICE (_id INTEGER, NAME TEXT, IDENTIFIER TEXT)")
            db.executemany("INSERT INTO DEVICE VALUES (?, 'a name', ?)", devices)
            for name, columns, rows in tables:
                db.execute(f"CREATE TABLE {name} ({columns})")
                marks = ", ".join("?" * (columns.count(",") + 1))
                db.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)  # noqa: S608 - our own names
            db.executescript(script)
        db.close()
        return path.read_bytes()

    return make


def pulse(at, value):
    return Reading(BAND, Quantity.HEART_RATE_BPM, value, at, 0, 0, at)


def steps(at, value, minutes=1):
    return Reading(BAND, Quantity.STEPS_INCREMENT, value, at, 60_000 * minutes, 0, at)


@pytest.mark.parametrize(
    "name", ["MI_BAND_ACTIVITY_SAMPLE", "HUAMI_EXTENDED_ACTIVITY_SAMPLE", "XIAOMI_ACTIVITY_SAMPLE"]
)
def test_samples_by_the_minute(found, database, name):
    rows = [
        (S0 + 60, 1, 1, 20, 12, 1, 88),
        (S0, 1, 1, 20, 0, 1, 255),
        (S0 + 120, 1, 1, 20, -1, 1, 0),
        (S0 + 180, 1, 1, 20, 255, 1, -1),
        (S0 + 240, 2, 1, 20, 99, 1, 99),
        (S0 + 300, 1, 1, 20, None, 1, None),
    ]

    got = found(database((name, MINUTES, rows)))

    assert got.readings == [
        steps(T0, 0), pulse(T0 + 60_000, 88), steps(T0 + 60_000, 12), steps(T0 + 180_000, 255),
    ]  # fmt: skip
    assert [left.records for left in got.left] == [1]
    assert (got.bad, got.fault) == ([], None)


def test_a_colmi_ring(found, database):
    activity = [(S0, 1, 1, 0, 120, 0, 70), (S0 + 900, 1, 1, 0, 6_000, 0, 255)]
    pulses = [(T0, 1, 1, 71), (S0 + 300, 1, 1, 72), (T0 + 600_000, 1, 1, 0)]

    got = found(
        database(
            ("COLMI_ACTIVITY_SAMPLE", MINUTES, activity),
            ("COLMI_HEART_RATE_SAMPLE", PULSES, pulses),
        )
    )

    # In seconds or in milliseconds: no time after 1973 can be both. Ordered as stored numbers.
    assert sorted(got.readings) == sorted(
        [pulse(T0, 71), pulse(T0 + 300_000, 72), steps(T0, 120, 15)]
    )
    assert [(bad.reason, bad.place) for bad in got.bad] == [("value", 2)]
    assert got.bad[0].data.startswith(b"COLMI_ACTIVITY_SAMPLE(")


def test_what_the_radio_reads_too_has_the_stamp_that_the_band_gives_it(found, database):
    data = database(("COLMI_HEART_RATE_SAMPLE", PULSES, [(S0, 1, 1, 71)]))

    (got,) = found(data, band_zone="Asia/Shanghai").readings

    assert (got.at_utc_ms, got.device_ts_ms) == (T0, T0 + 8 * 3_600_000)


def test_the_battery_of_the_band_and_not_of_its_case(found, database):
    rows = [(S0, 1, 80, 0), (S0, 1, 20, 1), (S0 + 60, 1, -1, 0), (S0 + 120, 1, 300, 0)]

    got = found(database(("BATTERY_LEVEL", BATTERY, rows)))

    assert got.readings == [Reading(BAND, Quantity.BATTERY_PCT, 80, T0, 0, 0, T0)]
    assert [bad.reason for bad in got.bad] == ["value"]


def test_another_band_is_taken_only_where_it_is_asked_for(found, database):
    data = database(("MI_BAND_ACTIVITY_SAMPLE", MINUTES, [(S0, 2, 1, 0, 5, 0, 60)]))
    alone = database(
        ("MI_BAND_ACTIVITY_SAMPLE", MINUTES, [(S0, 2, 1, 0, 5, 0, 60)]), devices=((2, OTHER),)
    )

    assert found(data).readings == []
    assert found(alone).fault == "source"
    assert found(alone, source=OTHER).readings == [pulse(T0, 60), steps(T0, 5)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("noon", 1, 1, 0, 5, 0, 60), "time"),
        ((-5, 1, 1, 0, 5, 0, 60), "time"),
        ((2**62, 1, 1, 0, 5, 0, 60), "time"),
        ((S0, 1, 1, 0, "many", 0, 255), "value"),
        ((S0, 1, 1, 0, 301, 0, 255), "value"),
        ((S0, 1, 1, 0, 5, 0, b"\x00"), "value"),
    ],
)
def test_a_row_that_cannot_be_is_put_aside(found, database, row, reason):
    good = (S0 + 60, 1, 1, 0, 5, 0, 60)

    got = found(database(("MI_BAND_ACTIVITY_SAMPLE", MINUTES.replace(" INTEGER", ""), [row, good])))

    assert got.readings == [pulse(T0 + 60_000, 60), steps(T0 + 60_000, 5)]
    assert [bad.reason for bad in got.bad] == [reason]


def test_a_database_of_something_else_is_refused(found, database):
    assert found(database(("NOTES", "A TEXT", []))).fault == "not_gadgetbridge"


def test_a_table_that_is_a_view_is_not_run(found, database):
    endless = (
        "CREATE VIEW MI_BAND_ACTIVITY_SAMPLE AS WITH RECURSIVE n(TIMESTAMP) AS "
        "(SELECT 1 UNION ALL SELECT TIMESTAMP + 1 FROM n) SELECT TIMESTAMP, 1 AS DEVICE_ID FROM n;"
    )

    assert found(database(script=endless)).fault == "not_gadgetbridge"
    view = endless.replace("MI_BAND_ACTIVITY_SAMPLE", "DEVICE_VIEW")
    assert found(database(("XIAOMI_ACTIVITY_SAMPLE", MINUTES, []), script=view)).fault is None


def test_a_damaged_database_is_refused_and_no_longer(found, database):
    rows = [(S0 + 60 * n, 1, 1, 0, 5, 0, 60) for n in range(5_000)]
    whole = database(("MI_BAND_ACTIVITY_SAMPLE", MINUTES, rows))

    cut = found(whole[: len(whole) // 2])
    assert cut.fault == "malformed"
    for page in range(1, len(whole) // 4096, 3):
        data = bytearray(whole)
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
        assert found(bytes(data)).fault in {None, "malformed", "not_gadgetbridge", "source"}

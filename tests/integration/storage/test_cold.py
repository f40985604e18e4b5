"""Days of readings in files: written once, compared with the tables, dropped, and read back."""

import copy
import hashlib
import json
import stat
import threading
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from config.errors import Misconfigured, Unavailable
from reports.nightly.night import run_night
from reports.nightly.recompute import recompute
from reports.why import minutes_of_week
from storage.cold.drop import (
    CHANGED,
    DROPPED,
    NOT_VERIFIED,
    TOO_YOUNG,
    drop_day,
    drop_days,
    free_from,
    verified_days,
)
from storage.cold.export import days_before, export_days
from storage.cold.verify import verify_days
from storage.database import connect, working_as
from storage.roles import Role
from tests.cold import DAYS, MINUTE, NIGHT, TUESDAY, WEEK, filled
from tests.district import District, every, from_scratch, results
from tests.postgres import new_database


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def district(conn):
    return filled(District(conn))


def exported(conn, archive, *, buckets=3):
    """Write what is not yet in the archive, as the command does."""
    with working_as(conn, Role.CORE):
        return list(export_days(conn, days_before(conn, NIGHT), archive, buckets))


def verified(conn):
    with working_as(conn, Role.CORE):
        return {seen.day: seen for seen in verify_days(conn)}


def dropped(conn, days=DAYS):
    """Drop them, as if readings of nobody had been here for their days."""
    with working_as(conn, Role.CORE):
        return [drop_day(conn, day, nobody_days=-1) for day in days]


def in_tables(conn):
    return [
        conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - of this list
        for table in ("heart_rate", "steps", "steps_counter")
    ]


def faults(seen):
    return sorted({fault.what for one in seen.values() for fault in one.faults})


def rows_of(archive):
    frames = [
        pl.read_parquet(path, hive_partitioning=False)
        for path in sorted(archive.glob("day=*/patient_bucket=*/*.parquet"))
    ]
    return pl.concat([frame.rename({frame.columns[2]: "value"}) for frame in frames])


def test_a_week_out_of_files_is_the_week_out_of_the_tables(conn, district, archive, tmp_path):
    before = run_night(conn, NIGHT, tmp_path, "en")
    stored = results(conn)
    enrolment = stored["day"][0][0]
    told = minutes_of_week(conn, enrolment, WEEK)
    for table in ("heart_rate", "steps", "steps_counter"):  # where the server can
        conn.execute("SELECT compress_reading_day(%s, day) FROM unnest(%s) AS day", (table, DAYS))

    parts = exported(conn, archive)
    assert [(seen.faults, seen.late) for seen in verified(conn).values()] == [([], 0), ([], 0)]
    assert dropped(conn) == [DROPPED, DROPPED]
    assert in_tables(conn) == [0, 0, 0]
    from_scratch(conn)
    conn.execute("TRUNCATE said_again, band_clock")
    conn.execute("INSERT INTO clock_heard SELECT id, 0, 7200000 FROM device")
    after = run_night(conn, NIGHT, tmp_path, "en")
    retold = minutes_of_week(conn, enrolment, WEEK)

    assert retold.minutes.equals(told.minutes)
    assert (retold.sessions, retold.batches) == (told.sessions, told.batches)
    assert told.agrees
    assert "unworn" in set(told.minutes["reason"])
    assert [(part.day, part.part) for part in parts] == [(day, 1) for day in DAYS]
    assert results(conn) == stored
    assert stored["bout"]
    assert conn.execute("SELECT count(*) FROM said_again").fetchone()[0] > 0
    assert (after.is_new, after.workbook_sha256) == (False, before.workbook_sha256)
    assert after.input_sha256 == before.input_sha256
    after.workbook.unlink()
    again = run_night(conn, NIGHT, tmp_path, "en")
    assert hashlib.sha256(again.workbook.read_bytes()).digest() == before.workbook_sha256


def test_late_readings_and_corrections_count_as_they_would_have(conn, district, archive, request):
    late = every(TUESDAY + 20 * MINUTE, TUESDAY + 25 * MINUTE, 140, step_ms=1_000)
    later = every(TUESDAY + 40 * MINUTE, TUESDAY + 45 * MINUTE, 141, step_ms=1_000)

    def hand_over(some):
        """The band of p1 was the other's from half past eight on: found out afterwards."""
        conn = some.conn
        at = datetime.fromtimestamp((TUESDAY + 60 * MINUTE) / 1000, UTC)
        conn.execute(
            "UPDATE device_assignment SET worn = tstzrange(NULL, %s)"
            " WHERE device_id = (SELECT id FROM device WHERE device_key = 'p1')",
            (at,),
        )
        conn.execute(
            "INSERT INTO device_assignment (device_id, patient_id, worn)"
            " SELECT device.id, patient.id, tstzrange(%s, NULL) FROM device, patient"
            " WHERE device_key = 'p1' AND pseudonym = 'p2'",
            (at,),
        )

    exported(conn, archive)
    verified(conn)
    assert dropped(conn) == [DROPPED, DROPPED]
    recompute(conn, through=NIGHT)
    district.hear("p1", heart_rate=late)
    recompute(conn, through=NIGHT)
    assert [(part.day, part.part, part.readings) for part in exported(conn, archive)] == [
        (DAYS[0], 2, len(late))
    ]
    district.hear("p1", heart_rate=later)
    hand_over(district)
    recompute(conn, through=NIGHT)
    once = results(conn)
    assert [(part.day, part.part) for part in exported(conn, archive)] == [(DAYS[1], 2)]
    assert {seen.late for seen in verified(conn).values()} == {0}
    assert dropped(conn) == [DROPPED, DROPPED]
    from_scratch(conn)
    recompute(conn, through=NIGHT)

    server, template = map(request.getfixturevalue, ("postgres", "template"))
    with new_database(server.dsn, template=template) as dsn, connect(dsn) as other:
        never_exported = filled(District(other))
        for rows in (late, later):
            never_exported.hear("p1", heart_rate=rows)
        hand_over(never_exported)
        recompute(other, through=NIGHT)
        assert results(conn) == once == results(other)
    assert in_tables(conn)[0] == 0


def test_nothing_new_is_nothing_written(conn, district, archive):
    exported(conn, archive)
    before = sorted((path, path.stat().st_mtime_ns) for path in archive.rglob("*"))

    assert exported(conn, archive) == []

    assert sorted((path, path.stat().st_mtime_ns) for path in archive.rglob("*")) == before


def test_files_hold_somebodys_readings_under_a_pseudonym_for_us_alone(conn, district, archive):
    conn.execute("UPDATE patient SET name = 'Zhang Wei'")

    exported(conn, archive)

    rows = rows_of(archive)
    (theirs,) = conn.execute(
        "SELECT (SELECT count(*) FROM heart_rate) + (SELECT count(*) FROM steps)"
        " + (SELECT count(*) FROM steps_counter) - 12"
    ).fetchone()
    assert set(rows["person"]) == {"p1", "p2"}
    assert len(rows) == theirs
    assert not any(b"Zhang" in path.read_bytes() for path in archive.rglob("*") if path.is_file())
    modes = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode))
        for path in (archive, *archive.rglob("*"))
    }
    assert modes == {(True, 0o700), (False, 0o600)}
    manifest = json.loads((archive / "day=2026-11-10" / "manifest-1.json").read_text("utf-8"))
    for file in manifest["files"]:
        data = (archive / "day=2026-11-10" / file["name"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])


def test_what_was_nobodys_is_exported_when_it_is_somebodys(conn, district, archive):
    exported(conn, archive)
    seen = verified(conn)[DAYS[0]]
    free = free_from(seen, nobody_days=30, keep_days=1)
    patient = district.add_patient("p3")
    district.assign(district.add_device("passer-by"), patient)

    assert [(part.day, part.part, part.readings) for part in exported(conn, archive)] == [
        (DAYS[0], 2, 12)
    ]

    assert free - timedelta(days=30) == seen.nobody_since
    assert free_from(verified(conn)[DAYS[0]], nobody_days=30, keep_days=3) == datetime(
        2026, 11, 13, tzinfo=UTC
    )

    conn.execute("DELETE FROM device_assignment WHERE patient_id = %s", (patient,))
    conn.execute("DELETE FROM heart_rate WHERE value = 77")  # purged as nobody's
    seen = verified(conn)[DAYS[0]]
    assert (seen.faults, seen.late, seen.given_up) == ([], 0, 12)


def test_what_an_assignment_left_to_nobody_stays_for_its_days(conn, district, archive):
    conn.execute("UPDATE batch SET committed_at = clock_timestamp() - interval '40 days'")
    today = datetime.now(UTC).date()
    conn.execute(
        "DELETE FROM device_assignment WHERE device_id ="
        " (SELECT id FROM device WHERE device_key = 'p1')"
    )
    exported(conn, archive)
    seen = verified(conn)[DAYS[0]]

    assert seen.nobody_since.date() == today + timedelta(days=1)
    with working_as(conn, Role.CORE):
        assert drop_day(conn, DAYS[0], nobody_days=30) == TOO_YOUNG
    with working_as(conn, Role.CORE):
        gone = drop_days(conn, DAYS[:1], archive, 3, nobody_days=30, keep_days=1)
    until = datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=31)
    assert [(kept.why, kept.until) for kept in gone.kept] == [("too_young", until)]

    conn.execute("UPDATE unowned_span SET came_on = came_on - 31")
    verified(conn)
    with working_as(conn, Role.CORE):
        assert drop_day(conn, DAYS[0], nobody_days=30) == DROPPED


def test_what_is_somebodys_again_keeps_no_day(conn, district, archive):
    came = datetime.now(UTC) - timedelta(days=40)
    conn.execute("UPDATE batch SET committed_at = %s", (came,))
    (device, patient) = conn.execute(
        "DELETE FROM device_assignment WHERE device_id ="
        " (SELECT id FROM device WHERE device_key = 'p1') RETURNING device_id, patient_id"
    ).fetchone()
    district.assign(device, patient)
    exported(conn, archive)

    assert verified(conn)[DAYS[0]].nobody_since == came
    with working_as(conn, Role.CORE):
        assert drop_day(conn, DAYS[0], nobody_days=30) == DROPPED


def test_readings_of_dropped_days_that_are_nobodys_by_now_are_counted(conn, district, archive):
    exported(conn, archive)
    verified(conn)
    assert dropped(conn) == [DROPPED, DROPPED]
    assert [seen.given_up for seen in verified(conn).values()] == [0, 0]

    conn.execute(
        "UPDATE device_assignment SET worn = tstzrange(NULL, %s)"
        " WHERE device_id = (SELECT id FROM device WHERE device_key = 'p2')",
        (datetime.fromtimestamp((TUESDAY + MINUTE) / 1000, UTC),),
    )

    in_files = rows_of(archive).filter(
        pl.col("person") == "p2", pl.col("ts").dt.epoch("ms") >= TUESDAY + MINUTE
    )
    per_day = in_files.group_by(pl.col("ts").dt.date().alias("day")).len().sort("day")
    seen = verified(conn)
    assert [(day, one.given_up) for day, one in seen.items()] == per_day.rows()
    assert [one.faults for one in seen.values()] == [[], []]


def forged(manifest):
    """Change a file and its manifest together: only the database can tell."""
    folder = manifest.parent
    path = next(folder.rglob("heart_rate-1-0.parquet"))
    rows = pl.read_parquet(path, hive_partitioning=False).with_columns(pl.col("hr") + 1)
    rows.write_parquet(path)
    said = json.loads(manifest.read_text("utf-8"))
    for file in said["files"]:
        data = (folder / file["name"]).read_bytes()
        file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest.write_text(json.dumps(said), "utf-8")


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_damage_is_found_and_nothing_is_dropped(conn, district, archive):
    exported(conn, archive)
    folder = archive / "day=2026-11-10"
    path = next(folder.rglob("heart_rate-1-0.parquet"))
    manifest = folder / "manifest-1.json"
    good = {file: file.read_bytes() for file in folder.rglob("*.*")}

    for told, damage in (
        ("file_changed", lambda: flipped(path)),
        ("file_missing", path.unlink),
        ("file_missing", manifest.unlink),
        ("manifest_changed", lambda: manifest.write_bytes(good[manifest].replace(b"p1", b"p9"))),
        ("manifest_changed", lambda: forged(manifest)),
        ("stray_file", lambda: (folder / "heart_rate-9-0.parquet").write_bytes(good[path])),
    ):
        damage()
        seen = verified(conn)
        assert (faults(seen), seen[DAYS[0]].is_sound) == ([told], True)
        for file in folder.rglob("*.*"):
            file.unlink()
        for file, data in good.items():
            file.write_bytes(data)

    for change in ("UPDATE heart_rate SET value = 121", "DELETE FROM heart_rate"):
        conn.execute(f"{change} WHERE at = '2026-11-10 00:10:00Z'")
        assert faults(verified(conn)) == ["not_in_tables"]
    assert dropped(conn) == [DROPPED, NOT_VERIFIED]
    assert verified_days(conn) == set()


def test_a_day_that_changed_after_it_was_verified_stays(conn, district, archive):
    exported(conn, archive)
    verified(conn)
    before = in_tables(conn)
    district.hear("p1", heart_rate=every(TUESDAY, TUESDAY + MINUTE, 140))
    conn.execute(
        "UPDATE device_assignment SET worn = tstzrange(NULL, '2026-11-10 01:00:00Z')"
        " WHERE device_id = (SELECT id FROM device WHERE device_key = 'p2')"
    )

    assert dropped(conn) == [CHANGED, CHANGED]

    assert in_tables(conn) == [before[0] + 12, *before[1:]]
    assert verified(conn)[DAYS[0]].late == 12
    assert dropped(conn)[0] == CHANGED


def test_a_batch_that_comes_while_the_day_is_dropped_is_kept(conn, database, district, archive):
    exported(conn, archive)
    verified(conn)
    rows = every(TUESDAY, TUESDAY + MINUTE, 140)
    outcome = []

    def hub():
        with connect(database) as own:
            other = copy.copy(district)
            other.conn = own
            for _attempt in range(5):
                try:
                    other.hear("p1", heart_rate=rows)
                except Unavailable:
                    continue
                outcome.append("stored")
                return

    with connect(database) as dropping:
        with dropping.transaction():
            assert dropping.execute("SELECT drop_exported_day(%s, 0)", (DAYS[0],)).fetchone() == (
                DROPPED,
            )
            writer = threading.Thread(target=hub)
            writer.start()
            while not conn.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]:
                assert writer.is_alive()
        writer.join()

    assert outcome == ["stored"]
    assert conn.execute("SELECT count(*) FROM heart_rate WHERE at < '2026-11-10'").fetchone() == (
        12,
    )


def test_a_night_does_not_take_a_missing_file_for_a_day_without_readings(
    conn, district, archive, tmp_path
):
    exported(conn, archive)
    verified(conn)
    dropped(conn)
    from_scratch(conn)
    (archive / "day=2026-11-10").rename(tmp_path / "elsewhere")

    with pytest.raises(Misconfigured, match="archive"):
        recompute(conn, through=NIGHT)

    assert results(conn)["day"] == []
    with pytest.raises(Misconfigured, match="archive"):
        exported(conn, archive)
    (tmp_path / "elsewhere").rename(archive / "day=2026-11-10")
    recompute(conn, through=NIGHT)
    assert results(conn)["day"]


def test_an_archive_of_another_database_is_not_written_into(conn, district, archive):
    exported(conn, archive)
    conn.execute("TRUNCATE cold_part CASCADE")

    with pytest.raises(Misconfigured, match="does not know"):
        exported(conn, archive)


def test_a_day_that_is_not_over_is_not_exported(conn):
    with pytest.raises(Misconfigured, match="not begun"):
        days_before(conn, datetime.now(UTC).date() + timedelta(days=1))

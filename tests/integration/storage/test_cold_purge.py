"""Readings in the files of dropped days that became nobody's: deleted when their days are over."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from config.errors import Misconfigured, Unavailable
from reports.nightly.recompute import recompute
from storage.cold import purge
from storage.cold.drop import DROPPED, drop_day
from storage.cold.export import days_before, export_days
from storage.cold.purge import Purged, purge_days
from storage.cold.verify import verify_days
from storage.database import connect, exclusively, snapshot, working_as
from storage.roles import Role
from tests.cold import DAYS, MINUTE, NIGHT, TUESDAY, filled
from tests.district import District, every, results

HALF_TIME = datetime.fromtimestamp((TUESDAY + 15 * MINUTE) / 1000, UTC)


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def district(conn, archive):
    """Two days in files alone."""
    district = filled(District(conn))
    recompute(conn)
    with working_as(conn, Role.CORE):
        list(export_days(conn, days_before(conn, NIGHT), archive, 3))
        list(verify_days(conn))
    with working_as(conn, Role.CORE):
        assert [drop_day(conn, day, nobody_days=-1) for day in DAYS] == [DROPPED, DROPPED]
    return district


def take_back(conn, key, *, until=None, days_ago=31):
    """The band was not that person's, or only until then: found out so many days ago."""
    conn.execute("DELETE FROM unowned_span")
    conn.execute(
        "UPDATE device_assignment SET worn = tstzrange(NULL, %(until)s)"
        " WHERE device_id = (SELECT id FROM device WHERE device_key = %(key)s)"
        if until
        else "DELETE FROM device_assignment"
        " WHERE device_id = (SELECT id FROM device WHERE device_key = %(key)s)",
        {"until": until, "key": key},
    )
    conn.execute("UPDATE unowned_span SET came_on = came_on - %s::integer", (days_ago,))
    conn.execute("SELECT purge_unowned(id, %s) FROM device", (due(),))  # as the night does


def due():
    """As the law and the programme say: after 30 days."""
    return datetime.now(UTC).date() - timedelta(days=30)


def purged(conn):
    with working_as(conn, Role.CORE):
        return list(purge_days(conn, came_before=due()))


def verified(conn):
    with working_as(conn, Role.CORE):
        return [(seen.faults, seen.given_up) for seen in verify_days(conn)]


def rows_of(archive):
    frames = [
        pl.read_parquet(path, hive_partitioning=False)
        for path in sorted(archive.glob("day=*/patient_bucket=*/*.parquet"))
    ]
    return pl.concat([frame.rename({frame.columns[2]: "value"}) for frame in frames])


def in_order(rows):
    return rows.sort(rows.columns)


def test_what_became_nobodys_is_in_no_file_and_everything_else_is(conn, district, archive):
    take_back(conn, "p2", until=HALF_TIME)
    recompute(conn)
    before, stored = rows_of(archive), results(conn)
    is_gone = (pl.col("person") == "p2") & (pl.col("ts") >= HALF_TIME)
    (given_up,) = before.select(is_gone.sum()).row(0)

    done = purged(conn)

    assert [(one.day, one.part, one.by) for one in done] == [(DAYS[0], 1, 2), (DAYS[1], 1, 2)]
    assert sum(one.readings for one in done) == given_up > 0
    assert in_order(rows_of(archive)).equals(in_order(before.filter(~is_gone)))
    assert verified(conn) == [([], 0), ([], 0)]
    assert purged(conn) == []
    conn.execute(
        "INSERT INTO changed (patient_id, days) SELECT id, daterange(NULL, NULL) FROM patient"
    )
    recompute(conn)
    assert results(conn) == stored


def test_nobodys_day_leaves_no_part(conn, district, archive):
    for key in ("p1", "p2"):
        take_back(conn, key)

    assert [(one.by, one.readings > 0) for one in purged(conn)] == [(None, True)] * 2

    assert list(archive.rglob("*.parquet")) == list(archive.rglob("*.json")) == []
    assert verified(conn) == []
    assert conn.execute("SELECT count(*) FROM cold_part").fetchone() == (0,)


def test_what_may_still_become_somebodys_stays(conn, district, archive):
    before = rows_of(archive)
    take_back(conn, "p2", days_ago=30)

    assert purged(conn) == []
    assert rows_of(archive).equals(before)

    district.assign(district.add_device("p2"), district.add_patient("p3"))
    conn.execute("UPDATE unowned_span SET came_on = came_on - 1")
    conn.execute("SELECT purge_unowned(id, %s) FROM device", (due(),))
    assert purged(conn) == []
    assert rows_of(archive).equals(before)


def test_what_is_looked_at_once_is_not_looked_at_again(conn, district, archive):
    """Mostly nothing is to be done, however large the archive."""
    waiting = "SELECT count(*) FROM cold_part WHERE has_unowned"
    assert conn.execute(waiting).fetchone() == (0,)

    take_back(conn, "p2", days_ago=30)
    assert conn.execute(waiting).fetchone() == (0,)

    conn.execute("UPDATE unowned_span SET came_on = came_on - 1")
    conn.execute("SELECT purge_unowned(id, %s) FROM device", (due(),))
    assert conn.execute(waiting).fetchone() == (2,)

    district.assign(district.add_device("p2"), district.add_patient("p3"))
    assert purged(conn) == []
    assert conn.execute(waiting).fetchone() == (0,)


def test_what_was_purged_from_the_tables_leaves_the_files_after_the_drop(conn, archive):
    filled(District(conn))
    with working_as(conn, Role.CORE):
        list(export_days(conn, days_before(conn, NIGHT), archive, 3))
    take_back(conn, "p2", until=HALF_TIME)
    assert purged(conn) == []
    assert set(rows_of(archive).filter(pl.col("ts") > HALF_TIME)["person"]) == {"p1", "p2"}
    with working_as(conn, Role.CORE):
        assert all(seen.is_sound for seen in verify_days(conn))
    with working_as(conn, Role.CORE):
        assert [drop_day(conn, day, nobody_days=-1) for day in DAYS] == [DROPPED, DROPPED]

    assert [one.by for one in purged(conn)] == [2, 2]

    assert set(rows_of(archive).filter(pl.col("ts") > HALF_TIME)["person"]) == {"p1"}


def test_what_is_deleted_is_known_when_the_band_says_it_again(conn, district):
    take_back(conn, "p1", until=datetime.fromtimestamp(TUESDAY / 1000, UTC))
    purged(conn)
    conn.execute("TRUNCATE said_again")
    conn.execute("UPDATE device_assignment SET worn = tstzrange(NULL, NULL)")
    memory = every(TUESDAY + 90 * MINUTE, TUESDAY + 120 * MINUTE, 95)
    told = [(ms + 3 * 1440 * MINUTE, bpm) for ms, bpm in memory]
    district.hear("p1", heart_rate=told, stamps=[ms for ms, _bpm in memory])

    recompute(conn)

    assert conn.execute("SELECT count(DISTINCT device_ts_ms) FROM said_again").fetchone() == (
        len(memory),
    )


@pytest.mark.parametrize("step", ["put_manifest", "say_finished", "files.clear_part"])
def test_killed_anywhere_it_is_made_good_by_the_next(conn, district, archive, step, monkeypatch):
    take_back(conn, "p2", until=HALF_TIME)
    before = rows_of(archive)
    is_gone = (pl.col("person") == "p2") & (pl.col("ts") >= HALF_TIME)

    class Killed(BaseException):
        pass

    def killed(*_args):
        raise Killed

    with monkeypatch.context() as patched:
        owner = purge.files if "." in step else purge
        patched.setattr(owner, step.rpartition(".")[2], killed)
        with pytest.raises(Killed):
            purged(conn)
    recompute(conn)  # reads the files that count
    purged(conn)

    assert in_order(rows_of(archive)).equals(in_order(before.filter(~is_gone)))
    assert verified(conn) == [([], 0), ([], 0)]
    assert conn.execute("SELECT count(*) FROM cold_part").fetchone() == (2,)


def test_a_band_that_is_handed_out_meanwhile_keeps_its_readings(
    conn, database, district, archive, monkeypatch
):
    take_back(conn, "p2")
    before = rows_of(archive)
    patient = district.add_patient("p3")
    real = purge.put_manifest

    def handed_out(*given):
        with connect(database) as other:
            other.execute(
                "INSERT INTO device_assignment (device_id, patient_id, worn)"
                " SELECT id, %s, tstzrange(NULL, NULL) FROM device WHERE device_key = 'p2'",
                (patient,),
            )
        return real(*given)

    with monkeypatch.context() as patched:
        patched.setattr(purge, "put_manifest", handed_out)
        with pytest.raises(Unavailable):
            purged(conn)

    assert purged(conn) == []
    assert in_order(rows_of(archive)).equals(in_order(before))
    assert verified(conn) == [([], 0), ([], 0)]


def test_a_changed_file_is_not_written_on(conn, district, archive):
    take_back(conn, "p2", until=HALF_TIME)
    path = next(archive.glob("day=2026-11-09/*/heart_rate-1-0.parquet"))
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(Misconfigured):
        purged(conn)

    assert conn.execute(
        "SELECT count(*) FROM cold_part WHERE exported_at IS NOT NULL"
    ).fetchone() == (2,)


def test_nothing_is_deleted_where_assignments_are_hidden(conn, district, archive):
    take_back(conn, "p2", until=HALF_TIME)
    before = rows_of(archive)
    conn.execute("DROP POLICY adhere_core ON device_assignment")

    with pytest.raises(Misconfigured):
        purged(conn)

    assert rows_of(archive).equals(before)
    assert conn.execute("SELECT max(part) FROM cold_content").fetchone() == (1,)


def test_only_one_is_at_work(conn, database, district):
    take_back(conn, "p2")
    with connect(database) as other:
        for work in ("cold", "nightly"):
            with exclusively(other, work), pytest.raises(Unavailable):
                purged(conn)
        with snapshot(other), pytest.raises(Unavailable):
            purged(conn)

    assert isinstance(purged(conn)[0], Purged)

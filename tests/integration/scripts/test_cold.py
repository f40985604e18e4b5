"""`adhere db export` as an operator runs it, and as it is killed."""

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime

import polars as pl
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from config.conventions import load_conventions
from reports.nightly.recompute import recompute
from scripts.score import archive as score_archive
from scripts.score.inputs import Files
from scripts.score.run import run
from storage.cold import export, files
from storage.cold.drop import DROPPED, drop_day
from storage.cold.export import export_days
from storage.cold.verify import verify_days
from storage.database import connect, working_as
from storage.retention import Policies, apply_policies
from storage.roles import LOGINS, Role
from tests.cold import DAYS, NIGHT, filled
from tests.district import District


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def district(conn):
    return filled(District(conn))


class Killed(BaseException):
    """Nobody catches it: what follows is not done, as after SIGKILL."""


def test_an_export_killed_anywhere_is_made_good_by_the_next(
    conn, database, district, archive, monkeypatch
):
    """Before and after every fsync and every rename, and before every step of the database."""
    steps = 0
    reached = []

    def dying(module, name):
        real = getattr(module, name)

        def call(*args, **kwargs):
            nonlocal steps
            steps -= 1
            if steps == 0:
                reached.append(name)
                raise Killed
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, call)

    for module, name in (
        (os, "fsync"),
        (files.Path, "rename"),
        (files, "sync_folder"),
        (export, "query"),
        (export, "manifest_bytes"),
    ):
        dying(module, name)
    for kill_at in range(1, 500):
        steps = kill_at
        try:
            with connect(database, role=Role.CORE) as killed:
                list(export_days(killed, [DAYS[0]], archive, 1))
        except Killed:
            continue
        break
    else:
        pytest.fail("it never came to its end")
    monkeypatch.undo()

    assert {"fsync", "rename", "query", "manifest_bytes"} <= set(reached)
    assert len(reached) > 20
    assert not list(archive.rglob("*.unfinished"))
    assert [(seen.faults, seen.late) for seen in verify_days(conn)] == [([], 0)]
    rows = [
        pl.read_parquet(path, hive_partitioning=False).height for path in archive.rglob("*.parquet")
    ]
    assert sum(rows) == 813


def adhere(*command, dsn):
    """Run `adhere db export ...`; return its exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.main", "db", "export", *command],
        env=os.environ | {"ADHERE_DATABASE_DSN": dsn, "ADHERE_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_exports_compares_and_drops(conn, database, district, archive, tmp_path):
    settings = tmp_path / "district.toml"
    settings.write_text(
        f'data_dir = "{tmp_path}"\n'
        '[broker]\nhost = "localhost"\n'
        f'[nightly]\nreport_dir = "{tmp_path}"\n'
        f'[cold]\nfolder = "{archive}"\nbuckets = 2\nkeep_days = 1\n',
        "utf-8",
    )
    before = ("--before", "2026-11-15", "--settings", str(settings))

    young = adhere("--before", "2026-11-15", "--to", str(archive), "--drop", "--json", dsn=database)
    said = json.loads(young[1])
    assert (young[0], [part["readings"] for part in said["parts"]]) == (3, [813, 2184])
    assert said["dropped"] == []
    assert [(kept["day"], kept["why"]) for kept in said["kept"]] == [
        (str(day), "too_young") for day in DAYS
    ]
    assert conn.execute("SELECT count(*) FROM heart_rate").fetchone()[0] > 0
    code, out, _err = adhere("verify", dsn=database)
    assert (code, out.count("are sound")) == (0, 2)
    conn.execute("DELETE FROM heart_rate WHERE value = 77")  # nobody's, as the night purges them
    code, out, _err = adhere(*before, "--drop", "--to", str(archive), dsn=database)
    assert (code, out.count("dropped from the tables")) == (0, 2)
    code, out, _err = adhere("list", dsn=database)
    assert (code, out.count("in the files alone")) == (0, 2)
    path = next(archive.rglob("heart_rate-1-0.parquet"))
    path.write_bytes(path.read_bytes()[:-1])
    code, _out, err = adhere("verify", dsn=database)
    assert code == 1
    assert f"{path} was changed" in err
    code, _out, err = adhere("--to", str(archive), dsn=database)
    assert (code, "--before" in err) == (2, True)


@pytest.fixture
def nightly(database):
    """A login with the roles of the account that runs the nights, and no others."""
    name = f"nightly_{uuid.uuid4().hex[:8]}"
    roles = sql.SQL(", ").join(sql.Identifier(role) for role in LOGINS["adhere-nightly"])
    with connect(database) as conn:
        made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        conn.execute(made.format(sql.Identifier(name), sql.Literal(name)))
        conn.execute(sql.SQL("GRANT {} TO {}").format(roles, sql.Identifier(name)))
        yield make_conninfo(database, user=name, password=name)
        conn.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_the_account_of_the_nights_may_do_all_of_it(conn, nightly, district, archive):
    conn.execute("DELETE FROM heart_rate WHERE value = 77")
    to = ("--to", str(archive))

    code, out, _err = adhere("--before", "2026-11-15", *to, "--drop", dsn=nightly)
    assert (code, out.count("until")) == (3, 2)  # cold.keep_days
    with connect(nightly, role=Role.CORE) as mine:
        assert [drop_day(mine, day, nobody_days=30) for day in DAYS] == [DROPPED, DROPPED]
    for command in ("verify", "list", "purge"):
        assert adhere(command, dsn=nightly)[0] == 0


def test_the_command_deletes_what_is_nobodys_by_now(conn, database, district, archive):
    with working_as(conn, Role.CORE):
        list(export_days(conn, DAYS, archive, 2))
        assert all(seen.is_sound for seen in verify_days(conn))
    with working_as(conn, Role.CORE):
        assert [drop_day(conn, day, nobody_days=-1) for day in DAYS] == [DROPPED, DROPPED]
    conn.execute(
        "DELETE FROM device_assignment"
        " WHERE device_id = (SELECT id FROM device WHERE device_key = 'p2')"
    )
    conn.execute("UPDATE unowned_span SET came_on = came_on - 31")
    apply_policies(
        conn,
        Policies(compress_after_days=None, retain_readings_days=None, purge_unowned_after_days=30),
        now=datetime.now(UTC),
        actor="nightly",
        archive=True,
    )

    code, out, _err = adhere("verify", dsn=database)
    assert (code, out.count("belong to nobody by now")) == (0, 2)
    code, out, _err = adhere("purge", dsn=database)
    assert (code, out.count("readings of nobody are deleted")) == (0, 2)
    code, out, _err = adhere("verify", dsn=database)
    assert (code, out.count("nobody")) == (0, 0)
    assert json.loads(adhere("purge", "--json", dsn=database)[1]) == []
    assert adhere("purge", dsn=database)[1] == "Nothing to delete.\n"


def test_score_reads_the_archive_as_the_night_reads_the_tables(
    conn, district, archive, tmp_path, monkeypatch
):
    """Band memory under two clocks; of the steps those of minutes; people in small pieces."""
    monkeypatch.setattr(export, "PIECE_READINGS", 100)
    monkeypatch.setattr(score_archive, "BLOCK_READINGS", 100)
    conn.execute("DELETE FROM steps_counter")  # the night alone makes minutes of them
    recompute(conn, through=NIGHT)
    stored = conn.execute(
        "SELECT case_label, start_at, end_at, credit_ms / 1000.0::float8, min_walk FROM bout"
        " JOIN enrolment ON enrolment.id = enrolment_id ORDER BY 1, 2"
    ).fetchall()
    days = conn.execute(
        "SELECT case_label, date, wear_ms / 1000.0::float8, credit_ms / 1000.0::float8, steps"
        " FROM day"
        " JOIN enrolment ON enrolment.id = enrolment_id ORDER BY 1, 2"
    ).fetchall()
    (repeats,) = conn.execute("SELECT count(*) FROM said_again").fetchone()
    list(export_days(conn, DAYS, archive, 1))
    assert len(list(archive.rglob("heart_rate-1-1.parquet"))) == len(DAYS)
    assert [seen.faults for seen in verify_days(conn)] == [[], []]
    cases = tmp_path / "cases.csv"
    cases.write_text(
        "case,person,age,sex,beta_blocker,rest_hr,hr_max,zone_lo,zone_hi,session_min,"
        "sessions_per_week,weekly_min\n"
        + "".join(f"{who},{who},,,,60,170,40,85,30,3,90\n" for who in ("p1", "p2")),
        "utf-8",
    )

    outcome = run(
        Files(archive, archive, cases),
        tmp_path / "out",
        zone="Asia/Shanghai",
        conventions=load_conventions(),
    )

    assert outcome.is_all
    assert repeats > 0
    read = {
        name: pl.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in ("bouts", "days")
    }
    assert read["bouts"].select("case", "start", "end", "credit_s", "min_walk").rows() == stored
    assert read["days"].select("case", "date", "wear_s", "credit_s", "steps").rows() == days

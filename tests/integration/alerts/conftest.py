"""A district with one patient whose ceiling is 140 bpm, and alerts made by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from storage.database import connect
from tests.district import District

CEILING_BPM = 140.0


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def district(conn):
    return Watched(conn)


class Watched(District):
    """A small district whose time is now: bands, ceilings, staff with addresses, alerts."""

    def __init__(self, conn):
        super().__init__(conn)
        conn.execute("UPDATE staff SET email = 'doctor@east.example' WHERE id = %s", (self.doctor,))
        self.now = self.one("SELECT clock_timestamp()")
        self.today = (self.now + timedelta(hours=8)).date()

    def add_staff(self, code, role, *, email=None, centre=None):
        return self.one(
            "INSERT INTO staff (organisation_id, code, role, name, email)"
            " VALUES (%s, %s, %s, %s, %s) RETURNING id",
            centre or self.centre,
            code,
            role,
            code.title(),
            email,
        )

    def watched(self, label, *, ceiling=CEILING_BPM, name=None):
        """A patient with a band of the same name and a ceiling in force for a month."""
        since = self.today - timedelta(days=60)
        terms = {} if ceiling is None else {"ceiling_bpm": ceiling, "ceiling_source": "prescribed"}
        enrolment = self.wear(label, starts_on=since, **terms)
        patient = self.one("SELECT patient_id FROM enrolment WHERE id = %s", enrolment)
        self.conn.execute("UPDATE patient SET name = %s WHERE id = %s", (name, patient))
        return patient

    def alert(self, patient, *, rule="hr_ceiling", tier="red", direction="high", **more):
        values = {"onset_at": self.now, "raised_at": self.now, "last_at": self.now} | more
        return self.one(
            "INSERT INTO alert (patient_id, rule, rule_version, tier, direction,"  # noqa: S608 - names of this file's own
            f" {', '.join(values)}) VALUES (%s, %s, 1, %s, %s,"
            f" {', '.join(['%s'] * len(values))}) RETURNING id",
            patient,
            rule,
            tier,
            direction,
            *values.values(),
        )

    def ago_ms(self, seconds):
        """A moment so long before the database's now, in ms."""
        now = self.one("SELECT clock_timestamp()")
        return round((now - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)) - round(
            1000 * seconds
        )

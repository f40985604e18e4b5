"""A small district to compute in: people, bands and readings, put straight into a database."""

import hashlib
import itertools
from datetime import UTC, date, datetime, timedelta

import numpy as np

from storage.ingest import IncomingBatch, Outcome, ReadingColumns, store_batches

UTC_OFFSET = timedelta(hours=8)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local_ms(text):
    """A local clock time such as `2026-11-16 23:59:30`, in ms since 1970-01-01T00:00Z."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC) - UTC_OFFSET
    return round((moment - EPOCH) / timedelta(milliseconds=1))


def at(ms):
    """A time in ms as the database wants it."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def monday_of(day):
    return day - timedelta(days=day.weekday())


class District:
    """Writers for one test's database; each returns the id of what it made."""

    def __init__(self, conn):
        self.conn = conn
        self.seq = itertools.count()
        self.previous_sha256 = None
        self.centre = self.add_centre("c1", "Centre one")
        self.doctor = self.add_doctor("d1", "Doctor one")
        self.gateway = self.one(
            "INSERT INTO gateway (centre_id, code) VALUES (%s, 'g1') RETURNING id", self.centre
        )

    def one(self, statement, *values):
        return self.conn.execute(statement, values).fetchone()[0]

    def add_centre(self, code, name):
        return self.one(
            "INSERT INTO organisation (kind, code, name) VALUES ('centre', %s, %s) RETURNING id",
            code,
            name,
        )

    def add_doctor(self, code, name):
        return self.one(
            "INSERT INTO staff (organisation_id, code, role, name)"
            " VALUES (%s, %s, 'family_doctor', %s) RETURNING id",
            self.centre,
            code,
            name,
        )

    def add_patient(self, pseudonym, *, centre=None, doctor=None):
        return self.one(
            "INSERT INTO patient (pseudonym, centre_id, family_doctor_id)"
            " VALUES (%s, %s, %s) RETURNING id",
            pseudonym,
            centre or self.centre,
            doctor or self.doctor,
        )

    def enrol(self, patient, label, starts_on, *, ends_on=None, mode="worn"):
        return self.one(
            "INSERT INTO enrolment (case_label, patient_id, mode, starts_on, ends_on)"
            " VALUES (%s, %s, %s, %s, %s) RETURNING id",
            label,
            patient,
            mode,
            starts_on,
            ends_on,
        )

    def prescribe(self, enrolment, since, until=None, *, version=1, **terms):
        terms = {
            "hr_max_bpm": 170.0,
            "rest_hr_bpm": 60.0,
            "zone_lo": 40.0,
            "zone_hi": 85.0,
            "session_min": 30.0,
            "sessions_per_week": 3.0,
            "weekly_min": 90.0,
        } | terms
        return self.one(
            "INSERT INTO prescription (enrolment_id, version, effective, frozen_on,"  # noqa: S608 - names of this file's own
            f" {', '.join(terms)}) VALUES (%s, %s, daterange(%s, %s), %s,"
            f" {', '.join(['%s'] * len(terms))}) RETURNING id",
            enrolment,
            version,
            since,
            until,
            since,
            *terms.values(),
        )

    def add_device(self, key):
        return self.one(
            "INSERT INTO device (device_key) VALUES (%s)"
            " ON CONFLICT (device_key) DO UPDATE SET device_key = excluded.device_key RETURNING id",
            key,
        )

    def assign(self, device, patient, since_ms=None, until_ms=None):
        return self.one(
            "INSERT INTO device_assignment (device_id, patient_id, worn)"
            " VALUES (%s, %s, tstzrange(%s, %s)) RETURNING id",
            device,
            patient,
            None if since_ms is None else at(since_ms),
            None if until_ms is None else at(until_ms),
        )

    def wear(self, label, *, starts_on=date(2026, 11, 2), mode="worn", **terms):
        """A patient enrolled in a programme, with a band of the same name worn all the time."""
        patient = self.add_patient(label)
        enrolment = self.enrol(patient, label, starts_on, mode=mode)
        self.prescribe(enrolment, starts_on, **terms)
        self.assign(self.add_device(label), patient)
        return enrolment

    def hear(self, key, *, heart_rate=(), steps=(), stamps=None, flags=0):
        """One batch of readings of one band: pairs of (ms, value), with the band's own stamps."""
        columns = []
        for quantity, rows, span_ms in (
            ("heart_rate_bpm", heart_rate, 0),
            ("steps_increment", steps, 60_000),
        ):
            if len(rows):
                columns.append(
                    ReadingColumns(
                        quantity,
                        np.zeros(len(rows), np.uint16),
                        np.array([ms for ms, _ in rows], np.int64),
                        np.array([value for _, value in rows], np.float64),
                        np.full(len(rows), span_ms),
                        np.full(len(rows), flags, np.uint8),
                        None if stamps is None else np.array(stamps, np.int64),
                    )
                )
        seq = next(self.seq)
        batch = IncomingBatch(
            gateway_id=self.gateway,
            boot=bytes(16),
            seq=seq,
            content_sha256=hashlib.sha256(b"%d" % seq).digest(),
            previous_sha256=self.previous_sha256,
            lane="backlog",
            schema_version=1,
            sealed_utc_ms=max(int(column.at_utc_ms.max()) for column in columns),
            sealed_mono_ms=0,
            devices=(key,),
            columns=columns,
            sealed=b"sealed %d" % seq,
        )
        self.previous_sha256 = batch.content_sha256
        # The day of a test may be yet to come.
        stored = store_batches(self.conn, [batch], now_utc_ms=batch.sealed_utc_ms)
        assert stored == [Outcome.STORED]


def every(since_ms, until_ms, bpm, *, step_ms=5_000):
    """Heart rate at a steady pace: (ms, bpm) from since to before until."""
    return [(ms, bpm) for ms in range(since_ms, until_ms, step_ms)]


RESULTS = {
    "day": "SELECT * FROM day ORDER BY enrolment_id, date",
    "bout": "SELECT * FROM bout ORDER BY enrolment_id, start_at",
    "week": "SELECT * FROM week ORDER BY enrolment_id, week",
    "refused_version": "SELECT prescription_id, from_day, until_day, reason FROM refused_version"
    " ORDER BY prescription_id, from_day",
    "side_day": "SELECT * FROM side_day ORDER BY enrolment_id, date",
    "rest_day": "SELECT * FROM rest_day ORDER BY patient_id, date",
    "side_week": "SELECT * FROM side_week ORDER BY enrolment_id, week",
}


def results(conn):
    """Every stored result, to the last column."""
    return {table: conn.execute(statement).fetchall() for table, statement in RESULTS.items()}


def from_scratch(conn):
    """Forget every result and mark everything as touched: the next recomputation does it all."""
    conn.execute(
        "TRUNCATE day, bout, week, side_day, rest_day, side_week, refused_version, touched, changed"
    )
    conn.execute(
        "INSERT INTO changed (patient_id, days) SELECT id, daterange(NULL, NULL) FROM patient"
    )

"""Whatever is changed in the records beside the readings, the stored results follow: enrolments,
prescriptions with their phases, the session log, pauses, bands, centres and outages, with band
memory read twice in between."""

from contextlib import suppress
from datetime import date, timedelta
from random import Random

import psycopg
import pytest

from reports.nightly.recompute import recompute
from storage.database import connect
from tests.district import District, at, every, from_scratch, local_ms, results

MINUTE = 60_000
THROUGH = date(2026, 11, 29)


def day(number):
    return date(2026, 11, 2) + timedelta(days=number)


PARTS = (
    {},
    {"zone_lo": 40.0},
    {"day_adds_up": True, "session_min": 40.0},
    {"resistance_per_week": 2.0, "rest_days": 1, "steps_per_day": 500.0},
    {"intensity_kind": "rpe", "zone_lo": 11.0, "zone_hi": 14.0, "session_min": 20.0},
    {"intensity_kind": "bpm", "zone_lo": 100.0, "zone_hi": 140.0, "balance_per_week": 1.0},
)
"""What a prescription may say beside, or instead of, one zone of the reserve."""


class World:
    """Three people with a band each, in four enrolments, and a die."""

    def __init__(self, conn, random):
        self.conn, self.random = conn, random
        self.district = district = District(conn)
        self.centres = [district.centre, district.add_centre("c2", "Centre two")]
        self.patients = [district.add_patient(f"p{n}") for n in range(3)]
        self.bands = [district.add_device(f"b{n}") for n in range(3)]
        for band, patient in zip(self.bands, self.patients, strict=True):
            district.assign(band, patient)
        self.enrolments = []
        for n in range(4):
            mode = random.choice(["worn", "site"])
            enrolment = district.enrol(self.patients[n % 3], f"c{n}", self.day(0, 9), mode=mode)
            parts = random.choice(PARTS)
            district.prescribe(enrolment, self.day(0, 12), **{"zone_lo": 45.0} | parts)
            self.enrolments.append(enrolment)

    def day(self, first, last):
        return day(self.random.randint(first, last))

    def near_midnight(self):
        minutes = self.random.choice([-20, -5, -1, 0, 5, 600])
        return local_ms(f"{self.day(0, 24)} 00:00:00") + minutes * MINUTE

    def hear(self):
        choice = self.random.choice
        start = self.near_midnight()
        rows = every(
            start,
            start + choice([3, 12, 40, 700]) * MINUTE,
            choice([70, 104, 120, 153]),
            step_ms=choice([5_000, 20_000, 60_000]),
        )
        stamps = None
        if choice([True, False]):
            stamps = [ms // 1_000 for ms, _ in rows]
            off_ms = choice([0, 90_000, -200_000, 299_000])
            rows = [(ms + off_ms, bpm) for ms, bpm in rows]
        self.district.hear(choice(["b0", "b1", "b2"]), heart_rate=rows, stamps=stamps)

    def change(self):
        """Change one record; what the database does not allow is left as it is."""
        statement, *values = self.random.choice(
            [
                self.enrolment_changed,
                self.prescription_changed,
                self.paused,
                self.band_changed,
                self.outage,
                self.phase_changed,
                self.logged,
                self.log_corrected,
            ]
        )()
        with suppress(psycopg.errors.IntegrityError, psycopg.errors.DataError):
            self.conn.execute(statement, values)

    def enrolment_changed(self):
        name, value = self.random.choice(
            [
                ("patient_id", self.random.choice(self.patients)),
                ("starts_on", self.day(0, 15)),
                ("ends_on", self.random.choice([None, self.day(16, 25)])),
                ("mode", self.random.choice(["worn", "site"])),
            ]
        )
        statement = {
            "patient_id": "UPDATE enrolment SET patient_id = %s WHERE id = %s",
            "starts_on": "UPDATE enrolment SET starts_on = %s WHERE id = %s",
            "ends_on": "UPDATE enrolment SET ends_on = %s WHERE id = %s",
            "mode": "UPDATE enrolment SET mode = %s WHERE id = %s",
        }[name]
        return statement, value, self.random.choice(self.enrolments)

    def prescription_changed(self):
        return (
            (
                "UPDATE prescription SET effective = daterange(%s, %s), hr_max_bpm = %s"
                " WHERE enrolment_id = %s"
            ),
            self.day(0, 14),
            self.random.choice([None, day(22)]),
            self.random.choice([None, 170.0, 150.0]),
            self.random.choice(self.enrolments),
        )

    def phase_changed(self):
        return self.random.choice(
            [
                ("DELETE FROM prescription_phase",),
                (
                    (
                        "INSERT INTO prescription_phase"
                        " (prescription_id, from_week, phase, session_min, weekly_min)"
                        " SELECT id, %s, 'progress', %s, 60 FROM prescription"
                        " WHERE enrolment_id = %s ON CONFLICT (prescription_id, from_week)"
                        " DO UPDATE SET session_min = excluded.session_min"
                    ),
                    self.random.choice([2, 3]),
                    self.random.choice([10, 35]),
                    self.random.choice(self.enrolments),
                ),
            ]
        )

    def logged(self):
        return (
            (
                "INSERT INTO session_log"
                " (entry_key, revision, enrolment_id, date, component, attended, minutes, rpe,"
                " noted_by) VALUES (%s, 1, %s, %s, %s, true, %s, %s, %s)"
            ),
            str(self.random.random()),
            self.random.choice(self.enrolments),
            self.day(0, 24),
            self.random.choice(["aerobic", "resistance", "balance"]),
            self.random.choice([None, 25]),
            self.random.choice([None, 12]),
            self.district.doctor,
        )

    def log_corrected(self):
        """Move the entry written first to another day, or take it back."""
        return (
            (
                "INSERT INTO session_log"
                " (entry_key, revision, enrolment_id, date, component, attended, minutes, rpe,"
                " withdrawn, correction_reason, noted_by)"
                " SELECT entry_key, revision + 1, enrolment_id, %s, component, attended, minutes,"
                " rpe, %s, 'wrong', noted_by FROM session_log AS entry WHERE NOT EXISTS ("
                "SELECT FROM session_log AS later WHERE later.entry_key = entry.entry_key"
                " AND later.revision > entry.revision) ORDER BY id LIMIT 1"
            ),
            self.day(0, 24),
            self.random.choice([False, False, True]),
        )

    def paused(self):
        first = self.random.randint(0, 20)
        return (
            (
                "INSERT INTO pause (enrolment_id, during, reason)"
                " VALUES (%s, daterange(%s, %s), 'holiday')"
            ),
            self.random.choice(self.enrolments),
            day(first),
            self.random.choice([None, day(first + 2)]),
        )

    def band_changed(self):
        if self.random.choice([True, False]):
            return (
                "UPDATE patient SET centre_id = %s WHERE id = %s",
                self.random.choice(self.centres),
                self.random.choice(self.patients),
            )
        return (
            (
                "UPDATE device_assignment SET patient_id = %s, worn = tstzrange(%s, NULL)"
                " WHERE device_id = %s"
            ),
            self.random.choice(self.patients),
            self.random.choice([None, at(self.near_midnight())]),
            self.random.choice(self.bands),
        )

    def outage(self):
        since = local_ms(f"{self.day(0, 20)} 09:00:00")
        return self.random.choice(
            [
                ("DELETE FROM gateway_outage",),
                (
                    (
                        "INSERT INTO gateway_outage (gateway_id, during, reason)"
                        " VALUES (%s, tstzrange(%s, %s), 'power')"
                    ),
                    self.district.gateway,
                    at(since),
                    self.random.choice([None, at(since + 30 * MINUTE)]),
                ),
            ]
        )


@pytest.mark.parametrize("seed", range(12))
def test_results_follow_every_change_of_a_record(database, seed):
    random = Random(seed)
    with connect(database) as conn:
        world = World(conn, random)
        for step in random.choices(["hear", "change", "change", "recompute"], k=32):
            if step == "recompute":
                recompute(conn, through=THROUGH)
            else:
                getattr(world, step)()
        recompute(conn, through=THROUGH)
        stored = results(conn)

        from_scratch(conn)
        recompute(conn, through=THROUGH)

        assert stored == results(conn)
        assert stored["week"]

-- Each record is known by the name people give it (a code, a pseudonym, a label). Written twice it is
-- written once; a write that changes nothing touches no row, so that nothing is recomputed for it.

-- name: put_organisation
INSERT INTO organisation (kind, code, name, parent_id)
VALUES (
    %(kind)s, %(code)s, %(name)s, (SELECT id FROM organisation WHERE code = %(parent)s)
)
ON CONFLICT (code) DO UPDATE
SET kind = excluded.kind, name = excluded.name, parent_id = excluded.parent_id
WHERE (organisation.kind, organisation.name, organisation.parent_id)
    IS DISTINCT FROM (excluded.kind, excluded.name, excluded.parent_id);

-- name: find_organisation
SELECT id FROM organisation WHERE code = %(code)s;

-- name: put_staff
INSERT INTO staff (organisation_id, code, role, name)
SELECT id, %(code)s, %(role)s, %(name)s FROM organisation WHERE organisation.code = %(organisation)s
ON CONFLICT (code) DO UPDATE
SET organisation_id = excluded.organisation_id, role = excluded.role, name = excluded.name
WHERE (staff.organisation_id, staff.role, staff.name)
    IS DISTINCT FROM (excluded.organisation_id, excluded.role, excluded.name);

-- name: find_staff
SELECT id FROM staff WHERE code = %(code)s;

-- name: put_patient
INSERT INTO patient (pseudonym, name, centre_id, family_doctor_id)
SELECT %(pseudonym)s, %(name)s, centre.id, doctor.id
FROM organisation AS centre, staff AS doctor
WHERE centre.code = %(centre)s AND doctor.code = %(family_doctor)s
ON CONFLICT (pseudonym) DO UPDATE
SET name = excluded.name, centre_id = excluded.centre_id,
    family_doctor_id = excluded.family_doctor_id
WHERE (patient.name, patient.centre_id, patient.family_doctor_id)
    IS DISTINCT FROM (excluded.name, excluded.centre_id, excluded.family_doctor_id);

-- name: move_patient
SELECT move_patient(patient.id, centre.id, %(since)s)
FROM patient, organisation AS centre
WHERE patient.pseudonym = %(pseudonym)s AND centre.code = %(centre)s;

-- name: find_patient
SELECT id FROM patient WHERE pseudonym = %(pseudonym)s;

-- name: put_enrolment
INSERT INTO enrolment (case_label, patient_id, mode, starts_on, ends_on)
SELECT %(case_label)s, id, %(mode)s, %(starts_on)s, %(ends_on)s
FROM patient WHERE pseudonym = %(patient)s
ON CONFLICT (case_label) DO UPDATE
SET mode = excluded.mode, starts_on = excluded.starts_on, ends_on = excluded.ends_on
WHERE (enrolment.mode, enrolment.starts_on, enrolment.ends_on)
    IS DISTINCT FROM (excluded.mode, excluded.starts_on, excluded.ends_on);

-- name: find_enrolment
-- With the person, so that a label that is another person's is noticed.
SELECT enrolment.id, patient.pseudonym
FROM enrolment JOIN patient ON patient.id = enrolment.patient_id
WHERE case_label = %(case_label)s;

-- name: close_earlier_prescriptions
-- A new version ends those before it on the day it takes effect.
UPDATE prescription
SET effective = daterange(lower(effective), %(effective_from)s::date)
WHERE enrolment_id = %(enrolment_id)s
    AND version < %(version)s
    AND lower(effective) < %(effective_from)s::date
    AND effective && daterange(%(effective_from)s::date, NULL);

-- name: put_prescription
INSERT INTO prescription (
    enrolment_id, version, effective, age_years, sex, beta_blocker, hr_max_bpm, hr_max_source,
    rest_hr_bpm, rest_hr_source, frozen_on, zone_lo, zone_hi, session_min,
    sessions_per_week, weekly_min, ceiling_bpm, ceiling_source, intensity_kind, day_adds_up,
    resistance_per_week, resistance_min, rest_days, balance_per_week, balance_min, steps_per_day
)
VALUES (
    %(enrolment_id)s, %(version)s, daterange(%(effective_from)s, NULL), %(age_years)s, %(sex)s,
    %(beta_blocker)s, %(hr_max_bpm)s, %(hr_max_source)s, %(rest_hr_bpm)s, %(rest_hr_source)s,
    %(frozen_on)s, %(zone_lo)s, %(zone_hi)s, %(session_min)s, %(sessions_per_week)s,
    %(weekly_min)s, %(ceiling_bpm)s, %(ceiling_source)s, %(intensity_kind)s, %(day_adds_up)s,
    %(resistance_per_week)s, %(resistance_min)s, %(rest_days)s, %(balance_per_week)s,
    %(balance_min)s, %(steps_per_day)s
)
ON CONFLICT (enrolment_id, version) DO NOTHING;

-- name: find_prescription
SELECT
    id, lower(effective), age_years, sex, beta_blocker, hr_max_bpm, hr_max_source, rest_hr_bpm,
    rest_hr_source, frozen_on, zone_lo, zone_hi, session_min, sessions_per_week, weekly_min,
    ceiling_bpm, ceiling_source, intensity_kind, day_adds_up, resistance_per_week, resistance_min,
    rest_days, balance_per_week, balance_min, steps_per_day
FROM prescription
WHERE enrolment_id = %(enrolment_id)s AND version = %(version)s;

-- name: put_phase
INSERT INTO prescription_phase (
    prescription_id, from_week, phase, zone_lo, zone_hi, session_min, sessions_per_week, weekly_min
)
VALUES (
    %(prescription_id)s, %(from_week)s, %(phase)s, %(zone_lo)s, %(zone_hi)s, %(session_min)s,
    %(sessions_per_week)s, %(weekly_min)s
);

-- name: put_pause
INSERT INTO pause (enrolment_id, during, reason)
SELECT id, daterange(%(first_day)s, %(until)s), %(reason)s
FROM enrolment
WHERE case_label = %(case_label)s
    AND NOT EXISTS (
        SELECT FROM pause
        WHERE enrolment_id = enrolment.id
            AND (during, reason) = (daterange(%(first_day)s, %(until)s), %(reason)s)
    );

-- name: find_pause
SELECT pause.id
FROM pause JOIN enrolment ON enrolment.id = pause.enrolment_id
WHERE case_label = %(case_label)s AND during = daterange(%(first_day)s, %(until)s);

-- name: assign_device
INSERT INTO device_assignment (device_id, patient_id, worn)
SELECT device.id, patient.id, tstzrange(%(worn_from)s, %(worn_until)s)
FROM device, patient
WHERE device_key = %(device_key)s AND pseudonym = %(patient)s
    AND NOT EXISTS (
        SELECT FROM device_assignment
        WHERE (device_id, patient_id, worn)
            = (device.id, patient.id, tstzrange(%(worn_from)s, %(worn_until)s))
    );

-- name: find_assignment
SELECT device_assignment.id
FROM device_assignment
JOIN device ON device.id = device_id
JOIN patient ON patient.id = patient_id
WHERE device_key = %(device_key)s AND pseudonym = %(patient)s
    AND worn = tstzrange(%(worn_from)s, %(worn_until)s);

-- name: other_spelling
-- Addresses are the same in capitals and small letters.
SELECT device_key FROM device
WHERE upper(device_key) = upper(%(device_key)s) AND device_key <> %(device_key)s
LIMIT 1;

-- name: find_device
SELECT id FROM device WHERE device_key = %(device_key)s;

-- name: put_family
UPDATE device SET family = %(family)s
WHERE device_key = %(device_key)s AND family IS DISTINCT FROM %(family)s;

-- name: worn_during
-- Who has a band in a time: assignment, person, from, until, whether by a claim; all spellings.
SELECT
    held.id, patient.pseudonym, lower(held.worn), upper(held.worn), band_claim.claim IS NOT NULL
FROM device_assignment AS held
JOIN patient ON patient.id = held.patient_id
LEFT JOIN band_claim ON band_claim.assignment_id = held.id
WHERE held.device_id = ANY (%(device_ids)s)
    AND held.worn && tstzrange(%(since)s, %(until)s, '[)')
ORDER BY lower(held.worn) NULLS FIRST;

-- name: end_assignment_at
-- The band leaves these hands at that moment.
UPDATE device_assignment SET worn = tstzrange(lower(worn), %(at)s)
WHERE id = %(assignment_id)s AND (lower(worn) IS NULL OR lower(worn) < %(at)s);

-- name: drop_assignment_from
-- It began in that very moment, or later: nothing is left of it.
DELETE FROM device_assignment WHERE id = %(assignment_id)s AND lower(worn) >= %(at)s;

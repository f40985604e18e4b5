-- What the web pages read. Whether somebody may see a patient is part of the question: `patient_team`.
-- Row security asks it once more (migration 0017), and readings come by its functions alone.

-- name: find_patient_of_team
SELECT patient.id, patient.pseudonym, patient.name, centre.name, doctor.name
FROM patient
JOIN patient_team ON patient_team.patient_id = patient.id AND staff_id = %(staff_id)s
JOIN organisation AS centre ON centre.id = centre_id
JOIN staff AS doctor ON doctor.id = family_doctor_id
WHERE pseudonym = %(pseudonym)s;

-- name: read_patients_of_team
-- Everybody this person looks after, with the prescription in force and the newest stored week, beside
-- what was asked in that week. Of several programmes the week with the lowest adherence stands, and
-- whose it is: the case is null where there is but one programme.
SELECT
    patient.id, patient.pseudonym, patient.name, centre.name, doctor.name,
    terms.age_years, terms.beta_blocker, asked.sessions_per_week, asked.weekly_min,
    newest.week, newest.complete_sessions, newest.bout_credit_min, newest.above_min, newest.state,
    newest.reason, newest.adherence_pct, contact.at, newest.case_label
FROM patient_team
JOIN patient ON patient.id = patient_team.patient_id
JOIN organisation AS centre ON centre.id = patient.centre_id
JOIN staff AS doctor ON doctor.id = patient.family_doctor_id
LEFT JOIN LATERAL (
    SELECT age_years, beta_blocker
    FROM prescription
    JOIN enrolment ON enrolment.id = enrolment_id
    WHERE enrolment.patient_id = patient.id AND lower(effective) <= %(today)s
    ORDER BY lower(effective) DESC, prescription.id DESC
    LIMIT 1
) AS terms ON true
LEFT JOIN LATERAL (
    SELECT
        week.prescription_id, week, complete_sessions, bout_credit_min, above_min, state, reason,
        adherence_pct,
        CASE WHEN EXISTS (
            SELECT FROM enrolment AS other
            WHERE other.patient_id = enrolment.patient_id AND other.id <> enrolment.id
        ) THEN case_label END AS case_label
    FROM week
    JOIN enrolment ON enrolment.id = week.enrolment_id
    WHERE enrolment.patient_id = patient.id
    ORDER BY week DESC, state = 'cannot_judge', adherence_pct, week.enrolment_id
    LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL asked_in_week(newest.prescription_id, newest.week) AS asked ON true
LEFT JOIN LATERAL (
    SELECT max(closed_at) AS at
    FROM alert
    WHERE alert.patient_id = patient.id
        AND outcome IN ('called', 'prescription_adjusted', 'referred')
) AS contact ON true
WHERE patient_team.staff_id = %(staff_id)s
    AND (%(patient_ids)s::integer[] IS NULL OR patient.id = ANY (%(patient_ids)s::integer[]))
ORDER BY patient.pseudonym;

-- name: count_attendance
-- Who of the reader's patients was heard by a gateway itself since a time, out of those enrolled.
SELECT heard, enrolled FROM class_heard(%(since)s, %(until)s, %(today)s);

-- name: gateways_of_team
-- Gateways of the centres of this person's patients. One whose last key is revoked was taken out, and is
-- none of them.
SELECT gateway.id
FROM gateway
WHERE centre_id IN (
        SELECT centre_id FROM patient JOIN patient_team ON patient.id = patient_id
        WHERE staff_id = %(staff_id)s
    )
    AND (
        EXISTS (SELECT FROM gateway_key WHERE gateway_id = gateway.id AND revoked_at IS NULL)
        OR NOT EXISTS (SELECT FROM gateway_key WHERE gateway_id = gateway.id)
    )
ORDER BY gateway.id;

-- name: count_gateways_up
-- How many of these are up: by their own last word, or because a batch of theirs came lately.
SELECT count(*)
FROM gateway
LEFT JOIN gateway_state ON gateway_state.gateway_id = gateway.id
WHERE gateway.id = ANY (%(gateway_ids)s::integer[])
    AND (
        coalesce(gateway_state.online, false)
        OR gateway_state.online IS NOT false AND EXISTS (
            SELECT FROM batch
            WHERE batch.gateway_id = gateway.id AND committed_at > %(lately)s
        )
    );

-- name: read_enrolments_of
SELECT id, case_label, mode, starts_on, ends_on
FROM enrolment
WHERE patient_id = %(patient_id)s
ORDER BY starts_on DESC, id DESC;

-- name: read_prescriptions_of
SELECT
    version, lower(effective), upper(effective), age_years, sex, beta_blocker, hr_max_bpm,
    hr_max_source, rest_hr_bpm, rest_hr_source, frozen_on, zone_lo, zone_hi, session_min,
    sessions_per_week, weekly_min, ceiling_bpm, ceiling_source, intensity_kind, day_adds_up,
    resistance_per_week, resistance_min, rest_days, balance_per_week, balance_min, steps_per_day,
    prescription.id, enrolment.starts_on
FROM prescription JOIN enrolment ON enrolment.id = enrolment_id
WHERE enrolment_id = %(enrolment_id)s
ORDER BY version DESC;

-- name: read_weeks_of
SELECT
    week, week.counted_to, version, complete_sessions, session_days, bout_credit_min, above_min,
    wear_min, valid_days, asked.sessions_per_week, asked.weekly_min, adherence_pct, aerobic_pct,
    resistance_pct, balance_pct, steps_pct, state, reason
FROM week
JOIN prescription ON prescription.id = week.prescription_id
LEFT JOIN LATERAL asked_in_week(week.prescription_id, week.week) AS asked ON true
WHERE week.enrolment_id = %(enrolment_id)s
ORDER BY week DESC
LIMIT %(rows)s;

-- name: read_team_of
-- Who looks after a patient: code and name.
SELECT staff.code, staff.name
FROM patient_team JOIN staff ON staff.id = staff_id
WHERE patient_id = %(patient_id)s
ORDER BY staff.name, staff.code;

-- name: read_bouts_of
SELECT start_at, end_at, date, effort_ms, credit_ms, complete, sparse
FROM bout
WHERE enrolment_id = %(enrolment_id)s
    AND (%(date)s::date IS NULL OR date = %(date)s)
ORDER BY start_at DESC
LIMIT %(rows)s;

-- name: read_days_of
-- Local days with data, newest first.
SELECT date FROM day WHERE enrolment_id = %(enrolment_id)s ORDER BY date DESC LIMIT %(rows)s;

-- name: read_bands_of
SELECT device_key, family, lower(worn), upper(worn)
FROM device_assignment JOIN device ON device.id = device_id
WHERE patient_id = %(patient_id)s
ORDER BY upper(worn) DESC NULLS FIRST, lower(worn) DESC
LIMIT 5;

-- name: last_heard_of
SELECT last_heard(%(patient_id)s, %(since)s);

-- name: read_pauses_of
SELECT lower(during), upper(during), reason FROM pause
WHERE enrolment_id = %(enrolment_id)s
ORDER BY lower(during) DESC
LIMIT 5;

-- name: read_last_weeks
-- The last stored weeks of these patients, oldest first; of several programmes the one done least.
SELECT patient_id, adherence_pct, state
FROM (
    SELECT
        patient_id, week, adherence_pct, state,
        row_number() OVER (PARTITION BY patient_id ORDER BY week DESC) AS place
    FROM (
        SELECT DISTINCT ON (patient_id, week) patient_id, week, adherence_pct, state
        FROM week JOIN enrolment ON enrolment.id = enrolment_id
        WHERE patient_id = ANY (%(patient_ids)s::integer[])
        ORDER BY patient_id, week DESC, state = 'cannot_judge', adherence_pct
    ) AS least
) AS ranked
WHERE place <= %(weeks)s
ORDER BY patient_id, week;

-- name: read_enrolment_of_low_week
-- The programme whose week an alert is about: of several the one furthest from what was asked.
SELECT enrolment.id
FROM week JOIN enrolment ON enrolment.id = enrolment_id
WHERE patient_id = %(patient_id)s AND week = %(week)s
ORDER BY state = 'not_met' DESC, adherence_pct, enrolment.id
LIMIT 1;

-- name: read_quality
-- The readings of a patient in a time: all, not below a rate, suspect, heard off the skin, remembered
-- by the band and told later.
SELECT readings, at_ceiling, suspect, off_skin, remembered
FROM alert_quality(%(patient_id)s, %(from_at)s, %(to_at)s, %(ceiling_bpm)s);

-- name: read_steps_of_days
-- The steps of the stored days of a week.
SELECT date, steps FROM day
WHERE enrolment_id = %(enrolment_id)s AND date BETWEEN %(week)s AND %(week)s::date + 6;

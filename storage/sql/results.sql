-- name: read_days
SELECT case_label, pseudonym, day.*
FROM day JOIN enrolment ON enrolment.id = enrolment_id JOIN patient ON patient.id = patient_id
ORDER BY case_label, date;

-- name: read_bouts
SELECT case_label, pseudonym, bout.*
FROM bout JOIN enrolment ON enrolment.id = enrolment_id JOIN patient ON patient.id = patient_id
ORDER BY case_label, start_at;

-- name: read_weeks
SELECT case_label, pseudonym, week.*
FROM week JOIN enrolment ON enrolment.id = enrolment_id JOIN patient ON patient.id = patient_id
ORDER BY case_label, week;

-- What stands of an organisation and of a patient, for whoever is about to write them.

-- name: read_organisation
SELECT organisation.kind, organisation.name, district.code
FROM organisation LEFT JOIN organisation AS district ON district.id = organisation.parent_id
WHERE organisation.code = %(code)s;

-- name: read_registration
SELECT centre.code, doctor.code, patient.name
FROM patient
JOIN organisation AS centre ON centre.id = patient.centre_id
JOIN staff AS doctor ON doctor.id = patient.family_doctor_id
WHERE patient.pseudonym = %(patient)s;

-- name: read_staff_role
SELECT role FROM staff WHERE code = %(staff)s;

-- name: read_district_codes
SELECT code FROM organisation WHERE kind = 'district' ORDER BY code;

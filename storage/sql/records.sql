-- name: put_consent
-- Where none of that text stands or stood in that time.
INSERT INTO consent (patient_id, purpose, text_version, given_on)
SELECT id, %(purpose)s, %(version)s, %(given_on)s FROM patient WHERE pseudonym = %(patient)s
ON CONFLICT DO NOTHING
RETURNING id;

-- name: consents_by_text
-- Every time this was agreed to, the last one first.
SELECT given_on, withdrawn_on FROM consent
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
    AND purpose = %(purpose)s AND text_version = %(version)s
ORDER BY withdrawn_on IS NULL DESC, given_on DESC;

-- name: withdraw_consent
UPDATE consent SET withdrawn_on = %(withdrawn_on)s
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
    AND purpose = %(purpose)s AND text_version = %(version)s AND withdrawn_on IS NULL
    AND given_on <= %(withdrawn_on)s
RETURNING id;

-- name: find_risk
-- The assessment that holds; a null level: it was taken back.
SELECT level, revision FROM risk_assessment
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
    AND assessed_on = %(assessed_on)s AND method = %(method)s
ORDER BY revision DESC
LIMIT 1;

-- name: put_risk
INSERT INTO risk_assessment (patient_id, level, method, assessed_on, revision)
SELECT id, %(level)s, %(method)s, %(assessed_on)s, %(revision)s
FROM patient WHERE pseudonym = %(patient)s
ON CONFLICT (patient_id, assessed_on, method, revision) DO NOTHING
RETURNING id;

-- name: find_outcome
-- The measurement that holds; a null value: it was taken back.
SELECT value, revision FROM outcome
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
    AND kind = %(kind)s AND measured_on = %(measured_on)s
ORDER BY revision DESC
LIMIT 1;

-- name: put_outcome
INSERT INTO outcome (patient_id, kind, value, measured_on, revision)
SELECT id, %(kind)s, %(value)s, %(measured_on)s, %(revision)s
FROM patient WHERE pseudonym = %(patient)s
ON CONFLICT (patient_id, kind, measured_on, revision) DO NOTHING
RETURNING id;

-- name: consents_of
SELECT purpose, text_version, given_on, withdrawn_on FROM consent
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
ORDER BY given_on, purpose, text_version;

-- name: risks_of
-- Those that hold, each with how often it was said anew.
SELECT level, method, assessed_on, revision - 1
FROM (
    SELECT DISTINCT ON (assessed_on, method) level, method, assessed_on, revision
    FROM risk_assessment
    WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
    ORDER BY assessed_on, method, revision DESC
) AS newest
WHERE level IS NOT NULL
ORDER BY assessed_on, method;

-- name: outcomes_of
SELECT kind, value, measured_on, revision - 1
FROM (
    SELECT DISTINCT ON (measured_on, kind) kind, value, measured_on, revision
    FROM outcome
    WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
    ORDER BY measured_on, kind, revision DESC
) AS newest
WHERE value IS NOT NULL
ORDER BY measured_on, kind;

-- name: is_patient
SELECT 1 FROM patient WHERE pseudonym = %(patient)s;

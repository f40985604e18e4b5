-- name: put_consent
INSERT INTO consent (patient_id, purpose, text_version, given_on)
SELECT id, %(purpose)s, %(version)s, %(given_on)s FROM patient WHERE pseudonym = %(patient)s
ON CONFLICT (patient_id, purpose, text_version) DO NOTHING
RETURNING id;

-- name: find_consent
SELECT given_on, withdrawn_on FROM consent
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
    AND purpose = %(purpose)s AND text_version = %(version)s;

-- name: withdraw_consent
UPDATE consent SET withdrawn_on = %(withdrawn_on)s
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
    AND purpose = %(purpose)s AND text_version = %(version)s AND withdrawn_on IS NULL
RETURNING id;

-- name: put_risk
INSERT INTO risk_assessment (patient_id, level, method, assessed_on)
SELECT id, %(level)s, %(method)s, %(assessed_on)s FROM patient WHERE pseudonym = %(patient)s
ON CONFLICT (patient_id, assessed_on, method) DO NOTHING
RETURNING id;

-- name: find_risk
SELECT level FROM risk_assessment
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
    AND assessed_on = %(assessed_on)s AND method = %(method)s;

-- name: put_outcome
INSERT INTO outcome (patient_id, kind, value, measured_on)
SELECT id, %(kind)s, %(value)s, %(measured_on)s FROM patient WHERE pseudonym = %(patient)s
ON CONFLICT (patient_id, kind, measured_on) DO NOTHING
RETURNING id;

-- name: find_outcome
SELECT value FROM outcome
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
    AND kind = %(kind)s AND measured_on = %(measured_on)s;

-- name: consents_of
SELECT purpose, text_version, given_on, withdrawn_on FROM consent
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
ORDER BY given_on, purpose, text_version;

-- name: risks_of
SELECT level, method, assessed_on FROM risk_assessment
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
ORDER BY assessed_on, method;

-- name: outcomes_of
SELECT kind, value, measured_on FROM outcome
WHERE patient_id = (SELECT id FROM patient WHERE pseudonym = %(patient)s)
ORDER BY measured_on, kind;

-- name: is_patient
SELECT 1 FROM patient WHERE pseudonym = %(patient)s;

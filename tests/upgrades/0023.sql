INSERT INTO consent (patient_id, purpose, text_version, given_on) VALUES (1, 'payer', '2026-1', '2026-11-01');
INSERT INTO risk_assessment (patient_id, level, method, assessed_on) VALUES (1, 'moderate', 'PAR-Q+', '2026-11-01');
INSERT INTO outcome (patient_id, kind, value, measured_on) VALUES (1, 'systolic_mmhg', 142, '2026-11-01');

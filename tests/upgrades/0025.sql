UPDATE consent SET withdrawn_on = '2026-11-10';
INSERT INTO consent (patient_id, purpose, text_version, given_on) VALUES (1, 'payer', '2026-1', '2026-11-12');
INSERT INTO risk_assessment (patient_id, level, method, assessed_on, revision) VALUES (1, NULL, 'PAR-Q+', '2026-11-01', 2);
INSERT INTO outcome (patient_id, kind, value, measured_on, revision) VALUES (1, 'systolic_mmhg', 124, '2026-11-01', 2);

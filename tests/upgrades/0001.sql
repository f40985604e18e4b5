INSERT INTO organisation (kind, code, name, parent_id) VALUES
    ('district', 'd', 'District', NULL), ('centre', 'c1', 'Centre one', 1), ('payer', 'pay', 'Payer', NULL);
INSERT INTO staff (organisation_id, code, role, name) VALUES
    (2, 'd1', 'family_doctor', 'Doctor'), (2, 't1', 'therapist', 'Therapist'), (1, 'o1', 'operator', 'Operator');
INSERT INTO patient (pseudonym, name, centre_id, family_doctor_id) VALUES
    ('p1', '王秀英', 2, 1), ('p2', NULL, 2, 1);
INSERT INTO enrolment (case_label, patient_id, mode, starts_on, ends_on) VALUES
    ('p1', 1, 'worn', '2026-11-02', '2027-02-01'), ('p2', 2, 'site', '2026-11-02', NULL);
INSERT INTO prescription (
    enrolment_id, version, effective, age_years, sex, beta_blocker, hr_max_bpm, hr_max_source, rest_hr_bpm,
    rest_hr_source, frozen_on, zone_lo_pct, zone_hi_pct, session_min, sessions_per_week, weekly_min
) VALUES
    (1, 1, '[2026-11-02,2026-11-23)', 67, 'F', false, 160, 'gellish', 61.5, 'recorded', '2026-11-02', 40, 60, 30, 3, 90),
    (1, 2, '[2026-11-23,)', 67, 'F', false, 158, 'measured', 60, 'measured', '2026-11-23', 45, 65, 30, 3, 90),
    (2, 1, '[2026-11-02,)', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-02', 40, 60, 20, 5, 100);
INSERT INTO pause (enrolment_id, during, reason) VALUES (1, '[2026-12-21,2026-12-28)', 'in hospital');
INSERT INTO device (device_key) VALUES ('AA:BB:CC:00:00:01'), ('AA:BB:CC:00:00:02');
INSERT INTO device_assignment (device_id, patient_id, worn) VALUES
    (1, 1, '[2026-11-02 00:00+00,2026-11-20 09:00+00)'), (1, 2, '[2026-11-20 09:00+00,)'), (2, 1, '[2026-11-20 09:00+00,)');

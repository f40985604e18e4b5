INSERT INTO enrolment (case_label, patient_id, mode, starts_on) VALUES ('p2-rpe', 2, 'site', '2026-11-02');
INSERT INTO prescription (
    enrolment_id, version, effective, frozen_on, intensity_kind, zone_lo, zone_hi, session_min, sessions_per_week,
    weekly_min, resistance_per_week, resistance_min, rest_days, balance_per_week, steps_per_day
) VALUES (3, 1, '[2026-11-02,)', '2026-11-02', 'rpe', 11, 13, 20, 3, 60, 2, 20, 1, 3, 6000);
INSERT INTO prescription_phase (prescription_id, from_week, phase, session_min) VALUES (4, 1, 'adapt', 10), (4, 5, 'progress', NULL);
INSERT INTO session_log (entry_key, revision, enrolment_id, date, component, attended, minutes, rpe, supervised_by, correction_reason, noted_by) VALUES
    ('e1', 1, 3, '2026-11-10', 'resistance', true, 25, 12, 2, NULL, 2), ('e1', 2, 3, '2026-11-11', 'resistance', true, 25, 12, 2, 'wrong day', 2);

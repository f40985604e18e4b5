INSERT INTO week (
    enrolment_id, week, prescription_id, wear_min, valid_days, valid_week, bouts, complete_sessions, session_days,
    bout_credit_min, all_credit_min, above_min, mod_eq_min, attendance, rdi, volume, intensity, duration, adherent,
    adherence_pct, state, reason, method_version, input_sha256, counted_to
) VALUES
    (1, '2026-11-09', 1, 720, 5, true, 3, 3, 3, 90, 92.5, 0, 90, 1, 1, 1, 0.5, 1, true, 100, 'met', NULL, 'c1', sha256('w'), '2026-11-15'),
    (2, '2026-11-09', 3, 0, 0, false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, false, 0, 'cannot_judge', 'no_figures', 'c1', sha256('v'), '2026-11-15');
INSERT INTO nightly_run (
    night, revision, started_at, method_version, input_sha256, workbook_name, workbook_sha256, data_until, batches,
    readings, quarantined, dead_letters
) VALUES
    ('2026-11-15', 1, '2026-11-15 18:00+00', 'c1', sha256('n'), 'adherence-2026-11-15-r1.xlsx', sha256('f'), '2026-11-15 17:59+00', 3, 10, 1, 2);
INSERT INTO changed (patient_id, during) VALUES (1, '[2026-11-09 00:00+00,2026-11-10 00:00+00)');
INSERT INTO changed (centre_id, days) VALUES (2, '[2026-11-09,2026-11-12)');

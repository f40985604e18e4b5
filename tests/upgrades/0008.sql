INSERT INTO alert (
    patient_id, rule, rule_version, tier, direction, onset_at, raised_at, last_at, device_id, peak_bpm, ceiling_bpm,
    samples, heard_by, paged, round, round_began_at, next_step, next_step_at
) VALUES
    (1, 'hr_ceiling', 1, 'red', 'high', '2026-11-10 00:59+00', '2026-11-10 01:00+00', '2026-11-10 01:01+00', 1, 171, 150, 40, 'both',
     true, 1, '2026-11-10 01:00+00', 0, '2026-11-10 01:05+00');
INSERT INTO alert (
    patient_id, rule, rule_version, tier, direction, onset_at, raised_at, last_at, week, state, acknowledged_by,
    acknowledged_at, closed_by, closed_at, outcome
) VALUES
    (2, 'week_low', 1, 'blue', 'low', '2026-11-08 16:00+00', '2026-11-15 16:00+00', '2026-11-15 16:00+00', '2026-11-09', 'closed', 1,
     '2026-11-16 01:00+00', 1, '2026-11-16 02:00+00', 'called');
INSERT INTO alert_episode (
    alert_id, patient_id, device_id, rule, direction, onset_at, raised_at, last_at, is_over, peak_bpm, samples,
    ceiling_bpm, heard_by
) VALUES
    (1, 1, 1, 'hr_ceiling', 'high', '2026-11-10 00:59+00', '2026-11-10 01:00+00', '2026-11-10 01:01+00', false, 171, 40, 150, 'both');
INSERT INTO alert_event (alert_id, kind, staff_id, detail) VALUES (1, 'raised', NULL, '{}'), (2, 'closed', 1, '{"outcome": "called"}');
INSERT INTO delivery (alert_id, round, step, channel, recipient, state, attempts, sent_at) VALUES
    (1, 1, 0, 'mail', 'd1@district.example', 'sent', 1, '2026-11-10 01:00:03+00'), (1, 1, 0, 'file', 'file', 'queued', 0, NULL);
INSERT INTO alert_week (rule, patient_id, week, alert_id) VALUES ('week_low', 2, '2026-11-09', 2);
INSERT INTO watch_beat (started_at, beat_at) VALUES ('2026-11-10 00:00+00', '2026-11-10 01:00+00');
INSERT INTO batch_queue (batch_id, device_id, min_at, max_at) VALUES (2, 1, '2026-11-10 01:00+00', '2026-11-10 01:01+00');
INSERT INTO edge_queue VALUES (1) ON CONFLICT DO NOTHING;

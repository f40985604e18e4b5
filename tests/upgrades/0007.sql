UPDATE device SET family = 'sig_heart_rate' WHERE id = 2;
UPDATE prescription SET ceiling_bpm = 150, ceiling_source = 'prescribed' WHERE id = 2;
INSERT INTO roster_issue VALUES (1, 1794272400, sha256('r'), '\x01', '2026-11-10 00:00+00', '2026-11-17 00:00+00');
INSERT INTO edge_event (
    gateway_id, boot, number, rule, rule_version, device_key, subject, onset_at, raised_at, last_at, state, age_ms,
    peak_bpm, samples, ceiling_bpm
) VALUES
    (1, decode(repeat('33', 16), 'hex'), 0, 'hr_ceiling', 1, 'AA:BB:CC:00:00:01', 'p1', '2026-11-10 00:59+00', '2026-11-10 01:00+00',
     '2026-11-10 01:01+00', 'raised', 120, 171, 40, 150);
INSERT INTO gateway_state (gateway_id, online, said_at, came_at, said) VALUES
    (1, true, '2026-11-10 01:00+00', '2026-11-10 01:00+00', '{"heard": 3}');

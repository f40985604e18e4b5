INSERT INTO gateway (centre_id, code) VALUES (2, 'g1'), (2, 'g2');
INSERT INTO gateway_key (gateway_id, signing_key, encryption_key, revoked_at) VALUES
    (1, sha256('1'), sha256('2'), '2026-11-10 00:00+00'), (1, sha256('3'), sha256('4'), NULL), (2, sha256('5'), sha256('6'), NULL);
INSERT INTO gateway_outage (gateway_id, during, reason) VALUES
    (1, '[2026-11-05 01:00+00,2026-11-05 03:00+00)', 'power');
INSERT INTO batch (
    gateway_id, boot, seq, content_sha256, previous_sha256, lane, schema_version, sealed_at, sealed_mono_ms,
    reading_count, quarantined_count, committed_at
) VALUES
    (1, decode(repeat('11', 16), 'hex'), 0, sha256('b0'), NULL, 'live', 1, '2026-11-10 01:00+00', 1000, 4, 0, '2026-11-10 01:00:01+00'),
    (1, decode(repeat('11', 16), 'hex'), 1, sha256('b1'), sha256('b0'), 'live', 1, '2026-11-10 01:01+00', 61000, 6, 1, '2026-11-10 01:01:01+00'),
    (2, decode(repeat('22', 16), 'hex'), 7, sha256('b7'), sha256('b6'), 'backlog', 1, '2026-11-10 02:00+00', 5000, 0, 0, '2026-11-12 02:00+00');
INSERT INTO batch_payload (content_sha256, sealed) VALUES (sha256('b0'), '\x00ff'), (sha256('b1'), repeat('x', 9000)::bytea);
INSERT INTO touched (batch_id, device_id, min_at, max_at) VALUES
    (1, 1, '2026-11-10 00:59+00', '2026-11-10 01:00+00'), (2, 1, '2026-11-10 01:00+00', '2026-11-10 01:01+00');
INSERT INTO batch_queue (batch_id) VALUES (1), (2);
INSERT INTO dead_letter (topic, reason, detail, bytes, full_length, sha256) VALUES
    ('adhere/v1/c1/g1/live', 'bad_signature', '', 'x', 1, sha256('x')),
    ('adhere/v1/c1/g2/live', 'forked_spool', 'another content', '', 70000, sha256('y'));
INSERT INTO quarantined_reading (batch_id, device_key, quantity, value, at_utc_ms, span_ms, flags, reason) VALUES
    (2, 'AA:BB:CC:00:00:01', 'heart_rate_bpm', 'NaN', 1794272400000, 0, 0, 'not_finite');

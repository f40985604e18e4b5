SELECT ledger_catch_up(100);
INSERT INTO batch (
    gateway_id, boot, seq, content_sha256, previous_sha256, lane, schema_version, sealed_at, sealed_mono_ms,
    reading_count, quarantined_count, readings_before
) VALUES
    (1, decode(repeat('11', 16), 'hex'), 5, sha256('b5'), sha256('b4'), 'live', 1, '2026-11-10 01:05+00', 301000, 2, 0, 18);
INSERT INTO ledger_loss VALUES (1, decode(repeat('11', 16), 'hex'), 5, 1, '2026-11-10 01:00+00') ON CONFLICT DO NOTHING;
INSERT INTO expected (gateway_id, boot, first_seq, last_seq, before_at) VALUES (2, decode(repeat('88', 16), 'hex'), 1, 4, '2026-11-10 01:05+00');
INSERT INTO ledger_finding (kind, gateway_id, boot, seq) VALUES ('broken_chain', 1, decode(repeat('11', 16), 'hex'), 5);

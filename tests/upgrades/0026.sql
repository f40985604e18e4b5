INSERT INTO ledger_declared (gateway_id, boot, lost_sealed, released, seq) VALUES (1, decode(repeat('11', 16), 'hex'), 3, 1, 5) ON CONFLICT DO NOTHING;
INSERT INTO dead_letter (topic, reason, detail, bytes_dropped_at, full_length, sha256) VALUES ('adhere/v1/c1/g1/live', 'unknown_key', '', now(), 3, sha256('gone'));
INSERT INTO ledger_finding (kind, gateway_id, boot, seq) VALUES ('number_too_high', 1, decode(repeat('11', 16), 'hex'), 1099511627776);

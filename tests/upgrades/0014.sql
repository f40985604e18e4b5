INSERT INTO band_key (device_id, irk) VALUES (2, decode(repeat('44', 16), 'hex'));
INSERT INTO claim_code (patient_id, salt, hash) VALUES (2, decode(repeat('55', 16), 'hex'), decode(repeat('66', 16), 'hex'));
INSERT INTO claim_said (gateway_id, boot, number, claim, device_key, subject, began_at, latest_at) VALUES
    (1, decode(repeat('33', 16), 'hex'), 1, decode(repeat('77', 16), 'hex'), 'AA:BB:CC:00:00:01', 'p2', '2026-11-21 01:00+00', '2026-11-21 16:00+00');
INSERT INTO band_claim (gateway_id, claim, device_id, patient_id, began_at, assignment_id) VALUES
    (1, decode(repeat('77', 16), 'hex'), 1, 2, '2026-11-21 01:00+00', 2);
INSERT INTO band_offer (gateway_id, device_key, families, boot, number, offered_at) VALUES
    (2, 'AA:BB:CC:00:00:09', '{sig_heart_rate}', decode(repeat('33', 16), 'hex'), 2, '2026-11-21 01:00+00');

INSERT INTO cold_part (day, part, folder, buckets, exported_at, manifest_sha256, readings, bytes) VALUES
    ('2025-01-01', 1, '/var/lib/adhere/cold', 16, '2026-11-10 01:00+00', sha256('m'), 1000, 4096);
INSERT INTO cold_content VALUES ('2025-01-01', 1, 'heart_rate', 3, 1, 1, 1, 1000, sha256('c'));

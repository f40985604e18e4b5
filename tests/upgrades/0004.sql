INSERT INTO day VALUES
    (1, '2026-11-10', 1, true, 0, 1000, 2000, 0, 0, 1800000, 0, 43200000, 5400, 12, 3, 0, 400, 0, 0, 1, 'c1', sha256('d'));
INSERT INTO bout VALUES
    (1, '2026-11-10 00:40+00', '2026-11-10 01:10+00', '2026-11-10', 1, 1800000, 1700000, 1800000, false, 30, 0, 28, true, 'c1', sha256('o'));
INSERT INTO audit (actor, action, subject, detail) VALUES
    ('d1', 'read_patient', 'p1', '{}'), ('nightly', 'recompute', 'p1', '{"days": 3, "new": {"amount": 1.50}}');

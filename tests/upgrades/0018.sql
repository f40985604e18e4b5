INSERT INTO dropped_day (day, is_exported) VALUES ('2020-01-01', false);
INSERT INTO unowned_span (device_id, came_on, until_batch_id, during) VALUES (1, '2026-11-10', 2, '[2026-11-01 00:00+00,2026-11-02 00:00+00)');
INSERT INTO purged VALUES (2, 3);

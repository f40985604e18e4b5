SELECT ensure_reading_days(name, ARRAY['2026-11-09', '2026-11-10']::date[])
FROM unnest(ARRAY['heart_rate', 'steps', 'steps_counter', 'rr_interval', 'battery']) AS name;
INSERT INTO heart_rate (at, value, batch_id, device_ts_ms, device_id, span_ms, flags) VALUES
    ('2026-11-09 23:59:59.5+00', 61, 1, NULL, 1, 0, 0), ('2026-11-10 00:59+00', 120, 1, 1794272340000, 1, 0, 3),
    ('2026-11-10 01:00+00', 121, 2, 1794272400000, 1, 0, 3);
INSERT INTO steps (at, value, batch_id, device_ts_ms, device_id, span_ms, flags) VALUES
    ('2026-11-10 01:00+00', 110, 2, NULL, 1, 60000, 0);
INSERT INTO steps_counter (at, value, batch_id, device_ts_ms, device_id, span_ms, flags) VALUES
    ('2026-11-10 01:00+00', 65530, 2, NULL, 1, 0, 0), ('2026-11-10 01:01+00', 12, 2, NULL, 1, 0, 0);
INSERT INTO rr_interval (at, value, batch_id, device_ts_ms, device_id, span_ms, flags) VALUES
    ('2026-11-10 01:00+00', 499.0234375, 2, NULL, 1, 0, 0);
INSERT INTO battery (at, value, batch_id, device_ts_ms, device_id, span_ms, flags) VALUES
    ('2026-11-10 01:00+00', 87, 2, NULL, 1, 0, 0);

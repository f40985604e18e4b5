INSERT INTO said_before (device_id, reading_table, device_ts_ms, at, sealed_at, said) VALUES
    (1, 'heart_rate', '{1794272400000}', '{2026-11-10 01:00:02+00}', '{2026-11-10 02:00:00+00}', '\x7f');

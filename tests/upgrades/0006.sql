INSERT INTO nightly_run (
    night, revision, language, started_at, method_version, input_sha256, workbook_name, workbook_sha256, data_until,
    batches, readings, quarantined, dead_letters
) VALUES
    ('2026-11-15', 2, 'en', '2026-11-16 18:00+00', 'c1', sha256('n'), 'adherence-2026-11-15-r2.xlsx', sha256('g'), NULL, 0, 0, 0, 0);

INSERT INTO side_day VALUES (1, '2026-11-10', 1, 1000000000, NULL, 'c1', 's1', sha256('sd'));
INSERT INTO rest_day VALUES (1, '2026-11-10', 58.5, 'c1', sha256('rd'));
INSERT INTO side_week (
    enrolment_id, week, prescription_id, very_light_min, light_min, moderate_min, vigorous_min, near_max_min, mod_eq_min,
    trimp, rest_days, rest_bpm, rest_base_days, method_version, side_version, input_sha256, counted_to
) VALUES (1, '2026-11-09', 1, 10, 20, 30, 0, 0, 30, 41.5, 1, 58.5, 0, 'c1', 's1', sha256('sw'), '2026-11-15');
INSERT INTO refused_version (prescription_id, from_day, reason) VALUES (3, '2026-11-02', 'no_max');

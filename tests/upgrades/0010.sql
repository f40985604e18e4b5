INSERT INTO payment_scheme (key, version, figures_sha256, figures, signed_by, signed_on) VALUES
    ('base_performance_s1', 1, sha256('p'), '{"unit_price": "10.00"}', 'DEMO', '2026-11-01');
INSERT INTO payment_period (month, state) VALUES ('2026-10-01', 'closed'), ('2026-11-01', 'open');
INSERT INTO payment_line (
    month, patient_id, scheme_id, item, doctor_id, centre_id, weeks, numerator, denominator, exclusions, flags, quantity,
    unit_price, factor, cut, amount, shares, state, reasons, signed_by, input_sha256
) VALUES
    ('2026-11-01', 1, 1, 'base', 1, 2, 4, 3, 4, '{"no_wear": 1}', '{}', 3, 10, 1, 0, 30, '{"doctor": "30.00"}', 'payable', '{}', 'DEMO', sha256('i'));
INSERT INTO payment_line_week VALUES (1, 1, '2026-11-09', 1, 'met', NULL, 'c1', sha256('w'), '{}');

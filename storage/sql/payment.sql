-- Payable lines. A month is given by its first day; a week belongs to the month of its Sunday.

-- name: payment_people
-- Everybody enrolled on some day of a week that belongs to the month and has begun, with the centre
-- of its last Monday: a move afterwards moves no line.
SELECT DISTINCT p.id, p.pseudonym, s.id, s.code, o.id, o.code
FROM enrolment AS e
JOIN patient AS p ON p.id = e.patient_id
JOIN staff AS s ON s.id = p.family_doctor_id
JOIN patient_centre AS pc ON pc.patient_id = p.id
    AND pc.during @> (%(last_week)s::timestamp - %(offset)s::interval) AT TIME ZONE 'UTC'
JOIN organisation AS o ON o.id = pc.centre_id
WHERE daterange(e.starts_on, e.ends_on)
    && daterange(%(first_week)s, least(%(last_week)s::date + 6, %(through)s::date), '[]')
ORDER BY p.pseudonym;

-- name: payment_weeks
-- The month's weeks that have begun, with what a scheme asks of them. A week that is not over by the
-- last day counted has no state yet: a running one may be met already and can never be not met.
SELECT
    e.patient_id, e.id, e.case_label, w.week, w.prescription_id, v.version,
    coalesce(v.beta_blocker, false) AND v.hr_max_source IS DISTINCT FROM 'measured',
    CASE WHEN w.week + 6 <= %(through)s::date THEN w.state ELSE 'cannot_judge' END,
    CASE WHEN w.week + 6 <= %(through)s::date THEN w.reason ELSE 'week_not_over' END,
    w.method_version, CASE WHEN w.week + 6 <= %(through)s::date THEN w.input_sha256 END,
    coalesce(f.still, 0), coalesce(f.lock, 0), coalesce(f.shake, 0), coalesce(f.fast, 0)
FROM week AS w
JOIN enrolment AS e ON e.id = w.enrolment_id
JOIN prescription AS v ON v.id = w.prescription_id
LEFT JOIN LATERAL (
    SELECT
        sum(d.still_min) AS still, sum(d.lock_min) AS lock, sum(d.shake_min) AS shake,
        sum(d.fast_min) AS fast
    FROM day AS d
    WHERE d.enrolment_id = w.enrolment_id AND d.date BETWEEN w.week AND w.week + 6
) AS f ON w.week + 6 <= %(through)s::date
WHERE w.week BETWEEN %(first_week)s AND least(%(last_week)s::date, %(through)s::date)
ORDER BY e.patient_id, w.week, e.case_label;

-- name: payment_used
-- What earlier months of the year have used of the yearly limits, under any version of the scheme.
SELECT
    l.patient_id,
    coalesce(sum(l.quantity) FILTER (WHERE l.item = 'base'), 0)::integer,
    coalesce(sum(l.amount) FILTER (WHERE l.item = 'performance'), 0)
FROM payment_line AS l
JOIN payment_scheme AS s ON s.id = l.scheme_id
WHERE s.key = %(key)s AND l.state IN ('payable', 'on_hold')
    AND l.month >= date_trunc('year', %(month)s::date)::date AND l.month < %(month)s
GROUP BY l.patient_id;

-- name: payment_due_months
-- Months of which some week that is over has no line of this version yet, or one made from another
-- week; months with a line that rests on a week that is no more; and months in which somebody is
-- enrolled and has no line.
SELECT date_trunc('month', w.week + 6)::date
FROM week AS w
WHERE w.week + 6 <= %(through)s::date
    AND NOT EXISTS (
        SELECT FROM payment_line_week AS b
        JOIN payment_line AS l ON l.id = b.line_id
        JOIN payment_scheme AS s ON s.id = l.scheme_id
        WHERE b.enrolment_id = w.enrolment_id AND b.week = w.week
            AND (b.input_sha256, b.state) = (w.input_sha256, w.state)
            AND (s.key, s.version) = (%(key)s, %(version)s)
    )
UNION
SELECT l.month
FROM payment_line AS l
JOIN payment_scheme AS s ON s.id = l.scheme_id
JOIN payment_line_week AS b ON b.line_id = l.id
WHERE s.key = %(key)s AND NOT EXISTS (
    SELECT FROM week AS w WHERE w.enrolment_id = b.enrolment_id AND w.week = b.week
)
UNION
SELECT enrolled.month
FROM (
    SELECT DISTINCT e.patient_id, date_trunc('month', w.week + interval '6 days')::date AS month
    FROM enrolment AS e
    CROSS JOIN LATERAL generate_series(
        date_trunc('week', e.starts_on::timestamp),
        least(%(through)s::date, e.ends_on - 1)::timestamp,
        interval '7 days'
    ) AS w (week)
) AS enrolled
WHERE NOT EXISTS (
    SELECT FROM payment_line AS l JOIN payment_scheme AS s ON s.id = l.scheme_id
    WHERE l.patient_id = enrolled.patient_id AND l.month = enrolled.month
        AND (s.key, s.version) = (%(key)s, %(version)s)
);

-- name: payment_open_months
-- The open months that have lines of this scheme, in a version or in any.
SELECT DISTINCT l.month
FROM payment_line AS l
JOIN payment_scheme AS s ON s.id = l.scheme_id
JOIN payment_period AS m ON m.month = l.month
WHERE s.key = %(key)s AND (%(version)s::integer IS NULL OR s.version = %(version)s)
    AND m.state = 'open'
ORDER BY 1;

-- name: payment_closed_months
SELECT month FROM payment_period WHERE state = 'closed';

-- name: put_payment_period
INSERT INTO payment_period (month) VALUES (%(month)s) ON CONFLICT DO NOTHING;

-- name: put_payment_scheme
-- A signature may be added or changed; a version's figures may not.
INSERT INTO payment_scheme (key, version, figures_sha256, figures, signed_by, signed_on)
VALUES (
    %(key)s, %(version)s, %(figures_sha256)s, %(figures)s::jsonb, %(signed_by)s, %(signed_on)s
)
ON CONFLICT (key, version) DO UPDATE
SET signed_by = excluded.signed_by, signed_on = excluded.signed_on
WHERE payment_scheme.figures_sha256 = excluded.figures_sha256
    AND (payment_scheme.signed_by, payment_scheme.signed_on)
        IS DISTINCT FROM (excluded.signed_by, excluded.signed_on);

-- name: find_payment_scheme
SELECT id FROM payment_scheme
WHERE key = %(key)s AND version = %(version)s AND figures_sha256 = %(figures_sha256)s;

-- name: payment_stored
-- The lines of a month under any version of a scheme, as far as a replacement must know them.
SELECT
    l.id, l.patient_id, p.pseudonym, l.item, s.id, s.version, l.state, l.amount, l.input_sha256
FROM payment_line AS l
JOIN payment_scheme AS s ON s.id = l.scheme_id
JOIN patient AS p ON p.id = l.patient_id
WHERE l.month = %(month)s AND s.key = %(key)s;

-- name: drop_payment_lines
DELETE FROM payment_line WHERE id = ANY(%(ids)s);

-- name: make_payment_staging
-- COPY writes into no table with row security.
CREATE TEMPORARY TABLE IF NOT EXISTS new_payment_line ON COMMIT DROP AS
SELECT
    month, patient_id, scheme_id, item, doctor_id, centre_id, weeks, numerator, denominator,
    exclusions, flags, quantity, unit_price, factor, cut, amount, shares, state, reasons, signed_by,
    input_sha256
FROM payment_line WITH NO DATA;
CREATE TEMPORARY TABLE IF NOT EXISTS new_payment_line_week ON COMMIT DROP AS
SELECT * FROM payment_line_week WITH NO DATA;
TRUNCATE new_payment_line, new_payment_line_week;

-- name: stage_payment_lines
COPY new_payment_line (
    month, patient_id, scheme_id, item, doctor_id, centre_id, weeks, numerator, denominator,
    exclusions, flags, quantity, unit_price, factor, cut, amount, shares, state, reasons, signed_by,
    input_sha256
) FROM STDIN;

-- name: put_payment_lines
INSERT INTO payment_line (
    month, patient_id, scheme_id, item, doctor_id, centre_id, weeks, numerator, denominator,
    exclusions, flags, quantity, unit_price, factor, cut, amount, shares, state, reasons, signed_by,
    input_sha256
)
SELECT
    month, patient_id, scheme_id, item, doctor_id, centre_id, weeks, numerator, denominator,
    exclusions, flags, quantity, unit_price, factor, cut, amount, shares, state, reasons, signed_by,
    input_sha256
FROM new_payment_line;

-- name: payment_line_ids
SELECT patient_id, item, id FROM payment_line
WHERE month = %(month)s AND scheme_id = %(scheme_id)s;

-- name: stage_payment_line_weeks
COPY new_payment_line_week (
    line_id, enrolment_id, week, prescription_id, state, reason, method_version, input_sha256, flags
) FROM STDIN;

-- name: put_payment_line_weeks
INSERT INTO payment_line_week (
    line_id, enrolment_id, week, prescription_id, state, reason, method_version, input_sha256, flags
)
SELECT
    line_id, enrolment_id, week, prescription_id, state, reason, method_version, input_sha256, flags
FROM new_payment_line_week;

-- name: payment_lines
-- The stored lines of a month, of one scheme or of all.
SELECT
    l.month, l.patient_id, p.pseudonym, d.id, d.code, c.id, c.code, s.key, s.version, l.item,
    l.weeks, l.numerator, l.denominator, l.exclusions, l.flags, l.quantity, l.unit_price, l.factor,
    l.cut, l.amount, l.shares, l.state, l.reasons, l.signed_by, l.input_sha256
FROM payment_line AS l
JOIN payment_scheme AS s ON s.id = l.scheme_id
JOIN patient AS p ON p.id = l.patient_id
JOIN staff AS d ON d.id = l.doctor_id
JOIN organisation AS c ON c.id = l.centre_id
WHERE l.month = %(month)s AND (%(key)s::text IS NULL OR s.key = %(key)s)
ORDER BY s.key, s.version, p.pseudonym, l.item;

-- name: payment_line_weeks
-- The weeks behind the stored lines of a month, once for each patient: all items rest on the same.
SELECT DISTINCT ON (s.key, l.patient_id, b.enrolment_id, b.week)
    s.key, l.patient_id, e.id, e.case_label, b.week, b.prescription_id, v.version,
    coalesce(v.beta_blocker, false) AND v.hr_max_source IS DISTINCT FROM 'measured',
    b.state, b.reason, b.method_version, b.input_sha256, b.flags
FROM payment_line_week AS b
JOIN payment_line AS l ON l.id = b.line_id
JOIN payment_scheme AS s ON s.id = l.scheme_id
JOIN enrolment AS e ON e.id = b.enrolment_id
JOIN prescription AS v ON v.id = b.prescription_id
WHERE l.month = %(month)s AND (%(key)s::text IS NULL OR s.key = %(key)s)
ORDER BY s.key, l.patient_id, b.enrolment_id, b.week;

-- name: shown_payment_lines
-- As payment_lines, in a page of a payer or an auditor.
SELECT
    month, patient_id, pseudonym, doctor_id, doctor, centre_id, centre, key, version, item, weeks,
    numerator, denominator, exclusions, flags, quantity, unit_price, factor, cut, amount, shares,
    state, reasons, signed_by, input_sha256
FROM shown_payment_lines(%(month)s)
WHERE %(key)s::text IS NULL OR key = %(key)s
ORDER BY key, version, pseudonym, item;

-- name: shown_payment_line_weeks
SELECT
    key, patient_id, enrolment_id, case_label, week, prescription_id, version, is_unmeasured, state,
    reason, method_version, input_sha256, flags
FROM shown_payment_weeks(%(month)s)
WHERE %(key)s::text IS NULL OR key = %(key)s
ORDER BY key, patient_id, enrolment_id, week;

-- name: shown_payment_months
SELECT month, state, lines, payable FROM shown_payment_months() ORDER BY month;

-- name: payment_months
SELECT m.month, m.state, count(l.id), coalesce(sum(l.amount) FILTER (WHERE l.state = 'payable'), 0)
FROM payment_period AS m LEFT JOIN payment_line AS l ON l.month = m.month
GROUP BY m.month ORDER BY m.month;

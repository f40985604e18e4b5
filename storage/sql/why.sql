-- name: why_week
-- One stored week of an enrolment, with the targets it is judged by.
SELECT
    w.enrolment_id, e.patient_id, p.pseudonym, e.case_label, e.mode, w.week, w.counted_to,
    w.state, w.reason, w.adherence_pct, w.attendance, w.rdi, w.session_days, w.complete_sessions,
    w.bout_credit_min, w.wear_min, w.valid_days, v.version AS prescription_version,
    asked.phase, v.intensity_kind, asked.zone_lo, asked.zone_hi, asked.session_min,
    asked.sessions_per_week, asked.weekly_min, v.ceiling_bpm, v.resistance_per_week,
    v.resistance_min,
    v.rest_days, v.balance_per_week, v.balance_min, v.steps_per_day, w.aerobic_pct,
    w.resistance_pct, w.balance_pct, w.steps_pct, w.method_version, w.input_sha256
FROM week AS w
JOIN enrolment AS e ON e.id = w.enrolment_id
JOIN patient AS p ON p.id = e.patient_id
JOIN prescription AS v ON v.id = w.prescription_id
LEFT JOIN LATERAL asked_in_week(w.prescription_id, w.week) AS asked ON true
WHERE w.enrolment_id = %(enrolment_id)s AND w.week = %(week)s;

-- name: why_stored_hashes
-- What the stored days and bouts of a week were computed from: local day, start of the bout, hash.
SELECT date, NULL::bigint AS start_ms, input_sha256
FROM day
WHERE enrolment_id = %(enrolment_id)s AND date BETWEEN %(week)s AND %(week)s::date + 6
UNION ALL
SELECT date, (extract(epoch FROM start_at) * 1000)::bigint, input_sha256
FROM bout
WHERE enrolment_id = %(enrolment_id)s AND date BETWEEN %(week)s AND %(week)s::date + 6;

-- name: why_stored_steps
-- All steps of the stored days of a week.
SELECT coalesce(sum(steps), 0)::bigint
FROM day
WHERE enrolment_id = %(enrolment_id)s AND date BETWEEN %(week)s AND %(week)s::date + 6;

-- name: why_unworn
-- Minutes in which a band said that it is not on the skin.
SELECT 1 AS place, 'unworn' AS reason, r.at AS from_at, r.at + interval '1 minute' AS to_at
FROM device_assignment AS a
CROSS JOIN LATERAL (
    SELECT DISTINCT date_trunc('minute', at) AS at
    FROM heart_rate
    WHERE device_id = a.device_id AND a.worn @> at AND flags & 3 = 1
        AND at >= %(from_at)s::timestamptz AND at < %(to_at)s::timestamptz
) AS r
WHERE a.patient_id = %(patient_id)s;

-- name: why_unworn_of_page
SELECT 1, 'unworn', at, at + interval '1 minute'
FROM week_unworn(%(patient_id)s, %(from_at)s, %(to_at)s) AS unworn (at);

-- name: why_unseen
-- Spans of time in which it is known why there is no heart rate; the most telling reason first.
WITH asked AS (
    SELECT tstzrange(%(from_at)s::timestamptz, %(to_at)s::timestamptz) AS span
)
SELECT 2 AS place, 'no_band' AS reason, lower(gap.span) AS from_at, upper(gap.span) AS to_at
FROM asked
CROSS JOIN LATERAL unnest(
    tstzmultirange(asked.span) - coalesce(
        (
            SELECT range_agg(a.worn) FROM device_assignment AS a
            WHERE a.patient_id = %(patient_id)s AND a.worn && asked.span
        ),
        '{}'
    )
) AS gap (span)
UNION ALL
SELECT 3, 'outage', lower(o.during * here.span), upper(o.during * here.span)
FROM asked
JOIN patient_centre AS p ON p.patient_id = %(patient_id)s AND p.during && asked.span
CROSS JOIN LATERAL (SELECT p.during * asked.span AS span) AS here
JOIN gateway AS g ON g.centre_id = p.centre_id
JOIN gateway_outage AS o ON o.gateway_id = g.id AND o.during && here.span
ORDER BY place, from_at, to_at;

-- name: why_batches
-- The batches whose readings lie in spans of a patient's time, by whoever was assigned then: number
-- of the span, where the batch came from, and how many heart rates and step counts of it lie there.
SELECT
    behind.number, o.code, g.code, encode(b.boot, 'hex'), b.seq, encode(b.content_sha256, 'hex'),
    b.committed_at, behind.heart_rates, behind.step_counts
FROM (
    SELECT
        span.number, reading.batch_id,
        count(*) FILTER (WHERE reading.is_heart_rate) AS heart_rates,
        count(*) FILTER (WHERE NOT reading.is_heart_rate) AS step_counts
    FROM unnest(%(numbers)s::integer[], %(from_at)s::timestamptz[], %(to_at)s::timestamptz[])
        AS span (number, from_at, to_at)
    JOIN device_assignment AS a
        ON a.patient_id = %(patient_id)s AND a.worn && tstzrange(span.from_at, span.to_at)
    CROSS JOIN LATERAL (
        SELECT batch_id, true AS is_heart_rate
        FROM heart_rate
        WHERE device_id = a.device_id AND a.worn @> at
            AND at >= span.from_at AND at < span.to_at
            AND at >= %(earliest)s::timestamptz AND at < %(latest)s::timestamptz
        UNION ALL
        SELECT batch_id, false
        FROM steps
        WHERE device_id = a.device_id AND a.worn @> at
            AND at >= span.from_at AND at < span.to_at
            AND at >= %(earliest)s::timestamptz AND at < %(latest)s::timestamptz
        UNION ALL
        SELECT batch_id, false
        FROM steps_counter
        WHERE device_id = a.device_id AND a.worn @> at
            AND at >= span.from_at AND at < span.to_at
            AND at >= %(earliest)s::timestamptz AND at < %(latest)s::timestamptz
    ) AS reading
    GROUP BY span.number, reading.batch_id
) AS behind
JOIN batch AS b ON b.id = behind.batch_id
JOIN gateway AS g ON g.id = b.gateway_id
JOIN organisation AS o ON o.id = g.centre_id
ORDER BY behind.number, b.committed_at, b.id;

-- name: why_origins
-- Where batches came from, by id.
SELECT
    b.id, o.code, g.code, encode(b.boot, 'hex'), b.seq, encode(b.content_sha256, 'hex'),
    b.committed_at
FROM batch AS b
JOIN gateway AS g ON g.id = b.gateway_id
JOIN organisation AS o ON o.id = g.centre_id
WHERE b.id = ANY (%(batches)s);

-- name: why_batches_of_page
SELECT
    behind.number, o.code, g.code, encode(b.boot, 'hex'), b.seq, encode(b.content_sha256, 'hex'),
    b.committed_at, behind.heart_rates, behind.step_counts
FROM week_batches(
    %(patient_id)s, %(numbers)s::integer[], %(from_at)s::timestamptz[], %(to_at)s::timestamptz[]
) AS behind
JOIN batch AS b ON b.id = behind.batch_id
JOIN gateway AS g ON g.id = b.gateway_id
JOIN organisation AS o ON o.id = g.centre_id
ORDER BY behind.number, b.committed_at, b.id;

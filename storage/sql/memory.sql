-- name: claim_clocks
-- Gather the offsets that were heard; return the bands with new stamps whose clock was another once.
WITH heard AS (
    DELETE FROM clock_heard RETURNING device_id, least_ms, greatest_ms
),
of_bands AS (
    SELECT device_id, min(least_ms) AS least_ms, max(greatest_ms) AS greatest_ms
    FROM heard
    GROUP BY device_id
),
gathered AS (
    INSERT INTO band_clock AS old (device_id, least_ms, greatest_ms)
    SELECT device_id, least_ms, greatest_ms FROM of_bands
    ON CONFLICT (device_id) DO UPDATE
    SET least_ms = least(old.least_ms, excluded.least_ms),
        greatest_ms = greatest(old.greatest_ms, excluded.greatest_ms)
    RETURNING device_id, least_ms, greatest_ms
)
SELECT device_id FROM gathered
WHERE greatest_ms - least_ms > %(within_ms)s
ORDER BY device_id;

-- name: stamped_readings
-- All readings of these bands that have a stamp, each with when its batch was sealed.
SELECT
    r.reading_table,
    r.device_id,
    r.device_ts_ms,
    (extract(epoch FROM r.at) * 1000)::bigint,
    r.value,
    r.span_ms,
    min((extract(epoch FROM b.sealed_at) * 1000)::bigint)
FROM (
    SELECT 'heart_rate' AS reading_table, * FROM heart_rate WHERE device_id = ANY (%(devices)s)
    UNION ALL
    SELECT 'steps', * FROM steps WHERE device_id = ANY (%(devices)s)
    UNION ALL
    SELECT 'steps_counter', * FROM steps_counter WHERE device_id = ANY (%(devices)s)
) AS r
JOIN batch AS b ON b.id = r.batch_id
WHERE r.device_ts_ms IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6;

-- name: said_before
-- What is kept of a band's readings with a stamp that were deleted.
SELECT
    b.reading_table,
    b.device_id,
    piece.device_ts_ms,
    (extract(epoch FROM piece.at) * 1000)::bigint,
    get_byte(b.said, piece.place::integer - 1),
    (extract(epoch FROM piece.sealed_at) * 1000)::bigint
FROM said_before AS b
CROSS JOIN LATERAL unnest(b.device_ts_ms, b.at, b.sealed_at)
    WITH ORDINALITY AS piece (device_ts_ms, at, sealed_at, place)
WHERE b.device_id = %(device_id)s;

-- name: put_said_before
INSERT INTO said_before (device_id, reading_table, device_ts_ms, at, sealed_at, said)
SELECT
    %(device_id)s, %(reading_table)s, %(stamps)s::bigint[],
    ARRAY(
        SELECT timestamptz 'epoch' + ms * interval '1 millisecond'
        FROM unnest(%(at_ms)s::bigint[]) WITH ORDINALITY AS t (ms, place) ORDER BY place
    ),
    ARRAY(
        SELECT timestamptz 'epoch' + ms * interval '1 millisecond'
        FROM unnest(%(sealed_ms)s::bigint[]) WITH ORDINALITY AS t (ms, place) ORDER BY place
    ),
    %(said)s::bytea;

-- name: make_said_again
CREATE TEMPORARY TABLE IF NOT EXISTS new_said_again (LIKE said_again INCLUDING DEFAULTS) ON COMMIT DROP;

-- name: clear_said_again
TRUNCATE new_said_again;

-- name: stage_said_again
COPY new_said_again (reading_table, device_id, device_ts_ms, at, value, span_ms) FROM STDIN;

-- name: put_said_again
-- Make what is known of these bands equal to what was found; note the days of their wearers on which
-- a reading came to count, or no longer counts.
WITH gone AS (
    DELETE FROM said_again AS old
    WHERE old.device_id = ANY (%(devices)s)
        AND NOT old.is_settled
        AND NOT EXISTS (
            SELECT FROM new_said_again AS n
            WHERE (n.device_id, n.reading_table, n.device_ts_ms, n.at, n.value, n.span_ms)
                = (old.device_id, old.reading_table, old.device_ts_ms, old.at, old.value, old.span_ms)
        )
    RETURNING device_id, at
),
come AS (
    INSERT INTO said_again
    SELECT * FROM new_said_again
    ON CONFLICT DO NOTHING
    RETURNING device_id, at
),
other AS (
    SELECT device_id, at FROM gone
    UNION ALL
    SELECT device_id, at FROM come
)
INSERT INTO changed (patient_id, during)
SELECT a.patient_id, tstzrange(min(o.at), max(o.at), '[]')
FROM other AS o
JOIN device_assignment AS a ON a.device_id = o.device_id AND a.worn @> o.at
GROUP BY a.patient_id, date_trunc('day', o.at, 'UTC');

-- name: said_again_by
-- What these bands said again in a reading table.
SELECT device_id, device_ts_ms, (extract(epoch FROM at) * 1000)::bigint, value
FROM said_again
WHERE reading_table = %(reading_table)s AND device_id = ANY (%(devices)s);
